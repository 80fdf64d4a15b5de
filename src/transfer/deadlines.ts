// The deadlines of all transfers, those of one millisecond together: of ten thousand that come in a
// second, each would move many others in a heap. A deadline that moves later costs nothing: its old
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
  /** By the first whole millisecond at which they are due. */
  readonly #entries = new Map<Millis, Deadline[]>();
  /** A heap of these milliseconds, each once. */
  readonly #heap: Millis[] = [];

  /** No deadline is before this, and it is less than a millisecond late. */
  get earliest(): Millis | undefined {
    return this.#heap[0];
  }

  /** To be called whenever the deadline of the holder may have moved. It is not due before
   * `notBefore`. */
  watch(holder: T, notBefore: Millis = 0): void {
    const next = holder.nextTimeout;
    const at = next === undefined ? undefined : Math.max(next, notBefore);
    const { deadline } = holder;
    if (deadline) {
      if (at !== undefined && at >= deadline.at) return;
      deadline.holder = undefined;
    }
    holder.deadline = at === undefined ? undefined : { at, holder };
    if (holder.deadline) this.#add(holder.deadline);
  }

  /** The next holder whose deadline has passed. */
  takeExpired(now: Millis): T | undefined {
    for (let top = this.#heap[0]; top !== undefined && top <= now; top = this.#heap[0]) {
      const entry = this.#entries.get(top)?.pop();
      if (!entry) {
        this.#entries.delete(top);
        this.#popHeap();
        continue;
      }
      const holder = entry.holder as T | undefined;
      if (!holder) continue;
      holder.deadline = undefined;
      const due = holder.nextTimeout;
      if (due !== undefined && due <= now) return holder;
      this.watch(holder);
    }
    return undefined;
  }

  #add(entry: Deadline): void {
    const due = Math.ceil(entry.at);
    const others = this.#entries.get(due);
    if (others) others.push(entry);
    else {
      this.#entries.set(due, [entry]);
      this.#pushHeap(due);
    }
  }

  #pushHeap(due: Millis): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(due);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as Millis) <= due) break;
      heap[at] = heap[parent] as Millis;
      at = parent;
    }
    heap[at] = due;
  }

  #popHeap(): void {
    const heap = this.#heap;
    const moved = heap.pop() as Millis;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Millis) < (heap[child] as Millis)) {
        child += 1;
      }
      if ((heap[child] as Millis) >= moved) break;
      heap[at] = heap[child] as Millis;
      at = child;
    }
    heap[at] = moved;
  }
}
