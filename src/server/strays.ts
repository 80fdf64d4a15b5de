// Datagrams that belong to no transfer: which are turned away, how often, and which are heard in
// silence. It must not know what transfers there are.

import { TftpError } from "../core/errors.ts";
import { encode, type Packet } from "../core/packet.ts";
import { Run } from "../core/run.ts";
import type { Address, Clock, DatagramSocket } from "../ports.ts";
import { keyOf, strangerMillis } from "../transfer/peer.ts";
import { RateLimit } from "./rates.ts";
import { Told } from "./told.ts";

export class Strays {
  readonly #clock: Clock;
  readonly #rate: RateLimit;
  readonly #told = new Told();
  readonly #onStray: (from: Address, reason: string) => void;
  #stranger = { key: "", answeredAt: 0 };

  constructor(
    clock: Clock,
    errorsPerSecond: number,
    onStray: (from: Address, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#rate = new RateLimit(errorsPerSecond);
    this.#onStray = onStray;
  }

  /** Has been sent an ERROR: what it answers is not answered. */
  note(to: Address): void {
    this.#told.note(keyOf(to), this.#clock.now());
  }

  /** At the listening port. */
  handle(packet: Packet, from: Address, socket: DatagramSocket): void {
    if (packet.op === "error") return;
    if (packet.op === "ack" && this.#told.has(keyOf(from), this.#clock.now())) {
      this.#onStray(from, "it acknowledges an ERROR");
    } else if (packet.op !== "invalid") this.#turnAway(5, "no transfer of yours", from, socket);
    else if (packet.request) this.#turnAway(4, packet.reason, from, socket);
    // An answer to what is not TFTP would be an echo: two servers could send it to and fro.
    else this.#onStray(from, packet.reason);
  }

  /** At a transfer's port. Who goes on and on is told once. */
  handleStranger(packet: Packet, from: Address, socket: DatagramSocket): void {
    const now = this.#clock.now();
    const { key, answeredAt } = this.#stranger;
    if (!answerable.has(packet.op)) return;
    if (key === keyOf(from) && now - answeredAt < strangerMillis) return;
    this.#stranger = { key: keyOf(from), answeredAt: now };
    this.#turnAway(5, "no transfer of yours", from, socket);
  }

  #turnAway(code: number, reason: string, from: Address, socket: DatagramSocket): void {
    this.note(from);
    this.#onStray(from, reason);
    if (this.#rate.allows(this.#clock.now())) sendError(socket, from, code, reason);
  }
}

/** A request has another port to go to. */
const answerable: ReadonlySet<string> = new Set(["data", "ack", "oack"]);

export function sendError(
  socket: DatagramSocket,
  to: Address,
  code: number,
  message: string,
): void {
  socket.send(Run.of(encode({ op: "error", code, message })), to);
}

export function unsent(cause: Error): TftpError {
  return new TftpError("NETWORK", "an answer could not be sent", { cause });
}
