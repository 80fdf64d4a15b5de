// Writes examples/boot-root/firmware.bin and its checksum: 96 KiB + 7 bytes that look random and
// are the same on every machine, so that a transfer can be compared without a second copy.

import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";

const length = 96 * 1024 + 7; // no whole number of blocks, whatever the block size
const firmware = new Uint8Array(length);
let state = 0x7469_6465;
for (let index = 0; index < length; index++) {
  // xorshift32
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  firmware[index] = state & 0xff;
}

const folder = new URL("../examples/boot-root/", import.meta.url);
const sha256 = createHash("sha256").update(firmware).digest("hex");
writeFileSync(new URL("firmware.bin", folder), firmware);
writeFileSync(new URL("firmware.bin.sha256", folder), `${sha256}  firmware.bin\n`);
