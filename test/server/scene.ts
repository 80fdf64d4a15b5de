// What the server tests share: a server on loopback, its events, and content to serve.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import {
  type Address,
  type MemoryStorage,
  memory,
  type ServeOptions,
  type Server,
  type ServerEvent,
  serve,
} from "../../src/index.ts";
import { ack, Device, data, rrq } from "./device.ts";

const patienceMillis = 10_000;

export interface Scene {
  readonly server: Server;
  readonly to: Address;
  readonly events: Events;
}

/** A server on 127.0.0.1; it is closed after the test. */
export async function scene(
  t: TestContext,
  options: Partial<ServeOptions> & Pick<ServeOptions, "storage">,
): Promise<Scene> {
  const events = new Events();
  const server = await serve({
    host: "127.0.0.1",
    port: 0,
    ...options,
    onEvent: (event) => events.add(event),
  });
  t.after(() => server.close());
  return { server, to: server.address, events };
}

type Kind = ServerEvent["kind"];
type EventOf<K extends Kind> = ServerEvent & { readonly kind: K };

/** What a server told, in order. */
export class Events {
  readonly all: ServerEvent[] = [];
  #onEvent: () => void = () => {};

  add(event: ServerEvent): void {
    this.all.push(event);
    this.#onEvent();
  }

  of<K extends Kind>(kind: K): EventOf<K>[] {
    return this.all.filter((event): event is EventOf<K> => event.kind === kind);
  }

  /** The first, second, ... event of a kind, once it is there. */
  async nth<K extends Kind>(kind: K, count = 1): Promise<EventOf<K>> {
    const deadline = AbortSignal.timeout(patienceMillis);
    for (;;) {
      const found = this.of(kind)[count - 1];
      if (found) return found;
      await new Promise<void>((resolve, reject) => {
        this.#onEvent = resolve;
        deadline.onabort = () => reject(new Error(`no event "${kind}" number ${count}`));
      });
    }
  }
}

/** `length` bytes that tell their place, so that a block out of order is seen. */
export function content(length: number, seed = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 7 + (at >> 8) * 13 + seed) & 0xff;
  return bytes;
}

export function files(): MemoryStorage {
  return memory(
    { "five.bin": content(5000), empty: "", "hello.txt": "hello" },
    { uploads: "create" },
  );
}

/** Fetches `hello.txt` of `files()` as a plain device; whatever the server was asked to do before
 * has been done by then. */
export async function stillServes(t: TestContext, to: Address): Promise<void> {
  const device = await Device.open(t);
  await device.send(rrq("hello.txt"), to);
  const { packet, from } = await device.expectData(1);
  assert.equal(Buffer.from(packet.payload).toString(), "hello");
  await device.send(ack(1), from);
}

/** Reads on in lock-step from the block after `block`, until the last; returns what came. On a busy
 * machine a block may come once more although its ACK is on the way. */
export async function readOn(device: Device, block: number, blksize = 512): Promise<Buffer> {
  const payloads: Uint8Array[] = [];
  for (;;) {
    block += 1;
    let { packet, from } = await device.expect("data");
    while (packet.block === ((block - 1) & 0xffff))
      ({ packet, from } = await device.expect("data"));
    assert.equal(packet.block, block & 0xffff);
    payloads.push(packet.payload);
    await device.send(ack(block & 0xffff), from);
    if (packet.payload.length < blksize) return Buffer.concat(payloads);
  }
}

/** Sends the content in lock-step from block 1 on; returns after the last ACK. */
export async function writeAll(
  device: Device,
  bytes: Uint8Array,
  to: Address,
  blksize = 512,
): Promise<void> {
  for (let block = 1; ; block++) {
    const payload = bytes.subarray((block - 1) * blksize, block * blksize);
    await device.send(data(block, payload), to);
    await device.expectAck(block);
    if (payload.length < blksize) return;
  }
}
