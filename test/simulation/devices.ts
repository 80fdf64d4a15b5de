// Clients of a world that are not ours: they ask and vanish, ask again and again, acknowledge all
// that comes, or begin anew from the same port. They keep no timers.

import { decode, encode, type Option, type Options } from "../../src/core/packet.ts";
import { Run } from "../../src/core/run.ts";
import type { Address } from "../../src/ports.ts";
import { type Host, type SimulatedSocket, serverName } from "./fabric.ts";
import type { Random } from "./random.ts";

export const habits = [
  "mute",
  "prober",
  "stormy",
  "restless",
  "echoing reader",
  "echoing writer",
  "malformed",
  "gives up",
] as const;
export type DeviceHabit = (typeof habits)[number];

export interface DevicePlan {
  readonly habit: DeviceHabit;
  readonly startMillis: number;
  readonly filename: string;
  readonly otherName: string;
  readonly upload: Uint8Array;
  readonly uploadName: string;
}

const server: Address = { host: serverName, port: 69 };

export class Device {
  readonly #plan: DevicePlan;
  readonly #host: Host;
  readonly #random: Random;
  readonly #socket: SimulatedSocket;
  readonly #blksize: number;
  #heard = 0;

  constructor(plan: DevicePlan, host: Host, random: Random) {
    this.#plan = plan;
    this.#host = host;
    this.#random = random;
    this.#blksize = random.pick([8, 100, 512]);
    this.#socket = host.openAt(host.fabric.nextPort());
    this.#socket.foreign = true;
    this.#socket.onDatagram = (datagram, from) => this.#hear(datagram, from);
    // However little it is answered, it goes in the end.
    const goes = plan.startMillis + random.pick([10, 1000, 30_000, 200_000]);
    host.fabric.clock.at(goes, () => void this.#socket.close());
    host.fabric.clock.at(plan.startMillis, () => this.#begin());
  }

  #begin(): void {
    const { habit, filename, otherName, uploadName } = this.#plan;
    const { clock } = this.#host.fabric;
    const op = habit.endsWith("writer") || this.#random.chance(0.2) ? "wrq" : "rrq";
    const request = this.#request(op, op === "wrq" ? uploadName : filename);
    this.#send(habit === "malformed" ? this.#malformed() : request, server);
    if (habit === "stormy") {
      for (let count = this.#random.below(30); count > 0; count--) {
        const at = clock.now() + this.#random.upTo(this.#random.pick([5, 3000]));
        clock.at(at, () => this.#send(request.slice(), server));
      }
    }
    if (habit === "restless") {
      const at = clock.now() + this.#random.upTo(this.#random.pick([1, 50, 2000]));
      clock.at(at, () => this.#send(this.#request("rrq", otherName), server));
    }
  }

  #hear(datagram: Uint8Array, from: Address): void {
    const { habit } = this.#plan;
    const packet = decode(datagram);
    if (packet.op === "error" || habit === "mute" || habit === "stormy") return;
    this.#heard += 1;
    const givesUp = habit === "gives up" && this.#random.chance(0.3);
    if (givesUp || (habit === "prober" && packet.op === "oack")) {
      const code = this.#random.pick([0, 8, 3]);
      this.#send(encode({ op: "error", code, message: "enough" }), from);
    } else if (packet.op === "data") this.#send(encode({ op: "ack", block: packet.block }), from);
    else if (packet.op === "ack") this.#bring(packet.block + 1, from);
    else if (packet.op === "oack" && habit === "echoing writer") this.#bring(1, from);
    // Some answer an OACK to the port that they asked.
    else if (packet.op === "oack") {
      this.#send(encode({ op: "ack", block: 0 }), this.#random.chance(0.1) ? server : from);
    }
  }

  #bring(block: number, to: Address): void {
    const start = (block - 1) * this.#blksize;
    const { upload } = this.#plan;
    if (block > 0xffff || start > upload.length) return;
    const payload = upload.subarray(start, start + this.#blksize);
    this.#send(Buffer.concat([Uint8Array.of(0, 3, block >> 8, block), payload]), to);
  }

  #request(op: "rrq" | "wrq", filename: string): Uint8Array {
    const random = this.#random;
    const options = new Map<string, Option>();
    const add = (name: string, value: number): void => {
      options.set(name.toLowerCase(), { name, value: String(value) });
    };
    if (this.#blksize !== 512) add(random.pick(["blksize", "BLKSIZE"]), this.#blksize);
    if (random.chance(0.5)) add("tsize", op === "rrq" ? 0 : this.#plan.upload.length);
    if (random.chance(0.2)) add("windowsize", 1 + random.below(20));
    if (random.chance(0.1)) add("utimeout", 10_000 + random.below(3_000_000));
    if (random.chance(0.1)) add("timeout", random.below(4));
    if (random.chance(0.1)) add("rollover", random.below(3));
    if (random.chance(0.1)) add("unheard-of", random.below(3));
    const mode = random.chance(0.1) ? "netascii" : "octet";
    return encode({ op, filename, mode, options: options as Options });
  }

  #malformed(): Uint8Array {
    const request = this.#request("rrq", this.#plan.filename);
    const cut = request.slice(0, 1 + this.#random.below(request.length));
    for (let count = this.#random.below(4); count > 0; count--) {
      cut[this.#random.below(cut.length)] = this.#random.below(256);
    }
    return cut;
  }

  #send(datagram: Uint8Array, to: Address): void {
    if (this.#socket.closed || this.#heard > 5000) return;
    this.#socket.send(Run.of(datagram), to);
  }
}
