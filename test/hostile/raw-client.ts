// A UDP socket without manners, for clients that misbehave. Knows no test: who opens it closes it.

import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { decode, type Packet } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";

export interface Heard {
  readonly bytes: Uint8Array;
  readonly packet: Packet;
  readonly from: Address;
}

export class RawClient {
  readonly address: Address;
  sent = 0;
  heard = 0;
  readonly #socket: Socket;
  readonly #waiting: Heard[] = [];
  #onHeard: () => void = () => {};

  static async open(host = "127.0.0.1"): Promise<RawClient> {
    const socket = createSocket("udp4");
    socket.bind(0, host);
    await once(socket, "listening");
    return new RawClient(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    socket.on("message", (bytes, { address: from, port: fromPort }) => {
      this.heard += 1;
      this.#waiting.push({ bytes, packet: decode(bytes), from: { host: from, port: fromPort } });
      if (this.#waiting.length > 1000) this.#waiting.shift();
      this.#onHeard();
    });
    socket.on("error", () => {});
  }

  send(datagram: Uint8Array, { host, port }: Address): void {
    this.sent += 1;
    // A port of 0 and a datagram that is too long fail here; to a hostile client that is all one.
    this.#socket.send(datagram, port, host, () => {});
  }

  /** The next datagram, or undefined when none comes in time. */
  async next(withinMillis: number): Promise<Heard | undefined> {
    if (this.#waiting.length === 0) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, withinMillis);
        this.#onHeard = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
    return this.#waiting.shift();
  }

  /** What is here already. */
  drain(): Heard[] {
    return this.#waiting.splice(0);
  }

  async close(): Promise<void> {
    await new Promise<void>((closed) => this.#socket.close(() => closed()));
  }
}
