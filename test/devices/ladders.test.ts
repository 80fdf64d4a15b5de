// Searches: GRUB, PXELINUX and Cisco ask for one name after the other until one is there. Each miss
// costs them a round trip and nothing else.

import assert from "node:assert/strict";
import { rrq } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { readAll } from "./fetching.ts";
import { type Device, describe } from "./line.ts";
import { device, type Ended } from "./played.ts";

const config = content(700);

const grubLadder = [
  "/grub/grub.cfg-01-52-54-00-12-34-56",
  "/grub/grub.cfg-C0000215",
  "/grub/grub.cfg-C000021",
  "/grub/grub.cfg-C00002",
  "/grub/grub.cfg-C0000",
  "/grub/grub.cfg-C000",
  "/grub/grub.cfg-C00",
  "/grub/grub.cfg-C0",
  "/grub/grub.cfg-C",
];

const pxelinuxLadder = [
  "pxelinux.cfg/564d4c5e-0d5b-4b1c-9c5b-1f0a2b3c4d5e",
  "pxelinux.cfg/01-52-54-00-12-34-56",
  "pxelinux.cfg/C0000215",
  "pxelinux.cfg/C000021",
  "pxelinux.cfg/C00002",
  "pxelinux.cfg/C0000",
  "pxelinux.cfg/C000",
  "pxelinux.cfg/C00",
  "pxelinux.cfg/C0",
  "pxelinux.cfg/C",
];

async function miss(asking: Device, names: readonly string[], options: object): Promise<void> {
  for (const name of names) {
    const once = await asking.another();
    await once.ask(rrq(name, { ...options }));
    const arrived = await once.next(900);
    assert.ok(arrived.packet.op === "error" && arrived.packet.code === 1, describe(arrived));
  }
}

/** Misses are events of their own and no transfers. */
const missed =
  (count: number, family: string) =>
  ({ events }: Ended): void => {
    const refused = events.filter((event) => event.kind === "refused");
    assert.equal(refused.length, count);
    assert.ok(refused.every(({ request }) => request.family === family));
    assert.equal(events.filter(({ kind }) => kind === "started").length, 1);
  };

device(
  "GRUB searches from its MAC address down its IP address and finds grub.cfg",
  { files: { "grub/grub.cfg": config }, after: missed(9, "grub") },
  async (asking) => {
    await miss(asking, grubLadder, { blksize: 1024, tsize: 0 });
    await asking.ask(rrq("/grub/grub.cfg", { blksize: 1024, tsize: 0 }));
    await asking.oack();
    await readAll(asking, config, 1024);
  },
);

device(
  "PXELINUX searches from its UUID down its IP address and finds default",
  { files: { "pxelinux.cfg/default": config }, after: missed(10, "pxelinux") },
  async (asking) => {
    await miss(asking, pxelinuxLadder, { tsize: 0, blksize: 1408 });
    await asking.ask(rrq("pxelinux.cfg/default", { tsize: 0, blksize: 1408 }));
    await asking.oack();
    await readAll(asking, config, 1408);
  },
);
