// Hears, in one call, which sockets have something, and waits for a moment where the next datagram
// is about to come: a turn of Node's event loop costs more than an answer takes on a fast network.
// It must not know what the datagrams mean.

import { performance } from "node:perf_hooks";
import { Blocking } from "./blocking.ts";
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, type Libc, SOCK_CLOEXEC } from "./libc.ts";
import { Trial } from "./trial.ts";

export interface Polled {
  readonly fd: number;
  /** No other process has its descriptor, so that it may be made to block. */
  readonly isOurs: boolean;
  /** Returns how many datagrams there were. `waits`: for the first, if the descriptor blocks. */
  handleReadable(waits?: boolean): number;
}

/** Nothing else runs meanwhile, so neither one wait nor all that is heard in one turn of the event
 * loop may last. */
const waitNanos = 50_000;
const turnMillis = 4;
/** A socket that alone had a datagram is looked at so often before all are asked again. */
const againMax = 32;
/** A socket that was the only one so many times in a row is waited for in the call that receives,
 * which saves one, and as many times before all are asked again, more often the longer it stays
 * alone: what comes to another one meanwhile is heard that much later. */
const steadyTimes = 8;
/** Its peer must answer within this, or the others would wait too long. */
const soonMillis = 0.1;
/** Sockets that are told of in one call. */
const eventsMax = 64;

const timespecBytes = 16;
// A struct epoll_event in words of 32 bits; on x86-64 alone there is no gap before its second part.
const [eventWords, fdWord] = process.arch === "x64" ? [3, 1] : [4, 2];

export class Dwell {
  readonly #libc: Libc;
  readonly #gather: (work: () => void) => boolean;
  readonly #epoll: number;
  readonly #sockets = new Map<number, Polled>();
  readonly #events = new Int32Array(eventsMax * eventWords);
  /** Two of a struct timespec: to wait for a moment, and not at all. */
  readonly #waits = Int32Array.of(0, 0, waitNanos, 0, 0, 0, 0, 0);
  readonly #eventsPointer: number;
  readonly #waitPointer: number;
  readonly #noWaitPointer: number;
  /** Of this turn of the event loop; undefined before anything was heard in it. */
  #turnEnd: number | undefined;
  readonly #waiting = new Trial();
  readonly #looking = new Trial();
  /** It alone had something, one datagram; perhaps it has again, now that that is answered. */
  #lone: Polled | undefined;
  #again = 0;
  /** It alone had something, one datagram that was answered, so many times in a row. */
  #steady: Polled | undefined;
  #steadyFor = 0;
  readonly #receiving = new Trial();
  readonly #blocking: Blocking;

  /** `gather`: what is sent in the course of its work may leave together at its end. True if
   * anything was. */
  constructor(libc: Libc, gather: (work: () => void) => boolean) {
    this.#libc = libc;
    this.#blocking = new Blocking(libc);
    this.#gather = gather;
    this.#epoll = libc.epoll_create1(SOCK_CLOEXEC);
    this.#eventsPointer = libc.addressOf(this.#events);
    this.#waitPointer = libc.addressOf(this.#waits);
    this.#noWaitPointer = this.#waitPointer + timespecBytes;
  }

  #add(socket: Polled): void {
    const event = new Int32Array(eventWords);
    event[0] = EPOLLIN;
    event[fdWord] = socket.fd;
    const { epoll_ctl } = this.#libc;
    if (epoll_ctl(this.#epoll, EPOLL_CTL_ADD, socket.fd, event) === 0) {
      this.#sockets.set(socket.fd, socket);
    }
  }

  /** Before its descriptor is closed. */
  forget(socket: Polled): void {
    if (this.#lone === socket) this.#lone = undefined;
    if (this.#steady === socket) this.#rest();
    else this.unblock(); // it may have been the steady one until now
    if (!this.#sockets.delete(socket.fd)) return;
    this.#libc.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, socket.fd, null);
  }

  /** To be called when everything is sent that what `socket` heard gave reason to. From then on it
   * is heard here, too: not sooner, for its opener may not want it to be heard yet. */
  after(socket: Polled): void {
    if (this.#sockets.get(socket.fd) !== socket) this.#add(socket);
    if (!this.hasTime()) return;
    this.#lone = socket;
    while (this.#hear(this.#noWaitPointer)) if (!this.hasTime()) return;
    if (!this.#waiting.isDue()) return;
    const start = performance.now();
    let times = 0;
    try {
      while (this.#hearSteady() || this.#hear(this.#waitPointer)) {
        times += 1;
        if (!this.hasTime()) break;
      }
    } finally {
      this.unblock();
    }
    if (performance.now() - start > times * soonMillis) this.#steadyFor = 0;
    this.#waiting.told(times > 0);
  }

  /** To be called before anything but what is here is done with a descriptor. */
  unblock(): void {
    this.#blocking.end();
  }

  /** Whether more may be heard before timers, files and everything else have their turn. */
  hasTime(): boolean {
    const now = performance.now();
    if (this.#turnEnd === undefined) {
      this.#turnEnd = now + turnMillis;
      setImmediate(() => {
        this.#turnEnd = undefined;
      });
    }
    return now < this.#turnEnd;
  }

  /** False when nothing came. */
  #hear(wait: number): boolean {
    if (this.#hearLone()) return true;
    const events = this.#eventsPointer;
    const count = this.#libc.epoll_pwait2(this.#epoll, events, eventsMax, wait, 0);
    if (count <= 0) return false;
    this.#again = 0;
    this.#lone = undefined;
    const answered = this.#gather(() => {
      for (let at = 0; at < count; at++) {
        // What was heard before, or is heard now, may close it.
        const heard = this.#toldOf(at)?.handleReadable();
        if (count === 1 && heard === 1) this.#lone = this.#toldOf(at);
      }
    });
    this.#steadyFor = answered && this.#lone === this.#steady ? this.#steadyFor + 1 : 0;
    this.#steady = this.#lone;
    return true;
  }

  /** False when nothing came, or where it is not worth it to wait so. Where nothing was answered,
   * nothing is about to come. */
  #hearSteady(): boolean {
    const steady = this.#steady;
    if (!steady?.isOurs || this.#steadyFor < steadyTimes) return false;
    const most = Math.min(this.#steadyFor, againMax);
    if (this.#again >= most || !this.#receiving.isDue()) return false;
    this.#again += 1;
    this.#blocking.begin(steady.fd);
    let heard = 0;
    const answered = this.#gather(() => {
      heard = steady.handleReadable(true);
    });
    this.#receiving.told(heard > 0);
    if (heard !== 1 || !answered) this.#rest();
    return heard > 0;
  }

  #rest(): void {
    this.unblock();
    this.#steady = undefined;
    this.#steadyFor = 0;
  }

  #toldOf(at: number): Polled | undefined {
    return this.#sockets.get(this.#events[at * eventWords + fdWord] as number);
  }

  /** While its answer was sent, the next packet has come from a peer on this machine, or close to
   * it: then to ask first would be one call more. Of many peers more is waiting by then than of
   * few, if the other sockets are asked first. */
  #hearLone(): boolean {
    const lone = this.#lone;
    if (!lone || this.#again >= againMax || !this.#looking.isDue()) return false;
    this.#again += 1;
    let heard = 0;
    this.#gather(() => {
      heard = lone.handleReadable();
    });
    if (heard !== 1) this.#lone = undefined;
    this.#looking.told(heard > 0);
    return heard > 0;
  }
}
