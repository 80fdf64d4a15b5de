// Uploads that were announced by our own side: a name is armed once for one client, whatever else
// the storage and the judge say. Knows no packets; it is told how transfers end.

import { createHash } from "node:crypto";
import { isIP, SocketAddress } from "node:net";
import { TftpError } from "../core/errors.ts";
import type { Address, RequestInfo, Sink, Storage } from "../ports.ts";
import { resolveName } from "./name.ts";
import { totalBytes } from "./parts.ts";

export interface ExpectedUpload {
  /** As the client will write it; slashes in front and both kinds of them are as good. */
  readonly name: string;
  /** The client's IP address; it may use any port. */
  readonly client: string;
  /** In bytes. A larger upload is refused, and the name stays armed. */
  readonly sizeMax: number;
  /** How long the name is armed. An upload that is not whole by then is ended. */
  readonly lifetimeMillis: number;
  /** Where the content goes, asked for when the client begins. Default: into `bytes`. */
  readonly into?: () => Sink | Promise<Sink>;
  /** Takes the name back. */
  readonly signal?: AbortSignal;
}

export interface ReceivedUpload {
  /** As it was armed. */
  readonly name: string;
  readonly client: Address;
  /** In bytes. */
  readonly size: number;
  /** Of the content, in hexadecimal. */
  readonly sha256: string;
  /** The content; empty where `into` took it. */
  readonly bytes: Uint8Array;
}

export class ExpectedUploads {
  readonly #pending = new Map<string, Pending>();
  #closed = false;

