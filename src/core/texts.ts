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

/** Digits only. Fifteen of them are exact in a number and enough for a petabyte. */
export function parseDecimal(text: string): number | undefined {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

/** `head`, then the texts with a NUL each. */
export function encodeTexts(head: readonly number[], texts: readonly string[]): Uint8Array {
  const sent = texts.map(asSent);
  const bytes = new Uint8Array(head.length + lengthOf(sent));
  bytes.set(head);
  let at = head.length;
  for (const text of sent) {
    for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    at += text.length + 1;
  }
  return bytes;
}

/** How many bytes they take, with a NUL each. */
export function textsLength(texts: readonly string[]): number {
  return lengthOf(texts.map(asSent));
}

function lengthOf(sent: readonly string[]): number {
  let length = sent.length;
  for (const text of sent) length += text.length;
  return length;
}

/** With a character for each byte. */
function asSent(text: string): string {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code >= 0x80) return asUtf8(text);
  }
  return text;
}

function asUtf8(text: string): string {
  const sendable = text.replace(/\0.*/s, "").replace(/\p{Surrogate}/gu, "\ufffd");
  return encodeURIComponent(sendable).replace(/%(..)/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
