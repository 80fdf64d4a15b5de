// Makes text of strangers harmless for a terminal and a log: no control character, no escape
// sequence and no change of direction goes through, and no name can look like a second line or
// field.

const hidden = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu;

/** Sentences: what cannot be seen appears as an escape, `\x1b` or `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

/** Names: one word as it is; anything else in double quotes with escapes, so that two different
 * names never look the same. Cut after `lengthMax` characters. */
export function visibleName(name: string, lengthMax = 200): string {
  const characters = [...name];
  const rest = characters.length > lengthMax ? "…" : "";
  const start = characters.slice(0, lengthMax).join("");
  if (start !== "" && /^[^\s"…]*$/u.test(start) && start.search(hidden) < 0) return start + rest;
  return `"${visible(start.replace(/["\\]/g, "\\$&"))}"${rest}`;
}

/** One line of JSON; its strings hold the exact text, escaped. */
export function visibleJson(value: unknown): string {
  return escapedJson(JSON.stringify(value));
}

/** The same for a line that is JSON already, and ends as such. */
export function visibleLine(line: string): string {
  return `${escapedJson(line.slice(0, -1))}\n`;
}

function escapedJson(json: string): string {
  return json.replace(hidden, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
    }).join(""),
  );
}

function escaped(character: string): string {
  const code = character.codePointAt(0) as number;
  const hex = code.toString(16);
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
}
