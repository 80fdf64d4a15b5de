// What nearly every device does after its own peculiar beginning.

import assert from "node:assert/strict";
import { ack } from "../server/device.ts";
import type { Device } from "./line.ts";

/** Reads in lock-step from the block after `block` to the end; the whole must be `expected`. */
export async function readOn(
  device: Device,
  expected: Uint8Array,
  { blksize = 512, after = 0 }: { readonly blksize?: number; readonly after?: number } = {},
): Promise<void> {
  const parts: Uint8Array[] = [];
  for (let block = after + 1; ; block++) {
    const payload = await device.data(block);
    parts.push(payload);
    await device.answer(ack(block & 0xffff));
    if (payload.length < blksize) break;
  }
  assert.ok(Buffer.concat(parts).equals(expected.subarray(after * blksize)), "the file is whole");
}

/** After an OACK: ACK 0, then as `readOn`. */
export async function readAll(
  device: Device,
  expected: Uint8Array,
  blksize: number,
): Promise<void> {
  await device.answer(ack(0));
  await readOn(device, expected, { blksize });
}

/** After an OACK: the second block is lost, and comes again long before a timeout of seconds is
 * over. */
export async function readAllButOnce(
  device: Device,
  expected: Uint8Array,
  blksize: number,
): Promise<void> {
  await device.answer(ack(0));
  await device.data(1);
  await device.answer(ack(1));
  await device.data(2); // lost
  const again = await device.within(600);
  assert.ok(again?.packet.op === "data" && again.packet.block === 2, "only after seconds");
  await device.answer(ack(2));
  await readOn(device, expected, { blksize, after: 2 });
}

/** After ACK 0, one ACK for each window, and one for each gap (RFC 7440 4); what the OACK does not
 * name is as RFC 1350 says. */
export async function readWindows(
  device: Device,
  expected: Uint8Array,
  agreed: { readonly [option: string]: string },
): Promise<void> {
  const { blksize = 512, windowsize = 1 } = agreed;
  const parts: Uint8Array[] = [];
  let acked = 0;
  let reported = -1;
  for (let last = false; !last; ) {
    const { packet } = (await device.within(1000)) ?? {};
    if (packet?.op !== "data") assert.equal(packet, undefined, "DATA and nothing else");
    const inOrder = packet?.op === "data" && packet.block === parts.length + 1;
    if (inOrder) {
      parts.push(packet.payload);
      last = packet.payload.length < Number(blksize);
    } else if (reported === parts.length && packet) continue;
    else reported = parts.length;
    if (!inOrder || last || parts.length - acked === Number(windowsize)) {
      acked = parts.length;
      await device.answer(ack(acked));
    }
  }
  assert.ok(Buffer.concat(parts).equals(expected), "the file is whole");
}
