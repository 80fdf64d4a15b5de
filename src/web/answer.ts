// How the web server answers: headers that keep a browser strict, and a few forms of content.

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Response } from "./visit.ts";

/** Nothing but our own files: no inline script or style, no frame, no other host. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cache-control": "no-store",
};

export function answerText(
  response: Response,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": type });
  response.end(text);
}

export function answerJson(response: Response, value: unknown, status = 200): void {
  answerText(response, status, JSON.stringify(value), "application/json");
}

/** As a download of this name. */
export async function answerPieces(
  response: Response,
  pieces: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array>,
  name: string,
  type = "application/octet-stream",
): Promise<void> {
  response.writeHead(200, { "content-type": type, "content-disposition": attachment(name) });
  // A reader that leaves early is no failure of ours.
  await pipeline(Readable.from(pieces), response).catch(() => response.destroy());
}

/** RFC 6266, with the name as it is for those who know RFC 8187. */
function attachment(name: string): string {
  const plain = name.replace(/[^\w.-]+/g, "_");
  const exact = encodeURIComponent(name.replace(/\p{Surrogate}/gu, "_")).replace(
    /['()*!]/g,
    (character) => {
      return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
    },
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}
