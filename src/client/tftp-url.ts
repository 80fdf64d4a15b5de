// tftp://HOST[:PORT]/NAME[;mode=octet|netascii] (RFC 3617). IPv6 addresses stand in brackets, with
// an optional zone, which the URL class of the platform does not take.

import { TftpError } from "../core/errors.ts";
import type { Mode } from "../core/packet.ts";

/** What is asked of whom. */
export interface Target {
  /** A name or a numeric address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly filename: string;
  readonly mode: Mode;
}

const form = /^tftp:\/\/(?:\[([^\]]+)\]|([^/:@?#[\]]+))(?::(\d{1,5}))?\/(.*)$/is;
const modeSuffix = /;mode=([^;]*)$/i;

/** Throws TftpError INVALID_ARGUMENT. */
export function parseTftpUrl(url: string): Target {
  const parts = form.exec(url);
  if (!parts) throw invalid(url, "it is not of the form tftp://HOST[:PORT]/NAME");
  const [, bracketed, named, portText = "69", rest = ""] = parts;
  const port = Number(portText);
  if (port < 1 || port > 65_535) throw invalid(url, `there is no port ${portText}`);
  const mode = modeSuffix.exec(rest)?.[1]?.toLowerCase() ?? "octet";
  if (mode !== "octet" && mode !== "netascii") throw invalid(url, `there is no mode "${mode}"`);
  const filename = unescapePercents(url, rest.replace(modeSuffix, ""));
  if (filename === "") throw invalid(url, "it names no file");
  if (filename.includes("\0")) throw invalid(url, "a file name cannot hold a NUL");
  // The percent sign of a zone should be %25 (RFC 6874), but people copy fe80::1%eth0.
  const host = bracketed?.replace(/%25(?=.)/, "%") ?? unescapePercents(url, named as string);
  return { host, port, filename, mode };
}

function unescapePercents(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(url, "a percent sign is not followed by two digits of a character");
  }
}

function invalid(url: string, why: string): TftpError {
  return new TftpError("INVALID_ARGUMENT", `cannot use the URL "${url}": ${why}`, {
    hint: "Write it like tftp://192.0.2.1/boot/image.bin or tftp://[2001:db8::1]:6969/name.",
  });
}
