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
/** The most that a datagram holds is 65,507 bytes, and the options take their part. */
const filenameBytesMax = 65_000;
const modeSuffix = /;mode=([^;]*)$/i;

/** Throws TftpError INVALID_ARGUMENT. */
export function parseTftpUrl(url: string): Target {
  const parts = form.exec(url);
  if (!parts) throw notOfTheForm(url);
  const [, bracketed, named, portText = "69", rest = ""] = parts;
  const port = Number(portText);
  if (port < 1 || port > 65_535) throw invalid(url, `there is no port ${portText}`);
  const mode = modeSuffix.exec(rest)?.[1]?.toLowerCase() ?? "octet";
  if (mode !== "octet" && mode !== "netascii") {
    throw invalid(url, `there is no mode "${mode}"`, "Write ;mode=octet or ;mode=netascii.");
  }
  const filename = unescapePercents(url, rest.replace(modeSuffix, ""));
  if (filename === "") throw invalid(url, "it names no file");
  const bytes = new TextEncoder().encode(filename).length;
  if (bytes > filenameBytesMax) {
    throw new TftpError("INVALID_ARGUMENT", `a name of ${bytes} bytes is too long for TFTP`, {
      hint: "A request has to fit one datagram: give the file a shorter name.",
    });
  }
  if (filename.includes("\0")) throw invalid(url, "a file name cannot hold a NUL");
  // The percent sign of a zone should be %25 (RFC 6874), but people copy fe80::1%eth0.
  const host = bracketed?.replace(/%25(?=.)/, "%") ?? unescapePercents(url, named as string);
  return { host, port, filename, mode };
}

function unescapePercents(url: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    if (/%(?![0-9a-f]{2})/i.test(text)) {
      const why = "a percent sign is not followed by two hexadecimal digits";
      throw invalid(url, why, "Write a percent sign itself as %25.");
    }
    const why = "what its percent signs stand for is not UTF-8";
    throw invalid(url, why, "Write each character in UTF-8: ü is %C3%BC.");
  }
}

function notOfTheForm(url: string): TftpError {
  if (/^tftp:\/\/[^/]+$/i.test(url)) return invalid(url, "it names no file");
  if (/^tftp:\/\/[^/]*@/i.test(url)) {
    return invalid(url, "TFTP knows no users", "Leave out what stands before the @.");
  }
  return invalid(url, "it is not of the form tftp://HOST[:PORT]/NAME");
}

const example = "Write it like tftp://192.0.2.1/boot/image.bin or tftp://[2001:db8::1]:6969/name.";

function invalid(url: string, why: string, hint: string = example): TftpError {
  return new TftpError("INVALID_ARGUMENT", `cannot use the URL "${url}": ${why}`, { hint });
}
