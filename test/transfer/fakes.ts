// Stand-ins for the outside of a transfer: a clock that is set by hand and a socket that keeps what
// it is given.

import type { Run } from "../../src/core/run.ts";
import type { Address, Clock, DatagramSocket, Network } from "../../src/ports.ts";
import type { Blocks } from "../../src/transfer/blocks.ts";

interface Alarm {
  readonly deadline: number;
  readonly wake: () => void;
}

export class HandClock implements Clock {
  time = 0;
  readonly alarms = new Set<Alarm>();
  readonly #soon: (() => void)[] = [];

  now(): number {
    return this.time;
  }

  at(deadline: number, wake: () => void): () => void {
    const alarm = { deadline, wake };
    this.alarms.add(alarm);
    return () => void this.alarms.delete(alarm);
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** One turn of the loop: what was planned for soon. */
  turn(): void {
    for (const run of this.#soon.splice(0)) run();
  }

  advanceTo(time: number): void {
    this.time = time;
    for (const alarm of [...this.alarms]) {
      if (alarm.deadline > time || !this.alarms.delete(alarm)) continue;
      alarm.wake();
    }
  }
}

export interface KeptSocket extends DatagramSocket {
  readonly sent: (readonly [datagram: Buffer, to: Address])[];
}

export function keptSocket(): KeptSocket {
  const sent: (readonly [Buffer, Address])[] = [];
  return {
    sent,
    local: { host: "192.0.2.1", port: 69 },
    maxSegments: 16,
    receiveBufferBytes: 100_000,
    writable: true,
    send: (run, to) => void sent.push([Buffer.from(run.bytes), to]),
    onDatagram: () => {},
    onWritable: () => {},
    onError: () => {},
    joinReceived: () => {},
    close: async () => {},
    unref: () => {},
  };
}

/** It has this socket alone. */
export function networkOf(socket: DatagramSocket): Network {
  return {
    open: async () => socket,
    resolve: async (host) => [host],
    route: async () => ({ host: "192.0.2.1", mtu: 1500, receiveBufferBytes: 200_000 }),
    mtu: async () => 1500,
  };
}

/** `count` blocks, in as few runs as they lie in. */
export function runsOf(blocks: Blocks, first: number, count: number): readonly Run[] {
  const runs: Run[] = [];
  for (let block = first; block < first + count; ) {
    const run = blocks.run(block, first + count);
    runs.push(run);
    block += run.count;
  }
  return runs;
}
