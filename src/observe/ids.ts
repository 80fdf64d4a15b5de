// What transfers and refused requests are called where they are looked at. Most are never looked
// at, so that they have a number until then: that of the transfer, below 0 for a refused request.

/** `prefix` stands before all ids of one server. */
export function idOf(number: number, prefix: string): string {
  return number < 0 ? `${prefix}r${-number}` : `${prefix}${number}`;
}

/** NaN for what is no such id. */
export function numberOf(id: string, prefix: string): number {
  const bare = id.startsWith(prefix) ? id.slice(prefix.length) : "";
  const match = /^(r?)(\d{1,15})$/.exec(bare);
  if (!match) return Number.NaN;
  return match[1] === "r" ? -Number(match[2]) : Number(match[2]);
}
