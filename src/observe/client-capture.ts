// Records what a client sends and receives, whole, for one file at the end. One transfer or several
// go into it; the oldest packets but the first ones are given up when memory is.

import type { Run } from "../core/run.ts";
import type { Address } from "../ports.ts";
import { timelineOf } from "./capture.ts";
import { PacketRecord } from "./packet-record.ts";
import { type CapturedPacket, pcapng } from "./pcapng.ts";
import type { PacketTap } from "./tap.ts";

interface Conversation {
  readonly record: PacketRecord;
  readonly peer: Address;
  localHost: string;
}

export class ClientCapture implements PacketTap {
  readonly #budget: { bytes: number; readonly bytesMax: number };
  /** By our port and the peer's address: the answers come from another port than was asked. */
  readonly #conversations = new Map<string, Conversation>();
  /** By the remote host. */
  readonly #routes = new Map<string, string>();

  constructor(bytesMax: number) {
    this.#budget = { bytes: 0, bytesMax };
  }

  routed(host: string, remote: Address): void {
    this.#routes.set(remote.host, host);
  }

  sent(run: Run, local: Address, to: Address): void {
    const conversation = this.#conversationOf(local, to);
    for (const datagram of run.datagrams()) this.#add(conversation, datagram, true, local.port);
  }

  received(datagram: Uint8Array, local: Address, from: Address): void {
    this.#add(this.#conversationOf(local, from), datagram, false, local.port);
  }

  /** The capture, and beside it the timeline. */
  files(): { readonly pcapng: Iterable<Uint8Array>; readonly timeline: Iterable<string> } {
    const conversations = [...this.#conversations.values()];
    return {
      pcapng: pcapng(inOrder(conversations), "captured by a TFTP client"),
      timeline: timelines(conversations),
    };
  }

  #conversationOf(local: Address, peer: Address): Conversation {
    const key = `${local.port} ${peer.host} ${peer.port}`;
    let found = this.#conversations.get(key);
    if (!found) {
      const localHost = this.#routes.get(peer.host) ?? local.host;
      found = { record: new PacketRecord(this.#budget, true), peer, localHost };
      this.#conversations.set(key, found);
    }
    return found;
  }

  #add(to: Conversation, datagram: Uint8Array, sent: boolean, localPort: number): void {
    const now = performance.timeOrigin + performance.now();
    to.record.add(datagram, sent, localPort, now);
    while (this.#budget.bytes > this.#budget.bytesMax && to.record.dropOldest());
  }
}

function inOrder(conversations: readonly Conversation[]): CapturedPacket[] {
  const packets = conversations.flatMap(({ record, peer, localHost }) =>
    Array.from(record.packets(), ({ localPort, ...packet }): CapturedPacket => {
      const local = { host: localHost, port: localPort };
      const [from, to] = packet.sent ? [local, peer] : [peer, local];
      return { ...packet, from, to };
    }),
  );
  return packets.sort((a, b) => a.timeMillis - b.timeMillis);
}

function* timelines(conversations: readonly Conversation[]): Generator<string> {
  yield "[";
  let separator = "";
  for (const { record, peer } of conversations) {
    yield separator;
    yield* timelineOf(record, { peer: peer.host, port: peer.port });
    separator = ",";
  }
  yield "]\n";
}
