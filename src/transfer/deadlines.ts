// The deadlines of all transfers in one heap. A deadline that moves later costs nothing: its old
// entry is looked at again when it falls due.

import type { Millis } from "../core/packet.ts";

export interface Timed {
  readonly nextTimeout: Millis | undefined;
  /** Kept here by Deadlines: the earliest entry that stands for this holder; Infinity without
   * one. */
  scheduledFor: Millis;
}

interface Entry<T> {
  readonly at: Millis;
  readonly holder: T;
}

export class Deadlines<T extends Timed> {
  readonly #heap: Entry<T>[] = [];

  get earliest(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  /** To be called whenever the deadline of the holder may have moved. */
  watch(holder: T): void {
    const at = holder.nextTimeout;
    if (at === undefined || at >= holder.scheduledFor) return;
    holder.scheduledFor = at;
    this.#push({ at, holder });
  }

  /** The next holder whose deadline has passed. */
  takeExpired(now: Millis): T | undefined {
    for (let top = this.#heap[0]; top && top.at <= now; top = this.#heap[0]) {
      this.#pop();
      const { holder, at } = top;
      if (at !== holder.scheduledFor) continue; // an earlier entry took its place
      holder.scheduledFor = Number.POSITIVE_INFINITY;
      const due = holder.nextTimeout;
      if (due === undefined) continue;
      if (due <= now) return holder;
      this.watch(holder);
    }
    return undefined;
  }

  #push(entry: Entry<T>): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as Entry<T>).at <= entry.at) break;
      heap[at] = heap[parent] as Entry<T>;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const moved = heap.pop() as Entry<T>;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length &&
        (heap[child + 1] as Entry<T>).at < (heap[child] as Entry<T>).at
      )
        child += 1;
      if ((heap[child] as Entry<T>).at >= moved.at) break;
      heap[at] = heap[child] as Entry<T>;
      at = child;
    }
    heap[at] = moved;
  }
}
