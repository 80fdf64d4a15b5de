// UEFI, PXE ROMs and boards: what real boot firmware asks, in its own words.

import assert from "node:assert/strict";
import { ack, error, rrq, wire } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readOn, readWindows } from "./fetching.ts";
import type { Device } from "./line.ts";
import { device, type Ended } from "./played.ts";

const image = content(6000);
const files = { "boot.efi": image };
const probeOptions = { tsize: 0, blksize: 1468, windowsize: 4 };

async function probeAndFetch(asking: Device, abort: Uint8Array): Promise<void> {
  await asking.ask(rrq("boot.efi", probeOptions));
  assert.equal((await asking.oack()).tsize, "6000");
  await asking.answer(abort);
  await asking.silence(20_000);
  const next = await asking.another();
  await next.ask(rrq("boot.efi", { blksize: 1468, windowsize: 4 }));
  const agreed = await next.oack();
  assert.equal(agreed.blksize, "1468");
  await next.answer(ack(0));
  await readWindows(next, image, agreed);
}

const probedThenWhole = ({ endings, events }: Ended): void => {
  assert.deepEqual(endings, ["probe", "completed"]);
  const [probe] = events.filter((event) => event.kind === "ended");
  assert.equal(probe?.transfer.family, "edk2");
};

device(
  "EDK2 asks for the size, aborts with ERROR 8 and fetches from its next port",
  { files, after: probedThenWhole },
  (asking) => probeAndFetch(asking, error(8, "User aborted the transfer")),
);

device(
  "a UEFI that aborts its size probe with ERROR 0 and a text is a calm probe too",
  { files, after: probedThenWhole },
  (asking) => probeAndFetch(asking, error(0, "Closed by application")),
);

device(
  "a UEFI that aborts its size probe with ERROR 0 and no text is a calm probe too",
  { files, after: probedThenWhole },
  (asking) => probeAndFetch(asking, error(0, "")),
);

device("EDK2 gets its window of four blocks", { files }, async (asking) => {
  await asking.ask(rrq("boot.efi", { blksize: 1468, windowsize: 4 }));
  assert.deepEqual(await asking.windows(), { blksize: "1468", windowsize: "4" });
  await asking.answer(ack(0));
  for (let block = 1; block <= 4; block++) await asking.data(block);
  await asking.silence(60);
  await asking.answer(ack(4));
  assert.equal((await asking.data(5)).length, 6000 - 4 * 1468);
  await asking.answer(ack(5));
});

device(
  "EDK2 over IPv6 gets the smaller block that it asks for",
  {
    files,
    server: "2001:db8::1",
    device: "2001:db8::21",
    simulatedOnly: "the other servers are played over IPv4 only",
    after: probedThenWhole,
  },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { tsize: 0, blksize: 1228, windowsize: 4 }));
    assert.equal((await asking.oack()).blksize, "1228");
    await asking.answer(error(8, "User aborted the transfer"));
    const next = await asking.another();
    await next.ask(rrq("boot.efi", { blksize: 1228, windowsize: 4 }));
    const agreed = await next.oack();
    await next.answer(ack(0));
    await readWindows(next, image, agreed);
  },
);

device(
  "the UEFI shell gets a window of 64 blocks of 8192 bytes",
  { files: { big: content(600_000) } },
  async (asking) => {
    await asking.ask(rrq("big", { blksize: 8192, windowsize: 64 }));
    const agreed = await asking.windows();
    assert.deepEqual(agreed, { blksize: "8192", windowsize: "64" });
    await asking.answer(ack(0));
    await readWindows(asking, content(600_000), agreed);
  },
);

device(
  "QEMU's UEFI gets the smaller block that we are told to cap to",
  { files, limits: { blksizeMax: 1024 } },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { blksize: 1468 }));
    assert.deepEqual(await asking.oack(), { blksize: "1024" });
    await readAll(asking, image, 1024);
  },
);

