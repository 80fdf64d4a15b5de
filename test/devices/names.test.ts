// Requests as clients spell them: names, modes, options, and what stands behind them.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import { directory } from "../../src/index.ts";
import { ack, data, rrq, wire, wrq } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll, readAllButOnce, readOn, readWindows } from "./fetching.ts";
import { NotApplicable } from "./line.ts";
import { device, endedAs } from "./played.ts";

const image = content(3000);
const files = { image };

const root = await mkdtemp(join(tmpdir(), "tidewire-devices-"));
before(async () => {
  await mkdir(join(root, "boot"));
  await writeFile(join(root, "boot", "image"), image);
});
after(() => rm(root, { recursive: true, force: true }));

for (const [who, name] of [
  ["a drive letter", "C:\\boot\\image"],
  ["the root's own path", `${root}/boot/image`],
  ["leading slashes", "///boot/image"],
  ["double slashes", "boot//image"],
  ["a dot between slashes", "boot/./image"],
] as const) {
  device(
    `a client that writes ${who} finds the file`,
    {
      storage: directory(root),
      files: { "boot/image": image },
      ...(name.startsWith(root) ? { simulatedOnly: "a folder of this test" } : {}),
    },
    async (asking) => {
      await asking.ask(rrq(name));
      await readOn(asking, image);
    },
  );
}

device(
  "mode and option names in mixed case are understood and come back as they were spelled",
  { files },
  async (asking) => {
    await asking.ask(wire("\0\x01image\0OcTeT\0BLKSIZE\x001024\0TSize\x000\0"));
    assert.deepEqual(await asking.oack(), { BLKSIZE: "1024", TSize: "3000" });
    await readAll(asking, image, 1024);
  },
);

for (const [what, request] of [
  ["no NUL after the mode", "\0\x01image\0octet"],
  ["NULs behind the mode", "\0\x01image\0octet\0\0\0\0\0"],
  ["garbage behind an empty option name", "\0\x01image\0octet\0\0garbage\0x\0"],
] as const) {
  device(`a request with ${what} is a request`, { files }, async (asking) => {
    await asking.ask(wire(request));
    await readOn(asking, image);
  });
}

device(
  "a client of blksize2, utimeout and rollover is answered or ignored, never refused",
  { files },
  async (asking) => {
    await asking.ask(rrq("image", { blksize2: 1500, utimeout: 500_000, rollover: 0 }));
    const { packet } = await asking.next();
    assert.ok(packet.op === "oack" || packet.op === "data", packet.op);
    if (packet.op === "data") {
      await asking.answer(ack(1));
      await readOn(asking, image, { after: 1 });
      return;
    }
    const blksize = Number(packet.options.get("blksize2")?.value ?? 512);
    assert.ok([512, 1024].includes(blksize), "a power of two");
    await readAll(asking, image, blksize);
  },
);

device("Tftpd32's client gets no answer to its option udpport", { files }, async (asking) => {
  await asking.ask(rrq("image", { blksize: 1024, udpport: 0 }));
  assert.deepEqual(await asking.oack(), { blksize: "1024" });
  await readAll(asking, image, 1024);
});

device(
  "atftp that asks for multicast with an empty value gets its file alone",
  { files },
  async (asking) => {
    await asking.ask(rrq("image", { blksize: 1024, multicast: "" }));
    const agreed = await asking.oack();
    assert.equal(agreed.blksize, "1024");
    if (asking.foreign && agreed.multicast) throw new NotApplicable("it has multicast");
    assert.equal(agreed.multicast, undefined);
    await readAll(asking, image, 1024);
  },
);

device(
  "curl gets no tsize for an empty file, for it takes 0 for an error",
  { files: { empty: "" } },
  async (asking) => {
    await asking.ask(rrq("empty", { tsize: 0, blksize: 512, timeout: 6 }));
    const agreed = await asking.oack();
    assert.equal(agreed.tsize, undefined);
    await readAll(asking, new Uint8Array(), 512);
  },
);

