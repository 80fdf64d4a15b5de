// A Source on an open regular file. All bytes come from one version of the file, or the read fails.

import type { BigIntStats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { TftpError } from "../core/errors.ts";
import type { Source } from "../ports.ts";
import { fileError } from "./file-error.ts";
import { between, totalBytes } from "./parts.ts";

export class FileSource implements Source {
  readonly size: number;
  version: string | undefined;
  readonly #handle: FileHandle;
  /** What the file was when it was last seen to be the one that was opened. */
  #known: BigIntStats;
  #onClose: (() => void) | undefined;

  /** `opened` is what fstat said of `handle`, which others may read as well; `onClose` is called
   * once, when this reader needs it no more. */
  constructor(handle: FileHandle, opened: BigIntStats, version: string, onClose: () => void) {
    this.#handle = handle;
    this.#known = opened;
    this.#onClose = onClose;
    this.size = Number(opened.size);
    this.version = version === "" ? undefined : version;
  }

  /** Throws TftpError STORAGE when the file is not the one that was opened any more. Each read is
   * given only after that was looked at, for what was read before may be shared and kept. */
  async readv(into: readonly Uint8Array[], position: number): Promise<number> {
    if (!this.#onClose) throw new TftpError("STORAGE", "the content was closed");
    const wanted = Math.max(0, Math.min(totalBytes(into), this.size - position));
    try {
      for (let done = 0; done < wanted; ) {
        const parts = between(into, done, wanted);
        const { bytesRead } = await this.#handle.readv(parts, position + done);
        if (bytesRead === 0) throw changed(); // It shrank below the size that we announced.
        done += bytesRead;
      }
      if (wanted > 0) await this.#confirm();
    } catch (thrown) {
      throw fileError(thrown);
    }
    return wanted;
  }

  async close(): Promise<void> {
    this.#onClose?.();
    this.#onClose = undefined;
  }

  /** ctime finds what sets mtime back, as `cp -p` of a build with constant times does. It moves
   * also when the file loses a name, because a new version took its place; that harms nobody, but
   * whoever vouches for the version cannot know it. A further name is no excuse: snapshots by
   * links would hide a change that comes after them. */
  async #confirm(): Promise<void> {
    const now = await this.#handle.stat({ bigint: true });
    const was = this.#known;
    if (now.size !== was.size || now.mtimeNs !== was.mtimeNs) throw changed();
    if (now.ctimeNs === was.ctimeNs) return;
    if (now.nlink >= was.nlink) throw changed();
    this.#known = now;
    this.version = undefined;
  }
}

function changed(): TftpError {
  return new TftpError("STORAGE", "the file changed while it was read", {
    hint: "Put a new version beside the file and rename it over the old one.",
  });
}
