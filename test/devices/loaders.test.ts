// Boot loaders: iPXE, GRUB, U-Boot, PXELINUX, Windows bootmgr, each with its habits.

import assert from "node:assert/strict";
import { TftpError } from "../../src/index.ts";
import { ack, data, error, rrq, wire, wrq } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readOn, readWindows } from "./fetching.ts";
import { type Arrived, type Device, describe } from "./line.ts";
import { device, type Ended } from "./played.ts";

const image = content(9000);
const files = { image };

const family =
  (expected: string, ...endings: readonly string[]) =>
  ({ events, endings: found }: Ended): void => {
    assert.deepEqual(found, endings);
    for (const event of events) {
      if (event.kind === "ended") assert.equal(event.transfer.family, expected);
    }
  };

const ipxeOptions = { blksize: 1432, tsize: 0 };

device(
  "iPXE hears its whole file from one port, from block 1, never more than its block",
  { files, after: family("ipxe", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", ipxeOptions));
    assert.deepEqual(await asking.exactOack(), { blksize: "1432", tsize: "9000" });
    const from = asking.tid;
    await asking.answer(ack(0));
    for (let block = 1; block <= 7; block++) {
      const arrived = await asking.next();
      assert.deepEqual(arrived.from, from);
      assert.ok(arrived.packet.op === "data" && arrived.packet.block === block);
      assert.ok(arrived.packet.payload.length <= 1432);
      await asking.answer(ack(block));
    }
  },
);

device(
  "iPXE closes early with TFTP Aborted, and that is the client's own doing",
  { files, after: family("ipxe", "aborted") },
  async (asking) => {
    await asking.ask(rrq("image", ipxeOptions));
    await asking.oack();
    await asking.answer(ack(0));
    await asking.data(1);
    await asking.answer(error(0, "TFTP Aborted"));
    await asking.silence(20_000);
  },
);

const grubOptions = { blksize: 1024, tsize: 0 };

device(
  "GRUB gets an OACK even where blocks are capped and windows are refused",
  { files, limits: { blksizeMax: 512, windowsizeMax: 1 }, after: family("grub", "completed") },
  async (asking) => {
    await asking.ask(rrq("/image", grubOptions));
    const { blksize } = await asking.oack();
    await readAll(asking, image, Number(blksize));
  },
);

device("GRUB finds its option names in lower case, as it sent them", { files }, async (asking) => {
  await asking.ask(rrq("/image", grubOptions));
  assert.deepEqual(await asking.oack(), { blksize: "1024", tsize: "9000" });
  await readAll(asking, image, 1024);
});

device(
  "GRUB stops acknowledging for a while when its queue is full, and goes on",
  { files: { image: content(60_000) }, after: family("grub", "completed") },
  async (asking) => {
    await asking.ask(rrq("/image", grubOptions));
    await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block < 50; block++) {
      await asking.data(block);
      await asking.answer(ack(block));
    }
    await asking.data(50);
    await asking.pause(20_000);
    await drop(asking, 50);
    await asking.answer(ack(50));
    await readOn(asking, content(60_000), { blksize: 1024, after: 50 });
  },
);

device(
  "GRUB acknowledges old blocks again and nothing comes twice",
  { files, after: family("grub", "completed") },
  async (asking) => {
    await asking.ask(rrq("/image", grubOptions));
    await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block <= 4; block++) {
      await asking.data(block);
      await asking.answer(ack(block));
    }
    await asking.data(5);
    for (const old of [0, 1, 2, 3, 4]) await asking.answer(ack(old));
    await asking.silence(90);
    await asking.answer(ack(5));
    await readOn(asking, image, { blksize: 1024, after: 5 });
  },
);

device(
  "GRUB closes a file early with ERROR 0 and the server is quiet at once",
  { files, after: family("grub", "aborted") },
  async (asking) => {
    await asking.ask(rrq("/image", grubOptions));
    await asking.oack();
    await asking.answer(ack(0));
    await asking.data(1);
    await asking.answer(error(0, "closed"));
    await asking.silence(20_000);
  },
);

const ubootOptions = { timeout: 5, tsize: 0, blksize: 1468 };

device(
  "U-Boot gets the timeout that it asked for, to the letter",
  { files, after: family("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", ubootOptions));
    const { timeout = "5", tsize, blksize } = await asking.oack();
    assert.deepEqual([timeout, tsize, blksize], ["5", "9000", "1468"]);
    await readAll(asking, image, 1468);
  },
);

