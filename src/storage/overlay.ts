// Several storages as one: the first that has a name gives it, and the first of all takes uploads.

import { TftpError } from "../core/errors.ts";
import type { Storage } from "../ports.ts";
import { originating } from "./origin.ts";

/** Only FILE_NOT_FOUND leads on to the next storage; a refusal stands.
 * Throws TftpError INVALID_ARGUMENT without any storage. */
export function overlay(...storages: readonly Storage[]): Storage {
  const [first] = storages;
  if (first === undefined) {
    throw new TftpError("INVALID_ARGUMENT", "an overlay needs at least one storage");
  }
  return {
    async openRead(name, request) {
      let missing: unknown;
      for (const [number, storage] of storages.entries()) {
        try {
          return originating(number, await storage.openRead(name, request));
        } catch (thrown) {
          if (TftpError.from(thrown).code !== "FILE_NOT_FOUND") throw thrown;
          missing = thrown;
        }
      }
      throw missing;
    },
    openWrite: (name, request) => first.openWrite(name, request),
  };
}
