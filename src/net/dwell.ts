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

export class Dwell {
  readonly #libc: Libc;
  readonly #gather: (work: () => void) => void;
  readonly #watched: Polled[] = [];
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
    const at = this.#watched.indexOf(socket);
    if (at >= 0) this.#watched.splice(at, 1);
  }

  #watch(socket: Polled): void {
    if (this.#watched.includes(socket)) return;
    if (this.#watched.length === watchedMax) this.#watched.shift();
    this.#watched.push(socket);
  }

  /** False when nothing came. */
  #waitOnce(): boolean {
    const watched = [...this.#watched];
    for (const [at, { fd }] of watched.entries()) {
      this.#fds[2 * at] = fd;
      this.#fds[2 * at + 1] = POLLIN;
    }
    if (this.#libc.ppoll(this.#fds, watched.length, this.#wait, null) <= 0) return false;
    this.#gather(() => {
      for (const [at, socket] of watched.entries()) {
        const answered = (this.#fds[2 * at + 1] ?? 0) >>> 16;
        if (answered !== 0 && this.#watched.includes(socket)) socket.handleReadable();
      }
    });
    return true;
  }
}