device(
  "U-Boot never gets a larger block or another timeout than it asked for",
  { files, limits: { blksizeMax: 1024 } },
  async (asking) => {
    await asking.ask(rrq("image", { timeout: 255, blksize: 1468 }));
    const { timeout = "255", blksize } = await asking.oack();
    assert.equal(timeout, "255");
    assert.ok(Number(blksize) <= 1468);
    await readAll(asking, image, Number(blksize));
  },
);

device(
  "a lost block reaches U-Boot before its own timer of five seconds fires",
  { files, after: family("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", ubootOptions));
    await asking.oack();
    await asking.answer(ack(0));
    await asking.data(1); // lost on the way to the board
    const again = await asking.within(4500);
    assert.ok(again?.packet.op === "data" && again.packet.block === 1, "not before the timer");
    await asking.answer(ack(1));
    await readOn(asking, image, { blksize: 1468, after: 1 });
  },
);

device(
  "U-Boot repeats the last good ACK once for a gap and the window starts there at once",
  { files: { image: content(40_000) }, after: family("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", { timeout: 5, tsize: 0, blksize: 1468, windowsize: 8 }));
    assert.equal((await asking.windows()).windowsize, "8");
    await asking.answer(ack(0));
    for (let block = 1; block <= 8; block++) await asking.data(block); // of which 4 was lost
    await asking.answer(ack(3));
    const next = await asking.within(1000);
    assert.ok(next?.packet.op === "data" && next.packet.block === 4, "the window starts at 4");
    for (let block = 5; block <= 11; block++) await asking.data(block);
    await asking.answer(ack(11));
    for (let block = 12; block <= 19; block++) await asking.data(block);
    await asking.answer(ack(19));
    for (let block = 20; block <= 27; block++) await asking.data(block);
    await asking.answer(ack(27));
    await asking.data(28);
    await asking.answer(ack(28));
  },
);

device(
  "U-Boot gets a window that its network drivers survive",
  { files, simulatedOnly: "the others do not know the client" },
  async (asking) => {
    await asking.ask(rrq("image", { timeout: 5, blksize: 512, windowsize: 64 }));
    assert.equal((await asking.oack()).windowsize, "16");
  },
);

for (const code of ["FILE_EXISTS", "DISK_FULL", "TOO_LARGE", "ILLEGAL_OPERATION"] as const) {
  device(
    `U-Boot is told ${code} as ERROR 2, for it begins anew for ever after others`,
    {
      judge: () => ({ kind: "refuse", error: new TftpError(code, "no") }),
      simulatedOnly: "the others cannot be made to fail so",
      after: ({ events }) => {
        const [refused] = events.filter((event) => event.kind === "refused");
        assert.equal(refused?.error.code, code);
        assert.equal(refused?.request.family, "u-boot");
      },
    },
    async (asking) => {
      await asking.ask(wrq("image", { timeout: 5, blksize: 1468 }));
      await asking.error(2);
    },
  );
}

device(
  "U-Boot that sends too much is told so in mid-transfer as ERROR 2",
  {
    uploads: "create",
    limits: { uploadBytesMax: 1000 },
    simulatedOnly: "the others have no such limit",
    after: ({ stored }) => assert.equal(stored.size, 0),
  },
  async (asking) => {
    await asking.ask(wrq("up", { timeout: 5, blksize: 1468 }));
    await asking.oack();
    await asking.answer(data(1, content(1468)));
    await asking.error(2);
  },
);

device("U-Boot is told of a missing file by ERROR 1 at once", { files }, async (asking) => {
  await asking.ask(rrq("missing", ubootOptions));
  const arrived = await asking.next(900);
  assert.ok(arrived.packet.op === "error" && arrived.packet.code === 1, describe(arrived));
});

device(
  "a busy server tells U-Boot nothing that would stop it, so it asks again",
  { files, limits: { transfersMax: 1 }, simulatedOnly: "a limit of one transfer" },
  async (asking) => {
    await asking.ask(rrq("image", ubootOptions));
    await asking.oack();
    const second = await asking.another();
    await second.ask(rrq("image", ubootOptions));
    await second.silence(5000);
    await asking.answer(error(0, "enough"));
    await second.ask(rrq("image", ubootOptions));
    await second.oack();
    await readAll(second, image, 1468);
  },
);

device(
  "U-Boot without a boot file name finds the image of its address in hex",
  { files: { "C0000215.img": image } },
  async (asking) => {
    await asking.ask(rrq("C0000215.img", ubootOptions));
    await asking.oack();
    await readAll(asking, image, 1468);
  },
);

