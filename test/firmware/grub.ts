// GRUB as what firmware boots: it fetches files and shows their sums on the console.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { find, type Peer, run } from "../interop/peers.ts";
import { noise } from "../loopback/pair.ts";
import type { Machine } from "./machine.ts";

const lengths: readonly number[] = [0, 1, 1023, 1024, 1_000_003];
const modules = ["tftp", "net", "normal", "echo", "hashsum", "gcry_sha256", "configfile"];

export const grubProgram: Peer = "grub-mkimage";

/** Puts the program, its menu and the files into a folder. `host` as a URL has it. */
export async function layGrub(
  root: string,
  host: string,
  [format, ...more]: readonly ["i386-pc-pxe", "pxe"] | readonly ["x86_64-efi", "efinet"],
): Promise<void> {
  const at = ["-p", `(tftp,${host})/grub`, "-o", join(root, "grub.bin")];
  await run(find(grubProgram) ?? "", ["-O", format, ...at, ...more, ...modules]);
  await mkdir(join(root, "grub"));
  const sums = lengths.map((length) => `hashsum --hash sha256 /file-${length}`);
  const menu = ["echo sums:", ...sums, "echo no more", "hashsum --hash sha256 /nothing-here"];
  await writeFile(join(root, "grub/grub.cfg"), [...menu, "echo done"].join("\n"));
  for (const length of lengths) await writeFile(join(root, `file-${length}`), noise(length));
}

/** From the menu to its last line. */
export async function assertSums(machine: Machine): Promise<void> {
  await machine.until("sums:");
  const shown = await machine.until("no more");
  const expected = lengths.map((length) => {
    return createHash("sha256").update(noise(length)).digest("hex");
  });
  assert.deepEqual(shown.match(/[0-9a-f]{64}/g), expected);
  assert.match(await machine.until("done"), /file not found/);
}
