// The network of a world: hosts with sockets, joined by lines that lose, double and delay. Carries
// bytes in virtual time; the referee sees all of them.

import { TftpError } from "../../src/core/errors.ts";
import type { Millis } from "../../src/core/packet.ts";
import { Run } from "../../src/core/run.ts";
import type { Address, DatagramSocket, Network, OpenOptions, Route } from "../../src/ports.ts";
import { type Conditions, Line, type LineFaults, noFaults } from "./line.ts";
import type { Random } from "./random.ts";
import { type Flow, newFlow, type Referee } from "./referee.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** How sockets behave in a world. */
export interface SocketHabits {
  readonly maxSegments: number;
  readonly receiveBufferBytes: number;
  readonly mtu: number;
  /** How often a send finds the system's buffer full, and for how long it stays so. */
  readonly fullRatio: number;
  readonly fullMillis: Millis;
  readonly openMillis: Millis;
  readonly openFailureRatio: number;
  /** How often the system reports a failed send. */
  readonly sendErrorRatio: number;
  /** How often a host that is asked says that it is busy. */
  readonly busyRatio: number;
}

export interface FabricFaults extends LineFaults {
  buffersFull: number;
  opensFailed: number;
  sendErrors: number;
  intoTheVoid: number;
}

const joinMillisMax: Millis = 0.3;

type Trace = (way: "sent" | "arrived", datagram: Uint8Array, from: Address, to: Address) => void;

export class Fabric {
  readonly faults: FabricFaults = {
    ...noFaults(),
    buffersFull: 0,
    opensFailed: 0,
    sendErrors: 0,
    intoTheVoid: 0,
  };
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly referee: Referee;
  habits: SocketHabits;
  /** Those that are open, by port: no port is used twice in a world. */
  readonly sockets = new Map<number, SimulatedSocket>();
  /** Is told of every datagram as it is sent and as it arrives. */
  trace: Trace | undefined;
  #lastPort = 1024;

  constructor(clock: VirtualClock, random: Random, referee: Referee, habits: SocketHabits) {
    this.clock = clock;
    this.random = random;
    this.referee = referee;
    this.habits = habits;
  }

  nextPort(): number {
    this.#lastPort += 1;
    return this.#lastPort;
  }

  /** A transfer of the host with the owner of `port` has ended. */
  noteEnd(local: Address, port: number): void {
    this.sockets.get(local.port)?.noteEnd(port);
  }

  /** Brings a datagram, which is the receiver's to keep. */
  arrive(datagram: Uint8Array, from: Address, to: Address): void {
    const socket = this.sockets.get(to.port);
    if (!socket?.isAt(to.host) || !socket.host.alive) this.faults.intoTheVoid += 1;
    else socket.take(datagram, from);
  }
}

/** One machine on the network; its lines are its own. */
export class Host implements Network {
  readonly name: string;
  readonly fabric: Fabric;
  alive = true;
  readonly isBusy = (): boolean => this.fabric.random.chance(this.fabric.habits.busyRatio);
  readonly #up: Line;
  readonly #down: Line;

  constructor(name: string, fabric: Fabric, conditions: readonly [up: Conditions, Conditions]) {
    this.name = name;
    this.fabric = fabric;
    this.#up = new Line(conditions[0], fabric.random, fabric.faults);
    this.#down = new Line(conditions[1], fabric.random, fabric.faults);
  }

  async open(local: Address, _options?: OpenOptions): Promise<DatagramSocket> {
    const { fabric } = this;
    const { habits, random, clock } = fabric;
    if (habits.openMillis > 0) await clock.after(random.upTo(habits.openMillis));
    if (random.chance(habits.openFailureRatio)) {
      fabric.faults.opensFailed += 1;
      throw new TftpError("NETWORK", "no socket can be opened");
    }
    return this.openAt(local.port === 0 ? fabric.nextPort() : local.port);
  }

  openAt(port: number): SimulatedSocket {
    const socket = new SimulatedSocket(this, port);
    this.fabric.sockets.set(port, socket);
    return socket;
  }

  async resolve(host: string): Promise<readonly string[]> {
    return [host];
  }

  async route(): Promise<Route> {
    const { mtu, receiveBufferBytes } = this.fabric.habits;
    return { host: this.name, mtu, receiveBufferBytes };
  }

  async mtu(): Promise<number> {
    return this.fabric.habits.mtu;
  }

  /** To or from a host that has lines of its own; the others are where all lines meet. */
  carry(datagram: Uint8Array, way: "up" | "down", from: Address, to: Address): void {
    const { fabric } = this;
    const line = way === "up" ? this.#up : this.#down;
    const copies = line.carry(datagram.length / 1500, fabric.clock.now());
    for (let index = 0; index < copies; index++) {
      const copy = index === 0 ? datagram : datagram.slice();
      const at = line.arrivals[index] as Millis;
      fabric.clock.add(at, () => fabric.arrive(copy, from, to));
    }
  }
}

