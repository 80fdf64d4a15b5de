// U-Boot itself, as it starts on an ARM board.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { crc32 } from "node:zlib";
import { folder, manyBlocksBytes } from "../interop/exchange.ts";
import { noise } from "../loopback/pair.ts";
import type { TestNetwork } from "../network/hosts.ts";
import { card, losePackets, Machine, type Needs, server, testWithMachine } from "./machine.ts";

const image = "/usr/lib/u-boot/qemu_arm/u-boot.bin";
const needs: Needs = { programs: ["qemu-system-arm"], files: [image] };
const prompt = "\n=> ";
const place = "0x42000000";

testWithMachine("U-Boot fetches files of all lengths, in lock-step", needs, async (net, t) => {
  const { uBoot, log } = await started(net, t);
  for (const length of [0, 1, 1467, 1468, 1469, 2936, 1_000_003]) {
    await uBoot.fetches(length);
    const ended = await log.next("ended");
    const agreed = { family: "u-boot", outcome: "completed", blksize: 1468, windowsize: 1 };
    assert.deepEqual({ ...ended, ...agreed }, ended);
  }
});

testWithMachine("U-Boot fetches in windows, beyond block 65,535", needs, async (net, t) => {
  const { uBoot, log } = await started(net, t);
  await uBoot.command("setenv tftpblocksize 512");
  await uBoot.command("setenv tftpwindowsize 8");
  await uBoot.fetches(manyBlocksBytes);
  const ended = await log.next("ended");
  assert.deepEqual({ ...ended, blksize: 512, windowsize: 8, resent: 0 }, ended);
});

testWithMachine("U-Boot fetches where packets are lost", needs, async (net, t) => {
  const { uBoot, log } = await started(net, t);
  await losePackets(net);
  await uBoot.command("setenv tftptimeout 1000");
  await uBoot.command("setenv tftpwindowsize 16");
  await uBoot.fetches(1_000_003);
  assert.ok(Number((await log.next("ended")).resent) > 0, "nothing was lost");
});

testWithMachine("U-Boot is told what is missing, and does not ask again", needs, async (net, t) => {
  const { uBoot, log } = await started(net, t);
  const shown = await uBoot.command(`tftpboot ${place} nothing-here`);
  assert.match(shown, /TFTP error: 'file not found' \(1\)\nNot retrying/);
  await log.next("refused", { file: "nothing-here", family: "u-boot" });
});

async function started(net: TestNetwork, t: TestContext) {
  const root = await folder(t);
  const log = await net.serve("server", root, "--listen", server);
  const uBoot = new UBoot(net, root);
  await uBoot.start();
  return { uBoot, log };
}

class UBoot {
  readonly #root: string;
  readonly #machine: Machine;

  constructor(net: TestNetwork, root: string) {
    this.#root = root;
    const board = ["-M", "virt", "-m", "256", "-bios", image];
    this.#machine = new Machine(net, "qemu-system-arm", [...board, "-device", card]);
  }

  async start(): Promise<void> {
    await this.#machine.until("stop autoboot");
    this.#machine.type("\r");
    await this.#machine.until(prompt);
    await this.command("setenv ipaddr 10.0.0.1");
    await this.command(`setenv serverip ${server}`);
  }

  /** What it showed. */
  async command(text: string): Promise<string> {
    this.#machine.type(`${text}\r`);
    await this.#machine.until(text);
    return this.#machine.until(prompt);
  }

  /** Fetches a file of this length and has it sum up what then lies in its memory. */
  async fetches(length: number): Promise<void> {
    const content = noise(length);
    await writeFile(join(this.#root, `file-${length}`), content, { mode: 0o644 });
    const shown = await this.command(`tftpboot ${place} file-${length}`);
    assert.match(shown, /\ndone/);
    if (length === 0) return;
    const sum = await this.command(`crc32 ${place} $filesize`);
    assert.equal(sum.trim().split("==> ")[1], crc32(content).toString(16).padStart(8, "0"));
  }
}
