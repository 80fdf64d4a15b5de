// The deadlines of all transfers in one heap. A deadline that moves later costs nothing: its old
// entry is looked at again when it falls due.

import type { Millis } from "../core/packet.ts";

export interface Timed {
  readonly nextTimeout: Millis | undefined;
  /** Kept here by Deadlines: the entry that stands for this holder. */
  deadline: Deadline | undefined;
}

export interface Deadline {
  readonly at: Millis;
  /** Undefined: it stands for nobody any more. Who has ended must not be kept in memory until the
   * deadline is due. */
  holder: Timed | undefined;
}

export class Deadlines<T extends Timed> {
  readonly #heap: Deadline[] = [];

  get earliest(): Millis | undefined {
    return this.#heap[0]?.at;
  }

  /** To be called whenever the deadline of the holder may have moved. */
  watch(holder: T): void {
    const at = holder.nextTimeout;
    const { deadline } = holder;
    if (deadline) {
      if (at !== undefined && at >= deadline.at) return;
      deadline.holder = undefined;
    }
    holder.deadline = at === undefined ? undefined : { at, holder };
    if (holder.deadline) this.#push(holder.deadline);
  }

  /** The next holder whose deadline has passed. */
  takeExpired(now: Millis): T | undefined {
    for (let top = this.#heap[0]; top && top.at <= now; top = this.#heap[0]) {
      this.#pop();
      const holder = top.holder as T | undefined;
      if (!holder) continue;
      holder.deadline = undefined;
      const due = holder.nextTimeout;
      if (due !== undefined && due <= now) return holder;
      this.watch(holder);
    }
    return undefined;
  }

  #push(entry: Deadline): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as Deadline).at <= entry.at) break;
      heap[at] = heap[parent] as Deadline;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const moved = heap.pop() as Deadline;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (
        child + 1 < heap.length &&
        (heap[child + 1] as Deadline).at < (heap[child] as Deadline).at
      )
        child += 1;
      if ((heap[child] as Deadline).at >= moved.at) break;
      heap[at] = heap[child] as Deadline;
      at = child;
    }
    heap[at] = moved;
  }
}
