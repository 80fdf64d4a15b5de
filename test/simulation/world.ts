// The whole server with many clients over a network, in virtual time, drawn from one seed. Watches
// that every file that is called whole is whole, and that nothing is left in the end.

import type { ServerEvent } from "../../src/server/events.ts";
import { allowAll } from "../../src/server/policy.ts";
import { TftpServer } from "../../src/server/server.ts";
import { ImageCache } from "../../src/transfer/image-cache.ts";
import { Client } from "./client.ts";
import { Device } from "./devices.ts";
import { Disk } from "./disk.ts";
import { calmDisk, calmLine, calmSockets } from "./draws.ts";
import { Fabric, Host, type SimulatedSocket, serverName } from "./fabric.ts";
import { Mischief } from "./mischief.ts";
import { Random } from "./random.ts";
import { hardshipsOf, Referee } from "./referee.ts";
import type { Tally } from "./tally.ts";
import { lineOf, timeOf } from "./trace.ts";
import { VirtualClock } from "./virtual-clock.ts";
import { drawWorld, type WorldPlan } from "./world-plan.ts";

/** No world that ends takes as many events, or as long. */
const eventsMax = 5_000_000;
const daysMax = 2;
/** More than all disks, timers and tries of a world come to while nothing is sent. */
const idleEventsMax = 3000;

/** What a server that closes waits for beside its disk: a sink, a full socket. */
const closeMillisMax = 3000;

/** What a running server keeps open for whoever is next. */
const sharedPortsMax = 16;

export class World {
  readonly #clock = new VirtualClock();
  readonly #referee: Referee;
  readonly #plan: WorldPlan;
  readonly #random: Random;
  readonly #fabric: Fabric;
  readonly #serverDisk: Disk;
  readonly #clientDisk: Disk;
  readonly #images: ImageCache;
  readonly #server: TftpServer;
  readonly #listening: SimulatedSocket;
  readonly #mischief: Mischief;
  readonly #clients: Client[] = [];
  readonly #endings = new Map<string, number>();
  #started = 0;
  #ended = 0;
  #events = 0;
  #closing: Promise<void> | undefined;
  #last: Client | undefined;
  #closed = false;
  #idleEvents = 0;
  #datagrams = 0;

  /** `trace`: is told what happens, line by line. */
  constructor(seed: number, trace?: (line: string) => void) {
    this.#random = new Random(seed);
    const plan = drawWorld(this.#random);
    const own = (place: number) => new Random(seed + place * 1_000_003);
    const note = (fault: string): void => this.#referee.note(fault);
    this.#plan = plan;
    this.#referee = new Referee(hardshipsOf(plan.hosts.flat()));
    this.#fabric = new Fabric(this.#clock, own(1), this.#referee, plan.sockets);
    this.#serverDisk = new Disk(this.#clock, own(2), plan.serverDisk, note);
    this.#clientDisk = new Disk(this.#clock, own(3), plan.clientDisk, note);
    this.#clientDisk.closesEarly = true;
    if (trace) {
      this.#fabric.trace = (...seen) => trace(`${timeOf(this.#clock.now())} ${lineOf(...seen)}`);
    }
    this.#mischief = new Mischief(this.#fabric, own(4));
    for (const [name, bytes] of plan.files) this.#serverDisk.files.set(name, bytes);
    this.#images = new ImageCache(plan.limits.cacheBytes);
    const host = new Host(serverName, this.#fabric, [calmLine, calmLine]);
    this.#server = new TftpServer({
      storage: this.#serverDisk,
      network: host,
      clock: this.#clock,
      judge: allowAll,
      limits: plan.limits,
      random: () => this.#random.next(),
      onEvent: (event) => this.#hear(event),
      images: this.#images,
      singlePort: plan.singlePort,
    });
    this.#listening = host.openAt(69);
    this.#listening.listening = true;
    this.#server.listen(this.#listening);
    this.#populate(own(5));
  }

