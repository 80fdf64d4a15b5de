// A Storage whose content a function makes for each request. Knows no files and takes no uploads.

import { TftpError } from "../core/errors.ts";
import type { RequestInfo, Source, Storage } from "../ports.ts";
import { resolveName } from "./name.ts";
import { bytesSource, isStream, sourceOf } from "./sources.ts";

/** `name` has `/` between the segments, none in front, and neither `.` nor `..`. */
export type GeneratedRequest = RequestInfo & { readonly name: string };

/** Strings are sent as UTF-8. */
export type Body = string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** `undefined`: there is no such file. Bytes or text may have a `version`: equal versions of a name
 * must have equal content, for clients then share it. A `size` in bytes is announced to the client
 * and must hold. */
export type Content =
  | Body
  | { readonly body: Body; readonly size?: number; readonly version?: string }
  | undefined;

/** May throw a TftpError, whose message the client gets; anything else it throws stays here. */
export type Handler = (request: GeneratedRequest) => Content | Promise<Content>;

export function generated(handler: Handler): Storage {
  return {
    async openRead(name, request) {
      const plain = resolveName(name, { dotFiles: true }).join("/");
      try {
        return await contentSource(await handler({ ...request, name: plain }));
      } catch (thrown) {
        throw TftpError.from(thrown, "the content cannot be produced");
      }
    },
    async openWrite() {
      throw new TftpError("ACCESS_VIOLATION", "nothing can be written here");
    },
  };
}

async function contentSource(content: Content): Promise<Source> {
  if (content === undefined) throw new TftpError("FILE_NOT_FOUND", "file not found");
  if (isBody(content)) return bodySource(content);
  if (!isBody(content?.body)) throw new TypeError("the handler returned neither bytes nor text");
  const { body, size, version } = content;
  // With a size that is none there is no last block, and the client would hear nothing at all.
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    await bodySource(body).close();
    throw new TypeError(`the handler returned a size of ${size}`);
  }
  return bodySource(body, size, version);
}

/** A stream is read once and in order: nobody can share it, so it bears no version. */
function bodySource(body: Body, size?: number, version?: string): Source {
  const content = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const source = sourceOf(content, size); // checks the size of bytes, too
  return content instanceof Uint8Array ? bytesSource(content, version) : source;
}

function isBody(value: unknown): value is Body {
  return typeof value === "string" || isStream(value);
}