device(
  "a client behind a VPN gets blocks that fit when they are capped",
  { files, limits: { blksizeMax: 1380 } },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { tsize: 0, blksize: 1456 }));
    assert.deepEqual(await asking.oack(), { tsize: "6000", blksize: "1380" });
    await readAll(asking, image, 1380);
  },
);

device("SLOF gets its block of 1428 bytes", { files }, async (asking) => {
  await asking.ask(rrq("boot.efi", { blksize: 1428 }));
  assert.deepEqual(await asking.oack(), { blksize: "1428" });
  await readAll(asking, image, 1428);
});

device(
  "a Raspberry Pi gets a quick no for its serial number's folder and falls back",
  { files: { "start.elf": image, "config.txt": "x" } },
  async (asking) => {
    for (const name of ["9ffefdef/start4.elf", "9ffefdef/start.elf", "start4.elf"]) {
      const once = await asking.another();
      await once.ask(rrq(name, { tsize: 0, blksize: 1024 }));
      const refused = await once.next(900);
      assert.equal(refused.packet.op, "error");
      assert.equal(refused.packet.op === "error" && refused.packet.code, 1);
    }
    await asking.ask(rrq("start.elf", { tsize: 0, blksize: 1024 }));
    assert.equal((await asking.oack()).tsize, "6000");
    await readAll(asking, image, 1024);
  },
);

device(
  "a Raspberry Pi finds its files in the folder of its serial number",
  { files: { "9ffefdef/start4.elf": image, "start4.elf": "other" } },
  async (asking) => {
    await asking.ask(rrq("9ffefdef/start4.elf", { tsize: 0, blksize: 1024 }));
    await asking.oack();
    await readAll(asking, image, 1024);
  },
);

device(
  "the ROM of a Raspberry Pi 2 asks only for tsize and reads 512 bytes",
  {
    files,
  },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { tsize: 0 }));
    assert.deepEqual(await asking.oack(), { tsize: "6000" });
    await readAll(asking, image, 512);
  },
);

device(
  "a DGX refuses the OACK with ERROR 8 and asks again from the same port without options",
  { files, after: ({ endings }) => assert.equal(endings.at(-1), "completed") },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { tsize: 0, blksize: 1456 }));
    await asking.oack();
    await asking.answer(error(8, "TFTP option refused"));
    await asking.ask(rrq("boot.efi"));
    await readOn(asking, image);
    await asking.silence(10_000);
  },
);

device(
  "a ROM that never answers the OACK gets DATA 1 for its second request without options",
  { files, after: ({ endings }) => assert.deepEqual(endings, ["replaced", "completed"]) },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { tsize: 0, blksize: 1456 }));
    await asking.oack();
    await asking.ask(rrq("boot.efi"));
    await readOn(asking, image);
  },
);

device(
  "Limine never gets a short block before the last one",
  {
    files: { kernel: content(20_000) },
  },
  async (asking) => {
    await asking.ask(rrq("kernel", { tsize: 0, blksize: 1200 }));
    const { blksize } = await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block <= 16; block++) {
      assert.equal((await asking.data(block)).length, Number(blksize));
      await asking.answer(ack(block));
    }
    assert.equal((await asking.data(17)).length, 800);
    await asking.answer(ack(17));
  },
);

device(
  "an XP1000 (SRM) that acknowledges the OACK at port 69 gets its file",
  { files, after: ({ endings }) => assert.deepEqual(endings, ["completed"]) },
  async (asking) => {
    await asking.ask(rrq("boot.efi", { blksize: 1024 }));
    await asking.oack();
    await asking.ask(ack(0));
    await readOn(asking, image, { blksize: 1024 });
  },
);

device(
  "a DHCP discover of PXE firmware at our port is not answered",
  {
    files,
    simulatedOnly: "no device's need",
    after: ({ events }) => assert.equal(events.at(-1)?.kind, "stray"),
  },
  async (asking) => {
    await asking.ask(wire(`\x01\x01\x06\0${"\0".repeat(232)}\x63\x82\x53\x63\x35\x01\x01\xff`));
    await asking.silence(10_000);
  },
);
