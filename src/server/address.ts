// IP addresses as bytes: networks in CIDR form, and the prefix that one owner has. Pure.

/** 4 bytes, or 16. An IPv4 address in IPv6 form (::ffff:192.0.2.1) is IPv4; a zone (%eth0) does not
 * count. Undefined for anything that is no address. */
export function addressBytes(text: string): Uint8Array | undefined {
  const zone = text.indexOf("%");
  const plain = zone < 0 ? text : text.slice(0, zone);
  if (!plain.includes(":")) return zone < 0 ? v4Bytes(plain) : undefined;
  const bytes = v6Bytes(plain);
  return bytes && isMapped(bytes) ? bytes.subarray(12) : bytes;
}

export interface AddressRange {
  readonly bytes: Uint8Array;
  readonly prefixBits: number;
}

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. Undefined for anything else. */
export function parseRange(text: string): AddressRange | undefined {
  const [, host = "", bitsText] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const bytes = addressBytes(host);
  if (!bytes) return undefined;
  const most = host.includes(":") ? 128 : 32;
  const bits = bitsText === undefined ? most : Number(bitsText);
  const prefixBits = bits - (most - bytes.length * 8); // ::ffff:0:0/96 is 0.0.0.0/0
  return bits > most || prefixBits < 0 ? undefined : { bytes, prefixBits };
}

/** An IPv4 address is in no IPv6 range, nor the other way round. */
export function inRange(address: Uint8Array, { bytes, prefixBits }: AddressRange): boolean {
  if (address.length !== bytes.length) return false;
  const whole = prefixBits >> 3;
  for (let at = 0; at < whole; at++) if (address[at] !== bytes[at]) return false;
  const rest = prefixBits & 7;
  if (rest === 0) return true;
  const mask = 0xff00 >> rest;
  return ((address[whole] as number) & mask) === ((bytes[whole] as number) & mask);
}

/** What one owner usually has: a /24, or a /64. An address that is none stands for itself. */
export function prefixOf(host: string): string {
  const bytes = addressBytes(host);
  return bytes ? bytes.subarray(0, bytes.length === 4 ? 3 : 8).join(".") : host;
}

/** A number for all addresses of one network, for most ways to write them; `secret` keeps others
 * from knowing which. Far cheaper than `prefixOf`. */
export function prefixHash(host: string, secret: number): number {
  let hash = secret | 0;
  let groups = 0;
  const end = host.lastIndexOf(".");
  for (let at = 0; at !== end && at < host.length; at++) {
    const unit = host.charCodeAt(at);
    if (unit === colon && (++groups === 4 || host.charCodeAt(at + 1) === colon)) break;
    hash = Math.imul(hash ^ unit, 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}

const colon = 58;

function v4Bytes(text: string): Uint8Array | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

function v6Bytes(text: string): Uint8Array | undefined {
  const [before = "", after, more] = text.split("::");
  const head = groupsOf(before, after === undefined);
  const tail = groupsOf(after ?? "", true);
  if (!head || !tail || more !== undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (after === undefined ? missing !== 0 : missing < 2) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

/** The last 4 bytes of an address may be written as IPv4. */
function groupsOf(text: string, isEnd: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [at, group] of groups.entries()) {
    const v4 = isEnd && at === groups.length - 1 ? v4Bytes(group) : undefined;
    if (v4) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    } else return undefined;
  }
  return bytes.length <= 16 ? bytes : undefined;
}

function isMapped(bytes: Uint8Array): boolean {
  return (
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  );
}
