// Names that a hostile client could send, made from a seed: the same seed gives the same names.

export type Draw = (below: number) => number;

/** Mulberry32: small, seeded, and good enough to choose from lists. */
export function draws(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

function pick<T>(draw: Draw, from: readonly T[]): T {
  return from[draw(from.length)] as T;
}

/** Dots as they are, encoded, doubled, full-width, overlong UTF-8 read as Latin-1, with spaces. */
const ups = [
  ..."..|..|..|.|...|....|%2e%2e|%252e%252e|.%2e|.. |.. .|..\t|. .|..;|..:|..~".split("|"),
  ..."\u2025|\uff0e\uff0e|\u2024\u2024|.\u200b.|.\u0301.|\xc0\xae\xc0\xae|..\u202e".split("|"),
  ..."\ud800..|..\ud800|..\u0000|\u0000..|..\xff".split("|"),
];

const separators = [
  ..."/ / / \\ // \\\\ \\/ /./ /.\\ %2f %5c %252f".split(" "),
  ..."\u2215 \u2044 \uff0f \uff3c \u29f5 \xc0\xaf \x00/ /\x00 \n/".split(" "),
];

const devices = "CON NUL COM1 AUX.txt nul: /dev/zero /dev/stdin /proc/self/environ".split(" ");

const prefixes = ["", "", "", "/", "\\", "//", "C:", "C:\\", "\\\\?\\", "file:///", "~/", "~root/"];

const endings = ["", "", "", "", " ", ".", "...", "/", "/.", "\0", "\0.cfg", "::$DATA", "%00"];

/** `words` are the names of what is really there, so that many paths are nearly right. */
export function hostileName(draw: Draw, words: readonly string[]): string {
  let name = pick(draw, prefixes);
  for (let left = 1 + draw(7); left > 0; left -= 1) {
    name += piece(draw, words) + (left > 1 ? pick(draw, separators) : "");
  }
  return name + pick(draw, endings);
}

function piece(draw: Draw, words: readonly string[]): string {
  const kind = draw(20);
  if (kind < 9) return pick(draw, words);
  if (kind < 15) return pick(draw, ups);
  if (kind < 16) return pick(draw, devices);
  if (kind < 17) return pick(draw, ["n", "\u00e9", "\ud83d\ude00", "../"]).repeat(1 + draw(1500));
  if (kind < 18) return pick(draw, words).normalize(pick(draw, ["NFC", "NFD", "NFKC", "NFKD"]));
  return Array.from({ length: draw(12) }, () => String.fromCharCode(draw(0x10000))).join("");
}