  /** Armed when this returns; the rest is as `Server.expectUpload` says. */
  arm(expected: ExpectedUpload): Promise<ReceivedUpload> {
    const received = new Promise<ReceivedUpload>((resolve, reject) => {
      const key = requireKey(expected);
      if (this.#closed) throw serverClosed();
      if (this.#pending.has(key)) throw wrong(`${expected.name} is expected already`);
      requireNumbers(expected);
      expected.signal?.throwIfAborted();
      const pending = new Pending(expected, { resolve, reject }, () => this.#pending.delete(key));
      this.#pending.set(key, pending);
    });
    // It may fail before anybody waits for it; whoever waits is told all the same.
    received.catch(() => undefined);
    return received;
  }

  expects(name: string, client: Address): boolean {
    return this.#find(name, client) !== undefined;
  }

  /** `storage`, with what is expected going elsewhere. */
  before(storage: Storage): Storage {
    return {
      openRead: (name, request) => storage.openRead(name, request),
      readAtHand: (name, request, receipt) => storage.readAtHand?.(name, request, receipt),
      openWrite: async (name, request) => {
        const pending = this.#find(name, request.client);
        return pending ? pending.open(request) : storage.openWrite(name, request);
      },
    };
  }

  /** A transfer of this client has ended, well if there is no error. */
  handleEnded(client: Address, error: TftpError | undefined): void {
    for (const pending of this.#pending.values()) pending.handleEnded(client, error);
  }

  close(): void {
    this.#closed = true;
    for (const pending of this.#pending.values()) pending.fail(serverClosed());
  }

  #find(name: string, client: Address): Pending | undefined {
    return this.#pending.size === 0 ? undefined : this.#pending.get(keyOf(name, client.host) ?? "");
  }
}

interface Promised {
  readonly resolve: (received: ReceivedUpload) => void;
  readonly reject: (error: unknown) => void;
}

class Pending {
  readonly expected: ExpectedUpload;
  readonly #promised: Promised;
  readonly #onSettled: () => void;
  readonly #timer: NodeJS.Timeout;
  readonly #abort = (): void => this.fail(this.expected.signal?.reason);
  /** The attempt that counts: a client that lost the thread begins anew. None when settled. */
  #newest: object | undefined;
  #attempt: ExpectedSink | undefined;
  #lastError: TftpError | undefined;
  #expired = false;

  constructor(expected: ExpectedUpload, promised: Promised, onSettled: () => void) {
    this.expected = expected;
    this.#promised = promised;
    this.#onSettled = onSettled;
    this.#timer = setTimeout(() => this.#expire(), expected.lifetimeMillis).unref();
    expected.signal?.addEventListener("abort", this.#abort, { once: true });
  }

  async open(request: RequestInfo): Promise<Sink> {
    const { sizeMax, into } = this.expected;
    if ((request.size ?? 0) > sizeMax) throw tooLarge(sizeMax);
    const own = {};
    this.#newest = own;
    const isExpected = (): boolean => this.#newest === own;
    const kept = into ? undefined : new KeptBytes();
    const sink = kept ?? ((await into?.()) as Sink);
    if (!isExpected()) {
      await sink.discard();
      throw notExpected();
    }
    const { client } = request;
    const onUnstored = (error: TftpError): void => this.#handleUnstored(error);
    const around = { sink, kept, client, expected: this.expected, isExpected, onUnstored };
    this.#attempt = new ExpectedSink(around);
    return this.#attempt;
  }

  handleEnded(client: Address, error: TftpError | undefined): void {
    const { client: own, received } = this.#attempt ?? {};
    if (own?.host !== client.host || own.port !== client.port) return;
    if (error) {
      this.#lastError = error;
      this.#attempt = undefined;
    } else if (received) this.#settle(() => this.#promised.resolve(received));
  }

  /** It may end without a word, where its client has begun something else. */
  #handleUnstored(error: TftpError): void {
    this.#lastError = error;
    if (this.#expired) this.#expire();
  }

  fail(error: unknown): void {
    this.#settle(() => this.#promised.reject(error));
  }

  /** What is about to be stored may still arrive: `handleEnded` decides. */
  #expire(): void {
    this.#expired = true;
    if (this.#attempt?.committing) return;
    const { name, client, lifetimeMillis } = this.expected;
    const message = `${name} did not come from ${client} within ${lifetimeMillis / 1000} s`;
    this.fail(new TftpError("TIMED_OUT", message, { cause: this.#lastError }));
  }

  #settle(settle: () => void): void {
    clearTimeout(this.#timer);
    this.expected.signal?.removeEventListener("abort", this.#abort);
    this.#newest = this.#attempt = undefined;
    this.#expired = false;
    this.#onSettled();
    settle();
  }
}

interface Attempt {
  readonly sink: Sink;
  /** The same, where the content is kept for whoever expects it. */
  readonly kept: KeptBytes | undefined;
  readonly client: Address;
  readonly expected: ExpectedUpload;
  readonly isExpected: () => boolean;
  /** The commit has failed. */
  readonly onUnstored: (error: TftpError) => void;
}

class ExpectedSink implements Sink {
  committing = false;
  received: ReceivedUpload | undefined;
  readonly #attempt: Attempt;
  readonly #hash = createHash("sha256");
  #size = 0;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
  }

  get client(): Address {
    return this.#attempt.client;
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    this.#requireExpected();
    const { sink, expected } = this.#attempt;
    this.#size += totalBytes(payloads);
    if (this.#size > expected.sizeMax) throw tooLarge(expected.sizeMax);
    for (const payload of payloads) this.#hash.update(payload);
    await sink.writev(payloads);
  }

  async commit(): Promise<void> {
    this.#requireExpected();
    this.committing = true;
    const { sink, kept, client, expected, onUnstored } = this.#attempt;
    try {
      await sink.commit();
    } catch (thrown) {
      this.committing = false;
      onUnstored(TftpError.from(thrown));
      throw thrown;
    }
    const bytes = kept?.bytes() ?? new Uint8Array();
    const sha256 = this.#hash.digest("hex");
    this.received = { name: expected.name, client, size: this.#size, sha256, bytes };
  }

  get sha256(): string | undefined {
    return this.received?.sha256;
  }

  discard(): Promise<void> {
    return this.#attempt.sink.discard();
  }

  #requireExpected(): void {
    if (!this.#attempt.isExpected()) throw notExpected();
  }
}

class KeptBytes implements Sink {
  #chunks: Uint8Array[] = [];

  bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#chunks));
  }

  async writev(payloads: readonly Uint8Array[]): Promise<void> {
    this.#chunks.push(Buffer.concat(payloads));
  }

  async commit(): Promise<void> {}

  async discard(): Promise<void> {
    this.#chunks = [];
  }
}

function requireKey({ name, client }: ExpectedUpload): string {
  if (isIP(client) === 0) throw wrong(`${client} is not an IP address`);
  const [bare = "", zone] = client.split("%");
  const { address } = new SocketAddress({
    address: bare,
    family: isIP(bare) === 6 ? "ipv6" : "ipv4",
  });
  const key = keyOf(name, zone === undefined ? address : `${address}%${zone}`);
  if (key === undefined) throw wrong(`no client can send ${JSON.stringify(name)}`);
  return key;
}

function requireNumbers({ sizeMax, lifetimeMillis }: ExpectedUpload): void {
  if (!(sizeMax >= 0)) throw wrong(`sizeMax is ${sizeMax}`);
  const longest = 2 ** 31 - 1; // of a timer in Node
  if (lifetimeMillis >= 1 && lifetimeMillis <= longest) return;
  throw wrong(`lifetimeMillis is ${lifetimeMillis}`);
}

function keyOf(name: string, host: string): string | undefined {
  try {
    return `${host} ${resolveName(name, { dotFiles: true }).join("/")}`;
  } catch {
    return undefined;
  }
}

function notExpected(): TftpError {
  return new TftpError("ABORTED", "this upload is not expected any more");
}

function serverClosed(): TftpError {
  return new TftpError("ABORTED", "the server was closed");
}

function tooLarge(sizeMax: number): TftpError {
  return new TftpError("TOO_LARGE", `more than ${sizeMax} bytes`);
}

function wrong(message: string): TftpError {
  return new TftpError("INVALID_ARGUMENT", message);
}
