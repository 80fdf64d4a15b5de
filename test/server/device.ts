// A scripted UDP peer: sends raw datagrams and awaits the next one, within a bound of time.

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import type { TestContext } from "node:test";
import { decode, encode, type Mode, type Option, type Packet } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";

const patienceMillis = 10_000;

export interface Arrived {
  readonly bytes: Buffer;
  readonly packet: Packet;
  readonly from: Address;
}

/** Is closed after the test. */
export class Device {
  readonly address: Address;
  readonly #socket: Socket;
  readonly #arrived: Arrived[] = [];
  #onArrival: () => void = () => {};

  static async open(t: TestContext, host = "127.0.0.1", port = 0): Promise<Device> {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    await new Promise<void>((bound, failed) => {
      socket.once("error", failed).bind(port, host, bound);
    });
    return Device.of(t, socket);
  }

  /** For a socket that is bound already. */
  static of(t: TestContext, socket: Socket): Device {
    t.after(() => new Promise<void>((closed) => socket.close(() => closed())));
    return new Device(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    socket.on("message", (bytes, from) => {
      this.#arrived.push({
        bytes,
        packet: decode(bytes),
        from: { host: from.address, port: from.port },
      });
      this.#onArrival();
    });
  }

  /** Resolves when the datagram has left. */
  async send(datagram: Uint8Array, to: Address): Promise<void> {
    await new Promise<void>((sent, failed) => {
      this.#socket.send(datagram, to.port, to.host, (error) => (error ? failed(error) : sent()));
    });
  }

  /** The datagram that has waited longest, or the next one to come. */
  async next(): Promise<Arrived> {
    const deadline = AbortSignal.timeout(patienceMillis);
    while (this.#arrived.length === 0) {
      await new Promise<void>((arrived, failed) => {
        this.#onArrival = arrived;
        deadline.onabort = () => failed(new Error("no datagram came"));
      });
    }
    return this.#arrived.shift() as Arrived;
  }

  /** As `next`, and it must be of this kind. */
  async expect<O extends Packet["op"]>(op: O): Promise<Arrived & { packet: Packet & { op: O } }> {
    const arrived = await this.next();
    assert.equal(arrived.packet.op, op, `${op} was expected, not ${describe(arrived)}`);
    return arrived as Arrived & { packet: Packet & { op: O } };
  }

  async expectData(block: number): Promise<Arrived & { packet: Packet & { op: "data" } }> {
    const arrived = await this.expect("data");
    assert.equal(arrived.packet.block, block);
    return arrived;
  }

  async expectAck(block: number): Promise<Arrived> {
    const arrived = await this.expect("ack");
    assert.equal(arrived.packet.block, block);
    return arrived;
  }

  async expectError(code: number): Promise<Arrived & { packet: Packet & { op: "error" } }> {
    const arrived = await this.expect("error");
    assert.equal(arrived.packet.code, code, arrived.packet.message);
    return arrived;
  }

  /** Takes what has come so far; how many bytes that was. */
  async drain(): Promise<number> {
    for (let turn = 0; turn < 3; turn++) await new Promise((soon) => setImmediate(soon));
    return this.#arrived.splice(0).reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Nothing has come that was not taken yet. What the kernel holds already is looked at too:
   * loopback delivers within the sender's call. */
  async expectSilence(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await new Promise((soon) => setImmediate(soon));
    assert.deepEqual(this.#arrived.map(describe), []);
  }
}

export type WireOptions = { readonly [name: string]: string | number };

export function rrq(filename: string, options: WireOptions = {}, mode: Mode = "octet"): Uint8Array {
  return encode({ op: "rrq", filename, mode, options: optionsOf(options) });
}

export function wrq(filename: string, options: WireOptions = {}, mode: Mode = "octet"): Uint8Array {
  return encode({ op: "wrq", filename, mode, options: optionsOf(options) });
}

export function ack(block: number): Uint8Array {
  return encode({ op: "ack", block });
}

export function data(block: number, payload: Uint8Array | string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, 3, block >> 8, block), Buffer.from(payload)]);
}

export function error(code: number, message = "enough"): Uint8Array {
  return encode({ op: "error", code, message });
}

export function oack(options: WireOptions): Uint8Array {
  return encode({ op: "oack", options: optionsOf(options) });
}

/** Each char is one byte. */
export function wire(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

export function valuesOf(options: ReadonlyMap<string, Option>): { [name: string]: string } {
  return Object.fromEntries([...options.values()].map(({ name, value }) => [name, value]));
}

function optionsOf(options: WireOptions): Map<string, Option> {
  return new Map(
    Object.entries(options).map(([name, value]) => [name, { name, value: String(value) }]),
  );
}

function describe({ packet, bytes }: Arrived): string {
  return `${packet.op} ${bytes.subarray(2, 40).toString("latin1")}`;
}
