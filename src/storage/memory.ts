// A Storage of files that are kept in memory. Knows no disk.

import { TftpError } from "../core/errors.ts";
import type { Sink, Storage } from "../ports.ts";
import { resolveName } from "./name.ts";
import { totalBytes } from "./parts.ts";
import { bytesSource } from "./sources.ts";
import { alreadyThere, type Uploads, uploadsOf, uploadsOff } from "./uploads.ts";

export interface MemoryOptions {
  /** Default `off`. */
  readonly uploads?: Uploads;
}

export interface MemoryStorage extends Storage {
  /** By name, with `/` between the segments and none in front. Set and delete entries as you like;
   * leave the bytes of an entry as they are, since readers share them. */
  readonly files: Map<string, Uint8Array>;
}

export type MemoryFiles =
  | { readonly [name: string]: Uint8Array | string }
  | ReadonlyMap<string, Uint8Array | string>;

/** Strings are stored as UTF-8. Throws TftpError INVALID_ARGUMENT for a name that no client can ask
 * for. */
export function memory(files: MemoryFiles = {}, options: MemoryOptions = {}): MemoryStorage {
  const uploads = uploadsOf(options.uploads);
  const stored = new Map<string, Uint8Array>();
  for (const [name, content] of files instanceof Map ? files : Object.entries(files)) {
    stored.set(initialKey(name), typeof content === "string" ? encode(content) : content);
  }
  return {
    files: stored,
    async openRead(name) {
      const bytes = stored.get(keyOf(name));
      if (bytes === undefined) throw new TftpError("FILE_NOT_FOUND", "file not found");
      return bytesSource(bytes, versionOf(bytes));
    },
    async openWrite(name) {
      if (uploads === "off") throw uploadsOff();
      return new MemorySink(stored, keyOf(name), uploads === "overwrite");
    },
  };
}

class MemorySink implements Sink {
  readonly #files: Map<string, Uint8Array>;
  readonly #key: string;
  readonly #overwrite: boolean;
  #chunks: Uint8Array[] = [];
  #state: "open" | "committed" | "discarded" = "open";

  constructor(files: Map<string, Uint8Array>, key: string, overwrite: boolean) {
    this.#files = files;
    this.#key = key;
    this.#overwrite = overwrite;
    this.#requireFree();
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    this.#chunks.push(joined(payloads));
  }

  async commit(): Promise<void> {
    if (this.#state === "committed") return;
    if (this.#state === "discarded") throw new TftpError("ABORTED", "the file was discarded");
    this.#requireFree();
    this.#files.set(this.#key, joined(this.#chunks));
    this.#state = "committed";
    this.#chunks = [];
  }

  async discard(): Promise<void> {
    if (this.#state === "open") this.#state = "discarded";
    this.#chunks = [];
  }

  #requireFree(): void {
    if (!this.#overwrite && this.#files.has(this.#key)) throw alreadyThere();
  }
}

const versions = new WeakMap<Uint8Array, string>();
let versionsGiven = 0;

/** A number for each byte array: other bytes, other version, in whatever storage they are. */
function versionOf(bytes: Uint8Array): string {
  let version = versions.get(bytes);
  if (version === undefined) {
    versionsGiven += 1;
    version = String(versionsGiven);
    versions.set(bytes, version);
  }
  return version;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(totalBytes(parts));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whoever puts a dot file here wants it to be found. */
function keyOf(name: string): string {
  return resolveName(name, { dotFiles: true }).join("/");
}

function initialKey(name: string): string {
  try {
    return keyOf(name);
  } catch (cause) {
    throw new TftpError("INVALID_ARGUMENT", `no client can ask for ${JSON.stringify(name)}`, {
      cause,
    });
  }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
