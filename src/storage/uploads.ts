// What a storage allows to be written, as a policy and its refusals.

import { TftpError } from "../core/errors.ts";

/** `create`: new names only. `overwrite`: existing files are replaced, too. */
export type Uploads = "off" | "create" | "overwrite";

/** The policy, `off` by default. Throws TftpError INVALID_ARGUMENT for anything that is none. */
export function uploadsOf(value: Uploads | undefined): Uploads {
  if (value === undefined) return "off";
  if (value === "off" || value === "create" || value === "overwrite") return value;
  throw new TftpError("INVALID_ARGUMENT", "uploads must be off, create or overwrite");
}

export function uploadsOff(): TftpError {
  return new TftpError("ACCESS_VIOLATION", "uploads are not allowed here", {
    hint: "Set uploads to create or overwrite to accept files.",
  });
}

export function alreadyThere(): TftpError {
  return new TftpError("FILE_EXISTS", "file already exists", {
    hint: "Set uploads to overwrite to replace files.",
  });
}
