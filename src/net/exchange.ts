// What all UDP sockets of the process share: memory for what is received and sent, and the batches
// in which it leaves. It must not know what the datagrams mean.

import { getSystemErrorName } from "node:util";
import type { Run } from "../core/run.ts";
import type { Address } from "../ports.ts";
import { AddressBook } from "./address-book.ts";
import { Dwell } from "./dwell.ts";
import type { Libc } from "./libc.ts";
import { ReceiveBatch } from "./receive-batch.ts";
import { type Outgoing, SendBatch } from "./send-batch.ts";

export interface Sender {
  readonly fd: number;
  /** `left`: the kernel has refused the first and was not even asked for the others. */
  refused(left: readonly Outgoing[], error: NodeJS.ErrnoException): void;
  /** For an address that only Node knows how to reach, if anybody does. */
  sendPlainly(datagram: Uint8Array, to: Address): void;
}

export class Exchange {
  readonly libc: Libc;
  readonly book: AddressBook;
  readonly inbox: ReceiveBatch;
  readonly dwell: Dwell;
  #receipts = 0;
  /** Of what is being handled; undefined while nothing is. */
  #receipt: number | undefined;
  readonly #outbox: SendBatch;
  /** Whose the batch is. */
  #sender: Sender | undefined;
  #gathering = 0;
  /** Batches that have left. */
  #calls = 0;

  constructor(libc: Libc) {
    this.libc = libc;
    this.book = new AddressBook();
    this.inbox = new ReceiveBatch(libc, this.book);
    this.#outbox = new SendBatch(libc, this.book);
    this.dwell = new Dwell(libc, (work) => this.gather(work));
  }

  get receipt(): number | undefined {
    return this.#receipt;
  }

  /** What is handled until the next receipt or the end of the gathering had all arrived by now. */
  noteReceipt(): void {
    this.#receipts += 1;
    this.#receipt = this.#receipts;
  }

  /** What one socket sends in the course of `work` leaves in as few calls as possible. A batch for
   * each socket saves calls where several take turns, but no time. True if anything left. */
  gather(work: () => void): boolean {
    const before = this.#calls;
    this.#gathering += 1;
    try {
      work();
    } finally {
      this.#gathering -= 1;
      if (this.#gathering === 0) {
        this.#receipt = undefined;
        this.flush();
      }
    }
    return this.#calls !== before;
  }

  send(sender: Sender, run: Run, to: Address): void {
    if (this.#sender !== sender || this.#outbox.full) this.flush();
    this.#sender = sender;
    if (!this.#outbox.add(run, to)) sender.sendPlainly(run.bytes, to);
    if (this.#gathering === 0) this.flush();
  }

  flush(): void {
    // What is refused may be sent again at once, in another way: then it is in the batch again.
    for (let sender = this.#sender; sender; sender = this.#sender) {
      this.#sender = undefined;
      this.#calls += 1;
      const left = this.#outbox.flush(sender.fd);
      if (left.length > 0) sender.refused(left, systemError(this.libc.errno()));
    }
  }
}

function systemError(errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`send ${code}`), { code, errno: -errno, syscall: "send" });
}