export class SimulatedSocket implements DatagramSocket {
  readonly local: Address;
  readonly host: Host;
  readonly maxSegments: number;
  readonly receiveBufferBytes: number;
  writable = true;
  closed = false;
  onDatagram: (datagram: Uint8Array, from: Address) => void = () => {};
  onWritable: () => void = () => {};
  onError: (error: Error) => void = () => {};
  /** The last peer that was heard, for mischief that pretends to be it. */
  heard: Address | undefined;
  lastHeard: Uint8Array | undefined;
  /** Takes requests, and is no transfer's own. */
  listening = false;
  /** Its owner keeps no rules. */
  foreign = false;
  #fullAtStep = 0;
  readonly #flows = new Map<number, Flow>();
  #waiting: { readonly datagram: Uint8Array; readonly to: Address }[] = [];
  #joinedSize: number | undefined;
  #onJoined: (run: Run, from: Address) => void = () => {};
  readonly #held: { readonly datagram: Uint8Array; readonly from: Address }[] = [];

  constructor(host: Host, port: number) {
    this.host = host;
    this.local = { host: host.name, port };
    this.maxSegments = host.fabric.habits.maxSegments;
    this.receiveBufferBytes = host.fabric.habits.receiveBufferBytes;
  }

  isAt(host: string): boolean {
    return this.host.name === host;
  }

  send(run: Run, to: Address): void {
    const { fabric } = this.host;
    if (this.closed) fabric.referee.note("a closed socket was asked to send");
    if (run.length === 0) fabric.referee.note("an empty datagram was sent");
    const { fullRatio, fullMillis, sendErrorRatio } = fabric.habits;
    if (this.writable && fabric.random.chance(fullRatio)) {
      fabric.faults.buffersFull += 1;
      this.writable = false;
      this.#fullAtStep = fabric.clock.steps;
      fabric.clock.at(fabric.clock.now() + fabric.random.upTo(fullMillis), () => this.#drain());
    }
    // What belongs to the turn in which it became full may still come, and single packets.
    const goesOn = !this.writable && fabric.clock.steps !== this.#fullAtStep;
    if (goesOn && run.bytes[1] === 3 && !this.foreign) {
      fabric.referee.note("DATA was sent although the socket was full");
    }
    if (fabric.random.chance(sendErrorRatio)) {
      fabric.faults.sendErrors += 1;
      fabric.clock.soon(() => !this.closed && this.onError(new Error("ENETUNREACH")));
      return;
    }
    for (const datagram of run.datagrams()) {
      if (!this.foreign) {
        fabric.referee.handleSent(datagram, this.flow(to.port), to.port, this.listening);
      }
      fabric.trace?.("sent", datagram, this.local, to);
      // What waits is read only when it leaves: its bytes must not have changed by then.
      if (this.writable) this.#leave(datagram.slice(), to);
      else this.#waiting.push({ datagram, to });
    }
  }

  take(datagram: Uint8Array, from: Address): void {
    if (datagram.length === this.#joinedSize) this.#hold(datagram, from);
    else {
      this.#deliver();
      this.#note(datagram, from);
      this.onDatagram(datagram, from);
    }
  }

  /** As the kernel joins what comes in one moment. */
  #hold(datagram: Uint8Array, from: Address): void {
    if (this.#held[0]?.from.port !== from.port) this.#deliver();
    this.#held.push({ datagram, from });
    if (this.#held.length > 1) return;
    const { clock, random } = this.host.fabric;
    clock.add(clock.now() + random.upTo(joinMillisMax), () => this.#deliver());
  }

  #deliver(): void {
    const held = this.#held.splice(0);
    const [first] = held;
    if (!first || this.closed) return;
    for (const { datagram, from } of held) this.#note(datagram, from);
    if (held.length === 1) this.onDatagram(first.datagram, first.from);
    else {
      const memory = Buffer.concat(held.map(({ datagram }) => datagram));
      this.#onJoined(Run.of(memory, this.#joinedSize), first.from);
    }
  }

  #note(datagram: Uint8Array, from: Address): void {
    const { referee, sockets } = this.host.fabric;
    this.heard = from;
    this.lastHeard = datagram;
    this.host.fabric.trace?.("arrived", datagram, from, this.local);
    referee.handleArrival(datagram, this.flow(from.port), from.port);
    if (this.listening) {
      for (const other of sockets.values()) {
        const flow = other.#flows.get(from.port);
        if (other.host !== this.host || !flow) continue;
        // Some answer a transfer at the port that takes requests.
        if ((datagram[1] as number) <= 2) flow.asked = true;
        else if (other !== this) referee.handleArrival(datagram, flow, from.port);
      }
    }
  }

  flow(port: number): Flow {
    let flow = this.#flows.get(port);
    if (!flow) this.#flows.set(port, (flow = newFlow()));
    return flow;
  }

  noteEnd(port: number): void {
    const flow = this.#flows.get(port);
    if (flow) flow.ended = true;
  }

  joinReceived(segmentSize: number, onJoined: (run: Run, from: Address) => void): void {
    this.#joinedSize = segmentSize;
    this.#onJoined = onJoined;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.onDatagram = this.onWritable = this.onError = () => {};
    this.host.fabric.sockets.delete(this.local.port);
    this.#drain();
  }

  unref(): void {}

  #drain(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.writable = true;
    for (const { datagram, to } of waiting) this.#leave(datagram.slice(), to);
    this.onWritable();
  }

  #leave(datagram: Uint8Array, to: Address): void {
    const { host } = this;
    if (!host.alive) return;
    // All lines are those of the clients; the server sits where they meet.
    const other = host.fabric.sockets.get(to.port)?.host;
    if (host.name !== serverName) host.carry(datagram, "up", this.local, to);
    else other?.carry(datagram, "down", this.local, to);
  }
}

export const serverName = "10.0.0.1";
