// What the script of a device has in its hands: a UDP port, time, and a server to talk to. The same
// script is played in virtual time against our server and over loopback against any.

import assert from "node:assert/strict";
import { decode, type Packet } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";

export interface Arrived {
  readonly bytes: Buffer;
  readonly packet: Packet;
  readonly from: Address;
}

/** Where a script is played. */
export interface Stage {
  readonly server: Address;
  /** Another server than ours. */
  readonly foreign: boolean;
  readonly realTime: boolean;
  /** A port of the device; the next one with each call. */
  port(): Promise<Port>;
  /** How long to listen for what must not come. */
  readonly longestSilenceMillis: number;
  /** Lets time go by. */
  pause(millis: number): Promise<void>;
}

export interface Port {
  readonly address: Address;
  send(datagram: Uint8Array, to: Address): Promise<void>;
  /** The datagram that has waited longest, or the next one within this time. */
  take(withinMillis: number): Promise<{ bytes: Buffer; from: Address } | undefined>;
}

const pairs = /([^\0]+)\0([^\0]+)\0/g;
/** Longer than any server may take to repeat itself. */
const patienceMillis = 60_000;

/** The server lacks what the script is about, and may. */
export class NotApplicable extends Error {}

export class Device {
  /** Where requests go. */
  readonly server: Address;
  readonly #stage: Stage;
  readonly #port: Port;
  #last: Arrived | undefined;
  #taken: number | undefined;

  static async on(stage: Stage): Promise<Device> {
    return new Device(stage, await stage.port());
  }

  private constructor(stage: Stage, port: Port) {
    this.server = stage.server;
    this.#stage = stage;
    this.#port = port;
  }

  get address(): Address {
    return this.#port.address;
  }

  /** The server's end of the transfer: where the last packet came from. */
  get tid(): Address {
    return this.#last?.from ?? this.server;
  }

  /** Not ours: it may have what we lack, and lack what we have. */
  get foreign(): boolean {
    return this.#stage.foreign;
  }

  /** The same device at its next port. */
  another(): Promise<Device> {
    return Device.on(this.#stage);
  }

  /** To the port that is asked. */
  ask(request: Uint8Array): Promise<void> {
    return this.#port.send(request, this.server);
  }

  /** To the server's end of the transfer. */
  answer(datagram: Uint8Array, to: Address = this.tid): Promise<void> {
    return this.#port.send(datagram, to);
  }

  pause(millis: number): Promise<void> {
    return this.#stage.pause(millis);
  }

  async next(withinMillis: number = patienceMillis): Promise<Arrived> {
    const arrived = await this.within(withinMillis);
    assert.ok(arrived, "no datagram came");
    return arrived;
  }

  /** Undefined: nothing came. */
  async within(millis: number): Promise<Arrived | undefined> {
    const taken = await this.#port.take(millis);
    if (!taken) return undefined;
    this.#last = { ...taken, packet: decode(taken.bytes) };
    return this.#last;
  }

  /** Nothing comes for so long. */
  async silence(millis: number): Promise<void> {
    const taken = await this.#port.take(Math.min(millis, this.#stage.longestSilenceMillis));
    assert.equal(taken && describe({ ...taken, packet: decode(taken.bytes) }), undefined);
  }

  async expect<O extends Packet["op"]>(op: O): Promise<Packet & { op: O }> {
    const arrived = await this.next();
    assert.equal(arrived.packet.op, op, `${op} was expected, not ${describe(arrived)}`);
    return arrived.packet as Packet & { op: O };
  }

  /** The payload of exactly this DATA. */
  async data(block: number): Promise<Uint8Array> {
    let packet = await this.expect("data");
    // A busy machine is late with our ACK, and then a server may well repeat itself.
    while (this.#stage.realTime && packet.block === this.#taken) packet = await this.expect("data");
    assert.equal(packet.block, block & 0xffff);
    this.#taken = packet.block;
    return packet.payload;
  }

  async ack(block: number): Promise<void> {
    let packet = await this.expect("ack");
    while (this.#stage.realTime && packet.block === this.#taken) packet = await this.expect("ack");
    assert.equal(packet.block, block & 0xffff);
    this.#taken = packet.block;
  }

  async error(...codes: readonly number[]): Promise<string> {
    const packet = await this.expect("error");
    assert.ok(codes.includes(packet.code), `ERROR ${packet.code} ${packet.message}`);
    return packet.message;
  }

  /** The options of an OACK whose values are as they should be and nothing stands behind them. */
  async exactOack(): Promise<{ readonly [name: string]: string }> {
    const { bytes } = await this.next();
    const text = bytes.toString("latin1");
    assert.match(text, /^\0\x06(?:[^\0]+\0[^\0]+\0)+$/, JSON.stringify(text));
    return Object.fromEntries(
      [...text.slice(2).matchAll(pairs)].map(([, name, value]) => [name, value]),
    );
  }

  /** The agreed options of a server that has windows; for one without the script says nothing. */
  async windows(): Promise<{ readonly [name: string]: string }> {
    const agreed = await this.oack();
    if (agreed.windowsize === undefined && this.#stage.foreign)
      throw new NotApplicable("no windows");
    return agreed;
  }

  /** The options of an OACK, as they were spelled, in their order. */
  async oack(): Promise<{ readonly [name: string]: string }> {
    const { options } = await this.expect("oack");
    return Object.fromEntries([...options.values()].map(({ name, value }) => [name, value]));
  }
}

export function describe({ packet, bytes }: Arrived): string {
  const number = "block" in packet ? ` ${packet.block}` : "";
  return `${packet.op}${number} ${JSON.stringify(bytes.subarray(2, 60).toString("latin1"))}`;
}
