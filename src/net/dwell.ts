// Waits for a moment where the next datagram is about to come: a turn of Node's event loop costs
// more than an answer takes on a fast network. It must not know what the datagrams mean.

import { type Libc, POLLIN } from "./libc.ts";

export interface Polled {
  readonly fd: number;
  handleReadable(): void;
}

/** Nothing else runs meanwhile, so neither one wait nor all of one turn may last. */
const waitNanos = 50_000;
const turnMillis = 0.5;
/** Where waiting does not pay it is tried ever more rarely. */
const pauseMax = 64;
/** Sockets that heard something last. */
const watchedMax = 8;
/** A socket that was silent in so many waits makes room for others. */
const silentMax = 256;

interface Watched {
  readonly socket: Polled;
  silent: number;
}

export class Dwell {
  readonly #libc: Libc;
  readonly #gather: (work: () => void) => void;
  #watched: Watched[] = [];
  /** An array of struct pollfd: the descriptor, then what is asked and what is answered. */
  readonly #fds = new Int32Array(2 * watchedMax);
  /** A struct timespec. */
  readonly #wait = Int32Array.of(0, 0, waitNanos, 0);
  #pause = 1;
  #skip = 0;

  /** `gather`: what is sent in the course of its work may leave together at its end. */
  constructor(libc: Libc, gather: (work: () => void) => void) {
    this.#libc = libc;
    this.#gather = gather;
  }

  /** To be called when everything is sent that what `socket` heard gave reason to. */
  after(socket: Polled): void {
    this.#watch(socket);
    if (this.#skip > 0) {
      this.#skip -= 1;
      return;
    }
    const until = performance.now() + turnMillis;
    let paid = false;
    while (this.#waitOnce()) {
      paid = true;
      if (performance.now() >= until) break;
    }
    this.#pause = paid ? 1 : Math.min(2 * this.#pause, pauseMax);
    this.#skip = this.#pause - 1;
  }

  /** Before its descriptor is closed. */
  forget(socket: Polled): void {
    this.#watched = this.#watched.filter((each) => each.socket !== socket);
  }

  #watch(socket: Polled): void {
    for (const each of this.#watched) if (each.socket === socket) return;
    if (this.#watched.length === watchedMax) this.#watched = this.#watched.slice(1);
    this.#watched.push({ socket, silent: 0 });
  }

  /** False when nothing came. */
  #waitOnce(): boolean {
    const watched = this.#watched;
    for (let at = 0; at < watched.length; at++) {
      this.#fds[2 * at] = (watched[at] as Watched).socket.fd;
      this.#fds[2 * at + 1] = POLLIN;
    }
    if (this.#libc.ppoll(this.#fds, watched.length, this.#wait, null) <= 0) return false;
    this.#gather(() => this.#hear(watched));
    return true;
  }

  #hear(watched: readonly Watched[]): void {
    let silent = false;
    for (let at = 0; at < watched.length; at++) {
      const each = watched[at] as Watched;
      if ((this.#fds[2 * at + 1] as number) >>> 16 === 0) {
        each.silent += 1;
        silent ||= each.silent >= silentMax;
        continue;
      }
      each.silent = 0;
      // What was heard before may have closed it.
      if (watched === this.#watched || this.#watched.includes(each)) each.socket.handleReadable();
    }
    if (silent) this.#watched = this.#watched.filter((each) => each.silent < silentMax);
  }
}
