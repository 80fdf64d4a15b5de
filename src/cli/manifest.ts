// `--manifest FILE` and `--manifest-key FILE`: reads them, and the signature beside the manifest.

import type { Command } from "commander";
import { manifest, type Storage } from "../index.ts";
import { readNamed } from "./local-file.ts";
import { wrongUsage } from "./options.ts";

export interface ManifestFlags {
  readonly manifest?: string;
  readonly manifestKey?: string;
}

export function addManifestOptions(command: Command): void {
  command
    .option("--manifest <FILE>", "serve only files that match this sha256sum list")
    .option("--manifest-key <FILE>", "Ed25519 key (PEM) for its signature in FILE.sig");
}

/** `storage`, whose folder is `dir`, behind the manifest, where one is given. Throws TftpError. */
export async function withManifest(
  storage: Storage,
  dir: string,
  flags: ManifestFlags,
): Promise<Storage> {
  const { manifest: path, manifestKey } = flags;
  if (path === undefined) {
    if (manifestKey === undefined) return storage;
    throw wrongUsage("--manifest-key is given without --manifest", "Name the manifest as well.");
  }
  const lines = await readNamed(path);
  if (manifestKey === undefined) return manifest(storage, { lines, dir });
  const publicKey = String(await readNamed(manifestKey));
  return manifest(storage, { lines, dir, publicKey, signature: await readNamed(`${path}.sig`) });
}