device("an older U-Boot finds its options in lower case", { files }, async (asking) => {
  await asking.ask(rrq("image", { timeout: 5, blksize: 1468 }));
  const agreed = await asking.exactOack();
  assert.equal(agreed.blksize, "1468");
  assert.ok(Object.keys(agreed).every((name) => name === name.toLowerCase()));
  await readAll(asking, image, 1468);
});

device(
  "a Star64 that loses the first copy of every block still gets its file",
  { files, after: family("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", { timeout: 1, blksize: 1468 }));
    await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block <= 7; block++) {
      await asking.data(block);
      await asking.data(block);
      await asking.answer(ack(block));
    }
  },
);

device(
  "U-Boot's pxe command asks for names with two slashes and with dots",
  { files: { "dir/x": image, "data/x": image } },
  async (asking) => {
    for (const name of ["dir//x", "dir/../data/x"]) {
      const once = await asking.another();
      await once.ask(rrq(name, ubootOptions));
      await once.oack();
      await readAll(once, image, 1468);
    }
  },
);

const pxelinuxOptions = { tsize: 0, blksize: 1408 };

device(
  "PXELINUX gets the size that it insists on",
  { files, after: family("pxelinux", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", pxelinuxOptions));
    assert.deepEqual(await asking.oack(), { tsize: "9000", blksize: "1408" });
    await readAll(asking, image, 1408);
  },
);

device(
  "PXELINUX repeats a request from the same port and gets one transfer",
  { files, after: family("pxelinux", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", pxelinuxOptions));
    await asking.oack();
    const { tid } = asking;
    await asking.pause(500);
    await asking.ask(rrq("image", pxelinuxOptions));
    await asking.oack();
    assert.deepEqual(asking.tid, tid);
    await readAll(asking, image, 1408);
    await asking.silence(10_000);
  },
);

const bootmgrOptions = { tsize: 0, blksize: 1456, windowsize: 4, msftwindow: 31416 };

device(
  "Windows bootmgr finds its files by backslashes, with a leading one, or mixed",
  { files: { "Boot/x64/bcd": image } },
  async (asking) => {
    for (const name of ["Boot\\x64\\bcd", "\\Boot\\x64\\bcd", "/Boot\\x64\\bcd"]) {
      const once = await asking.another();
      await once.ask(rrq(name, { tsize: 0, blksize: 1456 }));
      await once.oack();
      await readAll(once, image, 1456);
    }
  },
);

device(
  "a storage of our own sees slashes where Windows bootmgr writes backslashes",
  {
    storage: {
      openRead: async (name) => {
        throw new TftpError("FILE_NOT_FOUND", `no ${name}`);
      },
      openWrite: async () => {
        throw new TftpError("ACCESS_VIOLATION", "no");
      },
    },
    simulatedOnly: "a storage of our own",
  },
  async (asking) => {
    await asking.ask(rrq("\\Boot\\x64\\bcd", bootmgrOptions));
    assert.equal(await asking.error(1), "no /Boot/x64/bcd");
  },
);

device(
  "Windows bootmgr is not promised the variable window, and its ACKs of five bytes count",
  { files, after: family("windows", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", bootmgrOptions));
    const { tsize, blksize, windowsize = "1", ...more } = await asking.oack();
    assert.deepEqual([tsize, blksize], ["9000", "1456"]);
    assert.deepEqual(more, {}, "nothing else, msftwindow above all");
    await asking.answer(wire("\0\x04\0\0\x04"));
    for (let block = 1; block <= 7; block++) {
      await asking.data(block);
      const due = block === 7 || block % Number(windowsize) === 0;
      if (due) await asking.answer(Buffer.from([0, 4, 0, block, 4]));
    }
    await asking.silence(10_000);
  },
);

device(
  "Windows' ramdisk loader gets blocks of 16384 bytes in windows of four",
  { files: { "boot.wim": content(200_000) } },
  async (asking) => {
    await asking.ask(rrq("boot.wim", { tsize: 0, blksize: 16_384, windowsize: 4 }));
    const agreed = await asking.windows();
    assert.deepEqual(agreed, { tsize: "200000", blksize: "16384", windowsize: "4" });
    await asking.answer(ack(0));
    await readWindows(asking, content(200_000), agreed);
  },
);

/** Copies of this block that came while the device was busy. */
async function drop(asking: Device, block: number): Promise<void> {
  for (let copy: Arrived | undefined; (copy = await asking.within(0)); ) {
    assert.ok(copy.packet.op === "data" && copy.packet.block === block, describe(copy));
  }
}
