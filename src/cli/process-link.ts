// A link between two processes by the channel that Node opens between parent and child.
// It must not know what is said.

import type { ChildProcess } from "node:child_process";
import type { Link, LinkMessage } from "../index.ts";

/** As much as the buffer of a socket. */
const waitingBytesMax = 4 * 1024 * 1024;

/** Either end of the channel, which is no reason for a process to stay until `ref`. What is no
 * object belongs to somebody else. */
export class ProcessLink implements Link {
  onMessage: (message: LinkMessage) => void = () => {};
  onWritable: () => void = () => {};
  onClosed: () => void = () => {};
  readonly #end: ChildProcess | NodeJS.Process;
  #waitingBytes = 0;

  constructor(end: ChildProcess | NodeJS.Process) {
    this.#end = end;
    end.on("message", (message: unknown) => {
      if (typeof message === "object") this.onMessage(message as LinkMessage);
    });
    end.on("disconnect", () => this.onClosed());
    this.unref();
  }

  get writable(): boolean {
    return this.#waitingBytes < waitingBytesMax;
  }

  send(message: LinkMessage): void {
    if (!this.#end.connected) return;
    const bytes = bytesOf(message);
    this.#waitingBytes += bytes;
    // An error means that the other one is gone, which is told as such.
    this.#end.send?.(message, undefined, undefined, () => {
      const wasFull = !this.writable;
      this.#waitingBytes -= bytes;
      if (wasFull && this.writable) this.onWritable();
    });
  }

  ref(): void {
    this.#end.channel?.ref();
  }

  unref(): void {
    this.#end.channel?.unref();
  }

  /** What was sent still arrives. */
  close(): void {
    if (this.#end.connected) this.#end.disconnect?.();
  }
}

function bytesOf(message: LinkMessage): number {
  if (message.kind === "send") return message.run.length;
  return message.kind === "heard" ? message.datagram.length : 0;
}
