// From an error of the operating system to a TftpError whose message may go to the peer.

import { TftpError, type TftpErrorCode } from "../core/errors.ts";

/** `thrown` as a TftpError; what `missing` says is for a name that does not exist. The system's own
 * error, with its code and path, is the cause. */
export function fileError(thrown: unknown, missing = "file not found"): TftpError {
  if (thrown instanceof TftpError) return thrown;
  const known = meanings[systemCode(thrown) ?? ""];
  if (known === undefined) return TftpError.from(thrown, "the file cannot be read or written");
  const [code, message, hint] = known;
  return new TftpError(code, code === "FILE_NOT_FOUND" ? missing : message, {
    cause: thrown,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `ENOENT` and its like, where the operating system gave one. */
export function systemCode(thrown: unknown): string | undefined {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
  return typeof code === "string" ? code : undefined;
}

export function notRegular(): TftpError {
  return new TftpError("ACCESS_VIOLATION", "not a regular file");
}

type Meaning = readonly [code: TftpErrorCode, message: string, hint?: string];

const missing: Meaning = ["FILE_NOT_FOUND", ""];
const denied: Meaning = ["ACCESS_VIOLATION", "access denied"];
const irregular: Meaning = ["ACCESS_VIOLATION", "not a regular file"];
const full: Meaning = ["DISK_FULL", "disk full"];
const tooManyOpen: Meaning = [
  "BUSY",
  "too many open files, try again later",
  "Raise the limit of open files (ulimit -n) or allow fewer transfers at once.",
];
const inUse: Meaning = ["BUSY", "the file is in use, try again later"];

const meanings: { readonly [systemCode: string]: Meaning } = {
  ENOENT: missing,
  ENOTDIR: missing,
  ENAMETOOLONG: missing,
  ELOOP: missing,
  EACCES: denied,
  EPERM: denied,
  /** Node's permission model. */
  ERR_ACCESS_DENIED: denied,
  EROFS: ["ACCESS_VIOLATION", "the file system is read-only"],
  EISDIR: irregular,
  ENXIO: irregular,
  EEXIST: ["FILE_EXISTS", "file already exists"],
  ENOSPC: full,
  EDQUOT: full,
  EFBIG: full,
  EMFILE: tooManyOpen,
  ENFILE: tooManyOpen,
  EAGAIN: inUse,
  EBUSY: inUse,
  ETXTBSY: inUse,
};
