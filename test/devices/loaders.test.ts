// Boot loaders: iPXE, GRUB, PXELINUX, Windows bootmgr, each with its habits.

import assert from "node:assert/strict";
import { TftpError } from "../../src/index.ts";
import { ack, error, rrq, wire } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readOn, readWindows } from "./fetching.ts";
import { type Arrived, type Device, describe } from "./line.ts";
import { device, endedAs } from "./played.ts";

const image = content(9000);
const files = { image };

const ipxeOptions = { blksize: 1432, tsize: 0 };

device(
  "iPXE hears its whole file from one port, from block 1, never more than its block",
  { files, after: endedAs("ipxe", "completed") },
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
  { files, after: endedAs("ipxe", "aborted") },
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
  { files, limits: { blksizeMax: 512, windowsizeMax: 1 }, after: endedAs("grub", "completed") },
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
  { files: { image: content(60_000) }, after: endedAs("grub", "completed") },
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
  { files, after: endedAs("grub", "completed") },
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
    await asking.silence(60);
    await asking.answer(ack(5));
    await readOn(asking, image, { blksize: 1024, after: 5 });
  },
);

device(
  "GRUB closes a file early with ERROR 0 and the server is quiet at once",
  { files, after: endedAs("grub", "aborted") },
  async (asking) => {
    await asking.ask(rrq("/image", grubOptions));
    await asking.oack();
    await asking.answer(ack(0));
    await asking.data(1);
    await asking.answer(error(0, "closed"));
    await asking.silence(20_000);
  },
);

const pxelinuxOptions = { tsize: 0, blksize: 1408 };

device(
  "PXELINUX gets the size that it insists on",
  { files, after: endedAs("pxelinux", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", pxelinuxOptions));
    assert.deepEqual(await asking.oack(), { tsize: "9000", blksize: "1408" });
    await readAll(asking, image, 1408);
  },
);

device(
  "PXELINUX repeats a request from the same port and gets one transfer",
  { files, after: endedAs("pxelinux", "completed") },
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
  { files, after: endedAs("windows", "completed") },
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
