// Who the other end of a transfer is (its TID, RFC 1350 4): adopts the first answer, turns
// strangers away with ERROR 5 and lets them disturb nothing.

import { decode, encode, type Millis, type Packet } from "../core/packet.ts";
import { Run } from "../core/run.ts";
import type { Address, DatagramSocket } from "../ports.ts";

/** A stranger hears ERROR 5 at most so often, so that nobody can use us to flood a third party. */
export const strangerMillis: Millis = 1000;

/** One for each TID of each host: all that tells one transfer, or one request, from another. */
export function keyOf({ host, port }: Address): string {
  return `${host} ${port}`;
}

export class Peer {
  #address: Address;
  #adopted: boolean;
  #strangerAnsweredAt: Millis = Number.NEGATIVE_INFINITY;
  #stranger: Address | undefined;

  /** `adopts`: the port of the answer is not known yet; the first answer from the host tells it. */
  constructor(address: Address, options: { readonly adopts: boolean }) {
    this.#address = address;
    this.#adopted = !options.adopts;
  }

  get address(): Address {
    return this.#address;
  }

  /** The last one that was turned away. */
  get stranger(): Address | undefined {
    return this.#stranger;
  }

  /** Somebody else has sent, and was turned away by others. */
  noteStranger(from: Address): void {
    this.#stranger = from;
  }

  /** Whether it has answered, and from here. */
  is({ host, port }: Address): boolean {
    return this.#adopted && port === this.#address.port && host === this.#address.host;
  }

  /** The packet, when it comes from our peer. */
  admit(
    datagram: Uint8Array,
    from: Address,
    socket: DatagramSocket,
    now: Millis,
  ): Packet | undefined {
    const { host, port } = this.#address;
    if (this.#adopted && from.port === port && from.host === host) return decode(datagram);
    const packet = decode(datagram);
    if (!this.#adopted && from.host === host && answers.has(packet.op)) {
      this.#address = from;
      this.#adopted = true;
      return packet;
    }
    this.#turnAway(packet, from, socket, now);
    return undefined;
  }

  #turnAway(packet: Packet, from: Address, socket: DatagramSocket, now: Millis): void {
    this.#stranger = from;
    if (packet.op === "error" || now - this.#strangerAnsweredAt < strangerMillis) return;
    this.#strangerAnsweredAt = now;
    const error = encode({ op: "error", code: 5, message: "unknown transfer ID" });
    socket.send(Run.of(error), from);
  }
}

const answers: ReadonlySet<string> = new Set(["data", "ack", "oack", "error"]);