device("curl gets the size of a file that is not empty", { files }, async (asking) => {
  await asking.ask(rrq("image", { tsize: 0, blksize: 512, timeout: 6 }));
  assert.equal((await asking.oack()).tsize, "3000");
  await readAll(asking, image, 512);
});

device(
  "a block that curl lost comes again long before the six seconds that it asks for",
  { files, after: endedAs("curl", "completed") },
  async (asking) => {
    await asking.ask(rrq("image", { tsize: 0, blksize: 512, timeout: 6 }));
    await asking.oack();
    await readAllButOnce(asking, image, 512);
  },
);

device("busybox asks for tsize and blksize and gets both", { files }, async (asking) => {
  await asking.ask(rrq("image", { blksize: 1400, tsize: 0 }));
  assert.deepEqual(await asking.oack(), { blksize: "1400", tsize: "3000" });
  await readAll(asking, image, 1400);
});

device(
  "u-root that asks for the largest window gets one that can be sent",
  { files: { image: content(200_000) } },
  async (asking) => {
    await asking.ask(rrq("image", { blksize: 1024, windowsize: 65_535 }));
    const agreed = await asking.windows();
    const windowsize = Number(agreed.windowsize);
    assert.ok(windowsize >= 1 && windowsize <= 65_535, "never refused");
    await asking.answer(ack(0));
    await readWindows(asking, content(200_000), agreed);
  },
);

const beyond = content(8 * 65_540 + 3);

device(
  "a client that rolls over to 1 uploads more than 65,535 blocks",
  {
    uploads: "create",
    after: ({ stored }) => assert.ok(Buffer.from(beyond).equals(stored.get("up")!)),
  },
  async (asking) => {
    await asking.ask(wrq("up", { blksize: 8 }));
    await asking.oack();
    for (let block = 1; block <= 65_541; block++) {
      const number = block <= 65_535 ? block : block - 65_535;
      await asking.answer(data(number, beyond.subarray((block - 1) * 8, block * 8)));
      await asking.ack(number);
    }
  },
);

for (const [what, setting, asked] of [
  ["asks for rollover=1", {}, { blksize: 8, rollover: 1 }],
  ["is known to need it (--rollover 1)", { limits: { rollover: 1 } }, { blksize: 8 }],
] as const) {
  device(
    `a client that ${what} reads on at block 1 after 65,535`,
    {
      files: { image: beyond },
      ...setting,
      ...("limits" in setting ? { simulatedOnly: "our own option" } : {}),
    },
    async (asking) => {
      await asking.ask(rrq("image", asked));
      await asking.oack();
      await asking.answer(ack(0));
      for (let block = 1; block <= 65_541; block++) {
        const number = block <= 65_535 ? block : block - 65_535;
        await asking.data(number);
        await asking.answer(ack(number));
      }
    },
  );
}

device(
  "a Raspberry Pi 5 that cannot count past 65,535 is warned of in the event of the start",
  {
    files: { image: beyond },
    simulatedOnly: "an event of our server",
    after: ({ events }) => {
      const [started] = events.filter((event) => event.kind === "started");
      const [ended] = events.filter((event) => event.kind === "ended");
      assert.equal(started?.diagnosis?.cause, "block-65535");
      assert.match(started?.diagnosis?.advice ?? "", /takes 65541 blocks of 8 bytes/);
      assert.equal(ended?.diagnosis?.cause, "block-65535");
    },
  },
  async (asking) => {
    await asking.ask(rrq("image", { tsize: 0, blksize: 8 }));
    await asking.oack();
    await asking.answer(ack(0));
    for (let block = 1; block <= 65_535; block++) {
      await asking.data(block);
      await asking.answer(ack(block));
    }
    await asking.data(0); // which it takes for nonsense, and says nothing more
  },
);
