// U-Boot: exact time-outs, one repeated ACK for a gap, and no end of retries.

import assert from "node:assert/strict";
import { TftpError } from "../../src/index.ts";
import { ack, data, error, rrq, wrq } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readAllButOnce, readOn } from "./fetching.ts";
import { type Arrived, describe } from "./line.ts";
import { device, endedAs } from "./played.ts";

const image = content(9000);
const files = { image };
const ubootOptions = { timeout: 5, tsize: 0, blksize: 1468 };

device(
  "U-Boot gets the timeout that it asked for, to the letter",
  { files, after: endedAs("u-boot", "completed") },
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
  { files, after: endedAs("u-boot", "completed") },
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
  "a block that U-Boot lost comes again as soon as the path has told how fast it is",
  { files, after: endedAs("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", ubootOptions));
    await asking.oack();
    await readAllButOnce(asking, image, 1468);
  },
);

device(
  "U-Boot repeats the last good ACK once for a gap and the window starts there at once",
  { files: { image: content(40_000) }, after: endedAs("u-boot", "completed") },
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
  { files, after: endedAs("u-boot", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", { timeout: 1, blksize: 1468 }));
    await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block <= 7; block++) {
      assert.equal(numberOf(await asking.next()), block);
      assert.equal(numberOf(await asking.next()), block);
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

function numberOf({ packet }: Arrived): number | undefined {
  return packet.op === "data" ? packet.block : undefined;
}
