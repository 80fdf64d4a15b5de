// Lets one descriptor block, so that waiting and receiving are one call of the system. Node must
// never meet it so, for it reads until there is nothing more.

import { F_SETFL, type Libc, O_NONBLOCK, O_RDWR, SO_RCVTIMEO, SOL_SOCKET } from "./libc.ts";

/** A struct timeval, in words of 32 bits. The kernel makes one tick of it, 1 to 10 ms. */
const shortest = Int32Array.of(0, 0, 1, 0);

export class Blocking {
  readonly #libc: Libc;
  #fd: number | undefined;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  begin(fd: number): void {
    if (this.#fd === fd) return;
    this.end();
    const { setsockopt, fcntl } = this.#libc;
    // Where it cannot be told how long to block it would block for ever.
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, shortest, shortest.byteLength) !== 0) return;
    fcntl(fd, F_SETFL, O_RDWR);
    this.#fd = fd;
  }

  /** To be called before Node has its turn, and before the descriptor is closed. */
  end(): void {
    if (this.#fd !== undefined) this.#libc.fcntl(this.#fd, F_SETFL, O_RDWR | O_NONBLOCK);
    this.#fd = undefined;
  }
}
