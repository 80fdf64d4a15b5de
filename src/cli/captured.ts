// `--capture FILE` of get and put: whatever goes over the wire, written when all is done. Loads
// what it needs only when it is asked for.

import type { PacketTap } from "../index.ts";
import { TftpError } from "../index.ts";
import { systemCode } from "./failure.ts";

export interface Captured {
  readonly tap: PacketTap;
  /** Throws TftpError STORAGE. */
  readonly write: () => Promise<void>;
}

/** Beyond this the packets in the middle are given up. */
const bytesMax = 256 * 1024 * 1024;

export async function capturing(path: string): Promise<Captured> {
  const { ClientCapture } = await import("../observe/client-capture.ts");
  const tap = new ClientCapture(bytesMax);
  return { tap, write: () => write(path, tap.files()) };
}

interface Files {
  readonly pcapng: Iterable<Uint8Array>;
  readonly timeline: Iterable<string>;
}

async function write(path: string, { pcapng, timeline }: Files): Promise<void> {
  const { writeTo } = await import("../observe/capture-files.ts");
  try {
    await writeTo(path, pcapng);
    await writeTo(`${path}.json`, timeline);
  } catch (cause) {
    const message = `the capture ${path} cannot be written (${systemCode(cause)})`;
    throw new TftpError("STORAGE", message, { hint: "Name another file with --capture.", cause });
  }
}
