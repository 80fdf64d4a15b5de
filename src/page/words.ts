// Numbers, times and names as people read them. Knows no page.

const units = ["kB", "MB", "GB", "TB", "PB"];

/** Decimal units, as disks and networks are labelled. */
export function bytesText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${value.toFixed(value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(bytesPerSecond)}/s`;
}

export function durationText(millis: number): string {
  if (millis > 0 && millis < 0.0995) return `${Math.ceil(millis * 1000)} µs`;
  if (millis < 9.95) return `${millis.toFixed(1)} ms`;
  if (millis < 999.5) return `${Math.round(millis)} ms`;
  if (millis < 59_950) return `${(millis / 1000).toFixed(1)} s`;
  const seconds = Math.round(millis / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

export function clockText(epochMillis: number): string {
  return new Date(epochMillis).toTimeString().slice(0, 8);
}

export function nameText(name: string): string {
  return name === "" ? "(no name)" : visible(name.slice(0, 300));
}

/** Control characters and changes of direction would make a text look like another. */
export function visible(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

export function countText(count: number): string {
  return count.toLocaleString("en");
}
