// Which names of a list a wrong name may have meant. Pure; the list may be long.

const candidatesMax = 3;

/** The best matches, the nearest first: the same but for case, the same last part in another
 * folder, or few letters apart. */
export function nearNames(wrong: string, names: Iterable<string>): string[] {
  const wanted = normal(wrong);
  const wantedLast = lastPart(wanted);
  const found: { readonly name: string; readonly distance: number }[] = [];
  for (const name of names) {
    const candidate = normal(name);
    const distance =
      candidate === wanted
        ? 0
        : lastPart(candidate) === wantedLast
          ? 0.5
          : editDistance(wanted, candidate, Math.max(1, Math.floor(wanted.length / 4)));
    if (distance !== undefined) found.push({ name, distance });
  }
  return found
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, candidatesMax)
    .map(({ name }) => name);
}

function normal(name: string): string {
  return name.toLowerCase().replaceAll("\\", "/").replace(/^\/+/, "").slice(0, 200);
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** Levenshtein's; undefined above `most`. */
function editDistance(a: string, b: string, most: number): number | undefined {
  if (Math.abs(a.length - b.length) > most) return undefined;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    if (Math.min(...next) > most) return undefined;
    row = next;
  }
  const distance = row[b.length] as number;
  return distance <= most ? distance : undefined;
}
