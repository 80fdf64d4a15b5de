// One server under test and what a probe may do to it. Knows no particular server.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Packet } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";
import { type Heard, RawClient } from "./raw-client.ts";

export interface Subject {
  readonly name: string;
  readonly address: Address;
  /** What it serves. */
  readonly root: string;
  readonly takesUploads: boolean;
  /** Ends it without warning, with its children. */
  readonly kill: () => Promise<void>;
  /** Starts it again where it is not running. */
  readonly restart: () => Promise<void>;
}

/** What was seen, and whether that is how it should be. */
export interface Finding {
  readonly text: string;
  readonly good: boolean;
}

export interface Probe {
  readonly question: string;
  readonly needsUploads?: boolean;
  readonly run: (subject: Subject, raw: RawClient) => Promise<Finding>;
}

export function good(text: string): Finding {
  return { text, good: true };
}

export function bad(text: string): Finding {
  return { text, good: false };
}

/** Long enough for a first answer, shorter than the first repeat of any of these servers. */
export const answerMillis = 700;

/** What is known of an answer, in a word or two. */
export function describe(heard: Heard | undefined): string {
  const packet: Packet | undefined = heard?.packet;
  if (!packet) return "silent";
  if (packet.op === "error") return `ERROR ${packet.code}`;
  if (packet.op !== "oack") return packet.op.toUpperCase();
  const options = [...packet.options.values()].map(({ name, value }) => `${name} ${value}`);
  return `OACK ${options.join(", ")}`;
}

export async function ask(
  { address }: Subject,
  raw: RawClient,
  datagram: Uint8Array,
): Promise<Heard | undefined> {
  raw.send(datagram, address);
  return raw.next(answerMillis);
}

/** All that comes within so many milliseconds. */
export async function all(raw: RawClient, withinMillis: number): Promise<Heard[]> {
  await new Promise((over) => setTimeout(over, withinMillis));
  return raw.drain();
}

/** With a socket of its own, which is closed in the end. */
export async function withRaw<T>(run: (raw: RawClient) => Promise<T>): Promise<T> {
  const raw = await RawClient.open();
  try {
    return await run(raw);
  } finally {
    await raw.close();
  }
}

/** The content under this name, or undefined. */
export async function fileOf({ root }: Subject, name: string): Promise<Buffer | undefined> {
  const names = await readdir(root);
  return names.includes(name) ? readFile(join(root, name)) : undefined;
}

export function urlOf({ address }: Subject, name: string): string {
  return `tftp://${address.host}:${address.port}/${name}`;
}
