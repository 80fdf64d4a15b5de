// The storage as visitors of the page find it: behind the rules, and within the quota that all
// uploads share. It must not know what a rule says.

import { type JudgedRequest, type RequestInfo, type Server, TftpError } from "../index.ts";
import type { Shelf } from "../web/files.ts";
import type { Exchangeable } from "./reloading.ts";

export function pageShelf(
  { storage, judge, offer }: Exchangeable,
  server: Pick<Server, "countUpload">,
): Shelf {
  const nameFor = (op: JudgedRequest["op"], filename: string, request: RequestInfo): string => {
    const verdict = judge({ ...request, op, filename });
    if (verdict.kind === "allow") return verdict.filename ?? filename;
    // HTTP has no way to give no answer.
    throw verdict.kind === "refuse" ? verdict.error : denied();
  };
  return {
    storage: {
      openRead: async (name, request) => storage.openRead(nameFor("rrq", name, request), request),
      openWrite: async (name, request) => {
        const sink = await storage.openWrite(nameFor("wrq", name, request), request);
        return server.countUpload(sink);
      },
    },
    mayRead: (filename, request) => judge({ ...request, op: "rrq", filename }).kind === "allow",
    offer,
  };
}

function denied(): TftpError {
  return new TftpError("ACCESS_VIOLATION", "access denied");
}
