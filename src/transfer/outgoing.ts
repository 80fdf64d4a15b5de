// Drives a Sender: blocks from a source go to the socket. Knows nothing of requests.

import { TftpError } from "../core/errors.ts";
import type { BlockRange, Transmit } from "../core/machine.ts";
import type { Agreed } from "../core/options.ts";
import type { Millis } from "../core/packet.ts";
import type { Sender } from "../core/sender.ts";
import type { Blocks } from "./blocks.ts";
import { Transfer, type TransferParts } from "./transfer.ts";

export class Outgoing extends Transfer {
  override readonly machine: Sender;
  readonly #openBlocks: (agreed: Agreed) => Blocks;
  #blocks: Blocks | undefined;
  #filling: Promise<void> | undefined;
  #reported = 0;

  /** `openBlocks` is called once, when the block size is agreed. */
  constructor(parts: TransferParts, machine: Sender, openBlocks: (agreed: Agreed) => Blocks) {
    super(parts);
    this.machine = machine;
    this.#openBlocks = openBlocks;
  }

  override get bytes(): number {
    return this.#blocks?.bytesUpTo(this.machine.acked) ?? 0;
  }

  override get nextTimeout(): Millis | undefined {
    const due = super.nextTimeout;
    const turn = this.parts.pacer?.nextTurn;
    if (turn === undefined || !this.#canSend) return due;
    return due === undefined ? turn : Math.min(due, turn);
  }

  /** Who cannot is woken by what lets it, not by the clock. */
  get #canSend(): boolean {
    const { machine, parts } = this;
    return !machine.outcome && machine.sendable > 0 && parts.socket.writable;
  }

  protected override poll(now: Millis, maxBlocks: number): Transmit | undefined {
    const { machine } = this;
    const { pacer } = this.parts;
    const count = pacer ? Math.min(machine.sendable, maxBlocks) : 0;
    if (!pacer || count <= 0) return machine.pollTransmit(now, maxBlocks);
    const first = machine.next;
    const bytesOf = (count: number): number => this.#blocks?.wireBytes({ first, count }) ?? 0;
    const allowed = pacer.allow(count, bytesOf, now);
    return allowed > 0 ? machine.pollTransmit(now, allowed) : undefined;
  }

  protected override tend(): void {
    const { machine } = this;
    if (machine.acked > this.#reported) {
      this.#reported = machine.acked;
      this.progressed();
    }
    if (machine.wanted === 0) return;
    this.#blocks ??= this.#openBlocks(machine.agreed);
    const blocks = this.#blocks;
    blocks.release(machine.acked);
    if (!this.#filling && machine.wanted > blocks.ready) {
      while (machine.wanted > blocks.ready && blocks.fillNow());
      machine.handleReady(blocks.ready, blocks.last);
      if (machine.wanted > blocks.ready) this.#filling = this.#fill(blocks);
    }
  }

  async #fill(blocks: Blocks): Promise<void> {
    try {
      await blocks.fill();
      this.machine.handleReady(blocks.ready, blocks.last);
    } catch (thrown) {
      this.machine.abort(TftpError.from(thrown));
    }
    this.#filling = undefined;
    this.wake();
  }

  protected override take(): void {}

  protected override sendBlocks({ first, count }: BlockRange): void {
    const { socket, peer } = this.parts;
    const blocks = this.#blocks as Blocks;
    const end = first + count;
    for (let block = first; block < end; ) {
      const run = blocks.run(block, end);
      socket.send(run, peer.address);
      block += run.count;
    }
  }

  /** Nothing was written, so the outcome waits for nobody; a source that is asked right now may
   * never answer. */
  protected override close(): undefined {
    // Opened or not, the source is closed with its blocks.
    this.#blocks ??= this.#openBlocks(this.machine.agreed);
    const blocks = this.#blocks;
    const close = async (): Promise<void> => {
      try {
        await blocks.close();
      } catch {} // what cannot even be put away changes nothing any more
    };
    this.parts.pacer?.leave();
    if (this.#filling) void this.#filling.then(close);
    else void close();
  }
}
