// A Storage that gives only what a list of SHA-256 digests vouches for. The digest is taken of the
// very source that is then sent. Knows no files: the list comes as text.

import { createHash, createPublicKey, verify } from "node:crypto";
import { resolve } from "node:path";
import { TftpError } from "../core/errors.ts";
import type { Source, Storage } from "../ports.ts";
import { nameBelow, resolveName } from "./name.ts";
import { bytesSource } from "./sources.ts";

export interface ManifestOptions {
  /** The folder of `storage`: names that repeat its path are looked for without it, too. */
  readonly dir?: string;
  /** What `sha256sum` prints: a digest and a name on each line, relative to the served folder. */
  readonly lines: Uint8Array | string;
  /** An Ed25519 key as PEM. With it `lines` must bear a valid `signature`. */
  readonly publicKey?: string;
  /** 64 bytes, or the same in Base64. */
  readonly signature?: Uint8Array | string;
}

/** Reads of `storage` whose content is as the manifest says; other names are not found. Uploads go
 * to `storage` as they are, and cannot be read until a manifest has them. Throws TftpError
 * INVALID_ARGUMENT for a manifest that is none, ACCESS_VIOLATION for a wrong signature. */
export function manifest(storage: Storage, options: ManifestOptions): Storage {
  if (options.publicKey !== undefined) requireSignature(options, options.publicKey);
  const listed = parseLines(Buffer.from(options.lines).toString("utf8"));
  const dir = options.dir === undefined ? undefined : resolve(options.dir);
  const verifier = new Verifier();
  return {
    async openRead(name, request) {
      const plain = namesOf(name, dir).find((each) => listed.has(each)) ?? "";
      const wanted = listed.get(plain);
      if (wanted === undefined) throw notListed();
      const source = await storage.openRead(plain, request);
      try {
        return await verifier.verified(source, plain, wanted);
      } catch (thrown) {
        await source.close();
        throw thrown;
      }
    },
    openWrite: (name, request) => storage.openWrite(name, request),
  };
}

/** What the manifest may call it. */
function namesOf(name: string, dir: string | undefined): string[] {
  const plain = resolveName(name, all);
  const below = dir === undefined ? undefined : nameBelow(name, dir, all);
  return [plain, below ?? plain].map((segments) => segments.join("/"));
}

const all = { dotFiles: true };

/** Content without a version is held in memory while it is sent: so much in all. */
const heldBytesMax = 64 * 1024 * 1024;
/** Digests that are remembered. */
const knownMax = 10_000;
const readBytes = 256 * 1024;

class Verifier {
  readonly #known = new Map<string, Promise<string>>();
  #heldBytes = 0;

  /** Takes `source` over unless it throws. */
  async verified(source: Source, name: string, wanted: string): Promise<Source> {
    const { version, size } = source;
    if (version === undefined || size === undefined) return this.#hold(source, wanted);
    requireSame(await this.#digestOf(source, `${name}\0${version}`), wanted);
    return {
      size,
      version,
      sha256: wanted,
      async readv(into, position) {
        const read = await source.readv(into, position);
        if (source.version !== version) throw changed();
        return read;
      },
      close: () => source.close(),
    };
  }

  /** A version is read once, whoever asks; many who ask at the same time wait for the same. */
  #digestOf(source: Source, key: string): Promise<string> {
    const known = this.#known.get(key);
    if (known) return known;
    const taken = digestOf(source);
    this.#known.set(key, taken);
    taken.catch(() => this.#known.delete(key));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= knownMax) break;
      this.#known.delete(oldest);
    }
    return taken;
  }

