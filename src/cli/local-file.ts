// Failures of this machine's own files, with the path in them. The library leaves it out, because
// its messages also go to the peer.

import { type BigIntStats, fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { TftpError, type TftpErrorCode } from "../index.ts";
import { systemCode } from "./failure.ts";

type Access = "read" | "write";

/** The error with the path and a hint, where a file of this machine is to blame; else as it is. */
export function namePath(thrown: unknown, path: string, access: Access): unknown {
  const ours = thrown instanceof TftpError ? thrown : undefined;
  if (ours?.origin === "remote" || ours?.code === "NETWORK") return ours;
  const code = systemCode(thrown);
  const known = meanings[code ?? ""];
  const name = path !== "-" ? path : access === "write" ? "standard output" : "standard input";
  if (known) return known(name, access, thrown);
  // A hint means that somebody knew more than the code tells.
  if (ours?.hint || (ours && code === undefined && !fileTroubles.has(ours.code))) return ours;
  if (!ours && code === undefined) return thrown;
  const detail = code ?? (thrown as Error).message;
  return localError("STORAGE", `cannot ${access} ${name} (${detail})`, {
    hint: "Check what stands under that name, or choose another one.",
    cause: thrown,
  });
}

/** What the command line names to be read at once, such as a configuration. Throws TftpError. */
export async function readNamed(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (thrown) {
    if (systemCode(thrown) !== "EISDIR") throw namePath(thrown, path, "read");
    const hint = "Name the file itself.";
    throw localError("STORAGE", `${path} is a folder, not a file`, { hint, cause: thrown });
  }
}

const fileTroubles: ReadonlySet<TftpErrorCode> = new Set(["ACCESS_VIOLATION", "STORAGE"]);

export function folderGiven(path: string): TftpError {
  return localError("STORAGE", `${path} is a folder`, {
    hint: "TFTP moves single files: name the files in it, or put them into one archive.",
  });
}

type Meaning = (path: string, access: Access, cause: unknown) => TftpError;

const denied: Meaning = (path, access, cause) =>
  localError("ACCESS_VIOLATION", `no permission to ${access} ${path}`, {
    hint: "Check the permissions of the file and its folder, or choose another one.",
    cause,
  });

const full: Meaning = (path, _access, cause) =>
  localError("DISK_FULL", `no room is left on the disk for ${path}`, {
    hint: "Make room there, or choose another place.",
    cause,
  });

const tooLarge: Meaning = (path, _access, cause) =>
  localError("DISK_FULL", `${path} would be larger than a file may be here`, {
    hint: "Raise the limit of file sizes (ulimit -f), or choose another disk.",
    cause,
  });

const missing: Meaning = (path, access, cause) =>
  access === "read"
    ? localError("FILE_NOT_FOUND", `${path} does not exist`, { hint: "Check the name.", cause })
    : localError("FILE_NOT_FOUND", `cannot write ${path}: its folder does not exist`, {
        hint: "Create the folder, or choose another one.",
        cause,
      });

const tooLong: Meaning = (path, access, cause) =>
  localError("STORAGE", `cannot ${access} a file with a name of ${path.length} characters`, {
    hint: access === "read" ? "Check the name." : "Give it a shorter one with -o.",
    cause,
  });

const meanings: { readonly [systemCode: string]: Meaning } = {
  EACCES: denied,
  EPERM: denied,
  ENOENT: missing,
  ENOTDIR: missing,
  EISDIR: (path) => folderGiven(path),
  EROFS: (path, _access, cause) =>
    localError("ACCESS_VIOLATION", `cannot write ${path}: the disk is read-only`, {
      hint: "Choose another folder.",
      cause,
    }),
  ENAMETOOLONG: tooLong,
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: tooLarge,
  EPIPE: (path, _access, cause) =>
    localError("STORAGE", `${path} was closed before the file was whole`, {
      hint: "The program that reads it ended early.",
      cause,
    }),
};

/** Of a descriptor; undefined where the system does not tell. */
export function statOf(fd: number): BigIntStats | undefined {
  try {
    return fstatSync(fd, { bigint: true });
  } catch {
    return undefined;
  }
}

function localError(
  code: TftpErrorCode,
  message: string,
  options: { readonly hint?: string; readonly cause?: unknown },
): TftpError {
  return new TftpError(code, message, options);
}
