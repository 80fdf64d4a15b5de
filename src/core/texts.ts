// Texts on the wire: names, modes, options and messages, each ended by a NUL (RFC 1350 5).
// Must not know what they say.

/** Where the NUL stands; the last one of a packet may be missing. */
export function endOfText(bytes: Uint8Array, at: number): number {
  const end = bytes.indexOf(0, at);
  return end < 0 ? bytes.length : end;
}

/** The RFCs say netascii, but names are bytes: read as UTF-8, else as Latin-1, so none is lost. */
export function textFrom(bytes: Uint8Array, from: number, end: number): string {
  let latin = "";
  let bits = 0;
  for (let at = from; at < end; at++) {
    const byte = bytes[at]!;
    latin += String.fromCharCode(byte);
    bits |= byte;
  }
  return bits < 0x80 ? latin : decodeText(bytes.subarray(from, end), latin);
}

function decodeText(bytes: Uint8Array, latin: string): string {
  let escaped = "";
  for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, "0")}`;
  try {
    return decodeURIComponent(escaped);
  } catch {
    return latin;
  }
}

/** `bytes`, then the texts with a NUL each. */
export function encodeTexts(bytes: number[], texts: readonly string[]): Uint8Array {
  for (const text of texts) {
    if (!pushAscii(bytes, text)) pushText(bytes, text);
    bytes.push(0);
  }
  return new Uint8Array(bytes);
}

/** False, with nothing pushed, for what needs more than a byte for each character. */
function pushAscii(bytes: number[], text: string): boolean {
  const before = bytes.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code >= 0x80) {
      bytes.length = before;
      return false;
    }
    bytes.push(code);
  }
  return true;
}

function pushText(bytes: number[], text: string): void {
  const sendable = text.replace(/\0.*/s, "").replace(/\p{Surrogate}/gu, "\ufffd");
  for (const [char, hex] of encodeURIComponent(sendable).matchAll(/%(..)|./g)) {
    bytes.push(hex === undefined ? char.charCodeAt(0) : Number.parseInt(hex, 16));
  }
}