  /** What has no version could change after it was looked at: so what was looked at is sent. */
  async #hold(source: Source, wanted: string): Promise<Source> {
    const chunks: Buffer[] = [];
    let held = 0;
    const release = (): void => {
      this.#heldBytes -= held;
      held = 0;
    };
    try {
      for await (const chunk of chunksOf(source)) {
        held += chunk.length;
        this.#heldBytes += chunk.length;
        if (this.#heldBytes > heldBytesMax) throw tooMuch();
        chunks.push(Buffer.from(chunk));
      }
      const bytes = Buffer.concat(chunks);
      requireSame(createHash("sha256").update(bytes).digest("hex"), wanted);
      const kept = bytesSource(bytes, wanted);
      await source.close();
      return { ...kept, sha256: wanted, close: async () => release() };
    } catch (thrown) {
      release();
      throw thrown;
    }
  }
}

async function digestOf(source: Source): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunksOf(source)) hash.update(chunk);
  return hash.digest("hex");
}

/** Each is a view of the same memory. */
async function* chunksOf(source: Source): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(readBytes, (source.size ?? readBytes) + 1));
  for (let position = 0; ; ) {
    const read = await source.readv([buffer], position);
    if (read > 0) yield buffer.subarray(0, read);
    position += read;
    if (read < buffer.length) return;
  }
}

/** `DIGEST  NAME` or `DIGEST *NAME`; a backslash in front means that the name has escapes. */
function parseLines(text: string): ReadonlyMap<string, string> {
  const listed = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const [, escaped, digest = "", written = ""] =
      /^(\\?)([0-9a-f]{64}) [ *](.+)$/i.exec(line) ?? [];
    const name = nameOf(escaped ? unescaped(written) : written);
    if (name === undefined) throw wrongLine(index + 1);
    const lower = digest.toLowerCase();
    if ((listed.get(name) ?? lower) !== lower) throw wrongLine(index + 1);
    listed.set(name, lower);
  }
  return listed;
}

function unescaped(name: string): string {
  return name.replace(/\\([\\nr])/g, (_, letter) => ({ n: "\n", r: "\r" })[letter as "n"] ?? "\\");
}

/** As a client's name is read. Undefined for what no client could ask for. */
function nameOf(name: string): string | undefined {
  try {
    return resolveName(name, all).join("/");
  } catch {
    return undefined;
  }
}

function requireSignature({ lines, signature }: ManifestOptions, publicKey: string): void {
  let valid = false;
  let cause: unknown;
  try {
    const key = createPublicKey(publicKey);
    if (key.asymmetricKeyType !== "ed25519") throw new TypeError("this is no Ed25519 key");
    valid = verify(null, Buffer.from(lines), key, signatureBytes(signature ?? ""));
  } catch (thrown) {
    cause = thrown;
  }
  if (valid) return;
  throw new TftpError("ACCESS_VIOLATION", "the manifest has no valid signature", {
    hint: "Sign it anew with the private key that belongs to the public one (Ed25519).",
    cause,
  });
}

function signatureBytes(signature: Uint8Array | string): Uint8Array {
  if (signature instanceof Uint8Array && signature.length === 64) return signature;
  return Buffer.from(Buffer.from(signature).toString("latin1"), "base64");
}

function requireSame(found: string, wanted: string): void {
  if (found === wanted) return;
  // ERROR 2 makes clients stop; after most others they ask again for ever.
  throw new TftpError("ACCESS_VIOLATION", "the content is not what the manifest says", {
    hint: "Restore the file, or make a new manifest if the change was meant.",
  });
}

function notListed(): TftpError {
  return new TftpError("FILE_NOT_FOUND", "the file is not in the manifest", {
    hint: "Add it with sha256sum, by its name below the served folder.",
  });
}

function changed(): TftpError {
  return new TftpError("STORAGE", "the file changed while it was read", {
    hint: "The manifest vouched for what it was; clients that ask again are served.",
  });
}

function tooMuch(): TftpError {
  return new TftpError("BUSY", "the content changed just now, try again later", {
    hint: "A large file is served some seconds after its last change.",
  });
}

function wrongLine(number: number): TftpError {
  return new TftpError("INVALID_ARGUMENT", `line ${number} of the manifest is wrong`, {
    hint: "Each line is a SHA-256 digest, two spaces and a name, as sha256sum prints it.",
  });
}