  #populate(random: Random): void {
    const { hosts, clients, devices, mischief, close, changes, limits } = this.#plan;
    const clock = this.#clock;
    const machines = hosts.map((lines, at) => new Host(`10.1.0.${at}`, this.#fabric, lines));
    for (const plan of clients) this.#begin(new Client(plan, this.#around(machines[plan.host])));
    for (const plan of devices) new Device(plan, machines[plan.host] as Host, random);
    for (const at of mischief) clock.at(at, () => this.#mischief.strike());
    for (const change of changes) {
      clock.at(change.atMillis, () => {
        Object.assign(limits, change.limits, { cacheBytes: limits.cacheBytes });
        this.#server.admitWaiting();
      });
    }
    if (close) clock.at(close.atMillis, () => this.#close(close.graceMillis));
  }

  #around(host: Host | undefined) {
    return {
      clock: this.#clock,
      host: host as Host,
      disk: this.#clientDisk,
      stored: (name: string) => this.#serverDisk.files.get(name),
      jitter: this.#random.next(),
      note: (fault: string) => this.#referee.note(fault),
    };
  }

  #begin(client: Client): void {
    this.#clients.push(client);
    void client.run();
  }

  /** Does what comes next; what it sets off must have settled before the next call. False at the
   * end of all. Throws when a rule was broken. */
  step(): boolean {
    this.#check(this.#referee.fault);
    this.#referee.endOfDelivery();
    this.#events += 1;
    const { datagrams } = this.#referee;
    this.#idleEvents = datagrams === this.#datagrams ? this.#idleEvents + 1 : 0;
    this.#datagrams = datagrams;
    this.#check(this.#idleEvents > idleEventsMax && "much is done, and nothing is sent");
    if (this.#events > eventsMax) this.#check("the world does not end");
    if (this.#clock.now() > daysMax * 86_400_000) this.#check("the world goes on for days");
    if (this.#clock.step()) return true;
    if (!this.#last) {
      this.#checkAtRest();
      this.#askOnceMore();
      return true;
    }
    if (!this.#closing) {
      this.#close(0);
      return true;
    }
    this.#checkEnd();
    return false;
  }

  #check(fault: string | undefined | false): void {
    if (fault) throw new Error(`${fault} (at ${this.#clock.now()} ms, event ${this.#events})`);
  }

  /** Nothing happens any more: nothing may be left. */
  #checkAtRest(): void {
    for (const { ending, plan } of this.#clients) {
      this.#check(ending === undefined && `a client of ${plan.filename} never ended`);
    }
    const { sockets } = this.#fabric;
    sockets.delete(69);
    const server = this.#listening.local.host;
    const [left] = [...sockets.values()].filter(({ local }) => local.host !== server);
    this.#check(left && `a socket of ${left.local.host} is still open`);
    const kept = [...sockets.values()].filter(({ local }) => local.host === server).length;
    this.#check(kept > (this.#closed ? 0 : sharedPortsMax) && `${kept} ports are still open`);
    sockets.set(69, this.#listening);
    for (const disk of [this.#serverDisk, this.#clientDisk]) {
      this.#check(disk.openSources !== 0 && `${disk.openSources} sources are still open`);
      this.#check(disk.openSinks !== 0 && `${disk.openSinks} sinks are still open`);
    }
    this.#check(this.#clock.pending !== 0 && "a timer is still pending");
    this.#check(this.#server.snapshot().length > 0 && "the server still knows transfers");
    const { admitted, opening, queued } = this.#server.stats();
    this.#check(admitted + opening + queued > 0 && "a place is still taken");
    this.#check(this.#started !== this.#ended && "a transfer began but never ended");
    const { bytes, images, pinnedBytes } = this.#images;
    this.#check(pinnedBytes !== 0 && `${pinnedBytes} bytes of images are still pinned`);
    this.#check(bytes > this.#plan.limits.cacheBytes && "the cache is too large");
    this.#check(bytes === 0 && images > 0 && "an image of nothing is kept");
  }

  /** After all of that, does the server still serve? */
  #askOnceMore(): void {
    const [name, content] = this.#plan.files.entries().next().value ?? ["nothing", undefined];
    this.#serverDisk.become(calmDisk);
    this.#clientDisk.become(calmDisk);
    this.#fabric.habits = calmSockets;
    // At a slow rate it waits for its turn, for as long as the last block of another took.
    const isPaced = Number.isFinite(this.#plan.limits.bytesPerSecond);
    const host = new Host("10.2.0.1", this.#fabric, [calmLine, calmLine]);
    this.#last = new Client(
      {
        op: "rrq",
        filename: name,
        mode: "octet",
        content,
        options: { retries: isPaced ? 100 : 0 },
        startMillis: 0,
      },
      this.#around(host),
    );
    void this.#last.run();
  }

  #checkEnd(): void {
    this.#checkAtRest();
    this.#check(!this.#closed && "the server was closed, but that never ended");
    const { ending } = this.#last as Client;
    const wished = this.#plan.files.size === 0 ? "FILE_NOT_FOUND" : "whole";
    if (!this.#plan.close) this.#check(ending !== wished && `the server is gone: ${ending}`);
    else this.#check(ending !== "TIMED_OUT" && `a closed server answered: ${ending}`);
  }

  #close(graceMillis: number): void {
    const { pauseMillis, slowMillis } = this.#plan.serverDisk;
    // A commit that has begun is waited for, and so is a write before it.
    const diskMillis = 2 * (pauseMillis + slowMillis);
    const latest = this.#clock.now() + graceMillis + diskMillis + closeMillisMax;
    this.#closing = this.#server.close(graceMillis).then(() => {
      this.#closed = true;
      this.#check(this.#clock.now() > latest && "the server took long to close");
    });
  }

  #hear(event: ServerEvent): void {
    if (event.kind === "problem" && this.#plan.sockets.sendErrorRatio === 0) {
      this.#referee.note(`a problem: ${event.error.message}`);
    }
    if (event.kind === "started") this.#started += 1;
    if (event.kind !== "ended") return;
    this.#ended += 1;
    const { ending, transfer } = event;
    this.#fabric.noteEnd(transfer.local, transfer.client.port);
    this.#endings.set(ending, (this.#endings.get(ending) ?? 0) + 1);
    if (ending !== "completed") return;
    const client = this.#clients.find(({ ports }) => ports.has(transfer.client.port));
    if (!client) return;
    const { filename, content } = client.plan;
    const whole =
      transfer.op === "rrq"
        ? client.committed
        : content?.equals(this.#serverDisk.files.get(filename) ?? new Uint8Array());
    if (!whole) this.#referee.note(`the server called ${filename} completed, but it is not whole`);
  }

  /** What it was, once it has ended. */
  count(tally: Tally): void {
    for (const client of this.#clients) {
      tally.transfers += 1;
      tally.inWorlds += 1;
      tally.add(`client: ${client.ending}`, 1);
      if (client.durationMillis > tally.worstMillis) tally.worstMillis = client.durationMillis;
    }
    for (const [ending, count] of this.#endings) tally.add(`server: ${ending}`, count);
    const { worstDataPerBlock } = this.#referee;
    if (worstDataPerBlock > tally.worstDataPerBlock) tally.worstDataPerBlock = worstDataPerBlock;
    tally.addFaults("network", this.#fabric.faults);
    tally.addFaults("server's disk", this.#serverDisk.faults);
    tally.addFaults("clients' disk", this.#clientDisk.faults);
    tally.addFaults("datagrams out of nowhere", this.#mischief.counts);
    tally.addFaults("devices", { foreign: this.#plan.devices.length });
    tally.events += this.#events;
  }
}
