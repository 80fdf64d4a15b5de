// Patterns of file names: `*` and `?` within a segment, `**` across them; in any case of letters,
// as some file systems do not tell the difference. Pure, and as fast for hostile names as for
// others.

/** A client's name as a pattern sees it: `/` between segments, none of them empty or a dot. */
export function plainName(name: string): string {
  const segments: string[] = [];
  for (const segment of name.replace(drivePattern, "").split(/[\\/]+/)) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  return comparable(segments.join("/"));
}

const drivePattern = /^[\\/]*[A-Za-z]:(?=[\\/])/;

function comparable(text: string): string {
  return text.normalize("NFC").toLowerCase();
}

type Token = { readonly kind: "one" | "many" | "all" } | { readonly kind: "char"; char: string };

export interface Glob {
  /** Of the whole name. Without a slash in the pattern: of its last segment, in any folder. */
  matches(plainName: string): boolean;
  /** Of the name or of what follows any of its slashes. */
  matchesBelow(plainName: string): boolean;
}

export function glob(pattern: string): Glob {
  const plain = comparable(pattern.replace(/^\/+/, ""));
  const inFolder = plain.includes("/");
  const tokens = tokensOf(plain);
  const lastOf = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
  const below = (name: string): boolean => {
    for (let at = 0; ; ) {
      if (runs(tokens, name.slice(at))) return true;
      at = name.indexOf("/", at) + 1;
      if (at === 0) return false;
    }
  };
  return {
    matches: (name) => runs(tokens, inFolder ? name : lastOf(name)),
    matchesBelow: (name) => (inFolder ? below(name) : runs(tokens, lastOf(name))),
  };
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (const [part] of pattern.matchAll(/\*{2,}|[\s\S]/gu)) {
    if (part === "*") tokens.push({ kind: "many" });
    else if (part === "?") tokens.push({ kind: "one" });
    else if (part.startsWith("**")) tokens.push({ kind: "all" });
    else tokens.push({ kind: "char", char: part });
  }
  return tokens;
}

/** Follows every way through the pattern at once: the time is the product of both lengths. */
function runs(tokens: readonly Token[], name: string): boolean {
  let places = skipping(tokens, new Set([0]));
  for (const char of name) {
    const next = new Set<number>();
    for (const place of places) {
      const token = tokens[place];
      if (token?.kind === "char" ? token.char === char : token?.kind === "one" && char !== "/") {
        next.add(place + 1);
      } else if (token?.kind === "all" || (token?.kind === "many" && char !== "/")) next.add(place);
    }
    if (next.size === 0) return false;
    places = skipping(tokens, next);
  }
  return places.has(tokens.length);
}

/** Stars may stand for nothing. A Set hands out what is added on the way. */
function skipping(tokens: readonly Token[], places: Set<number>): Set<number> {
  for (const place of places) {
    const kind = tokens[place]?.kind;
    if (kind === "many" || kind === "all") places.add(place + 1);
  }
  return places;
}
