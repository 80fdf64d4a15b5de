// SLOF, the firmware of POWER servers and their virtual machines.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder } from "../interop/exchange.ts";
import { noise } from "../loopback/pair.ts";
import { Machine, type Needs, server, testWithMachine } from "./machine.ts";

const needs: Needs = { programs: ["qemu-system-ppc64"], files: ["/usr/share/qemu/slof.bin"] };
const sumUp = "0 load-base load-size bounds do i c@ + loop .";

testWithMachine("SLOF fetches files of all lengths", needs, async (net, t) => {
  const root = await folder(t);
  const log = await net.serve("server", root, "--listen", server);
  const power = ["-M", "pseries", "-m", "512", "-device", "spapr-vlan,netdev=cable"];
  const machine = new Machine(net, "qemu-system-ppc64", [
    ...power,
    "-prom-env",
    "auto-boot?=false",
  ]);
  await machine.until("0 > ");
  for (const length of [1, 1427, 1428, 1429, 100_003]) {
    const content = noise(length);
    await writeFile(join(root, `file-${length}`), content);
    machine.type(`load net:${server},file-${length},10.0.0.1\r`);
    await machine.until(`TFTP: Received file-${length}`);
    await machine.until(" > ");
    machine.type(`${sumUp}\r`);
    const sum = content.reduce((total, byte) => total + byte, 0).toString(16);
    assert.match(await machine.until(" ok"), new RegExp(` ${sum} $`));
    await machine.until(" > ");
    await log.next("ended", { family: "slof", outcome: "completed", bytes: length, blksize: 1428 });
  }
});
