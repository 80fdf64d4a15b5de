// Numbers for people: bytes, rates and durations as text, and sizes as people write them.

const units = ["kB", "MB", "GB", "TB", "PB"];

/** Decimal units, as disks and networks are labelled: "8.4 MB". */
export function bytesText(bytes: number): string {
  if (bytes === 1) return "1 byte";
  if (bytes < 1000) return `${Math.round(bytes)} bytes`;
  let value = bytes / 1000;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${value.toFixed(value < 99.95 ? 1 : 0)} ${units[unit]}`;
}

export function rateText(bytesPerSecond: number): string {
  return `${bytesText(bytesPerSecond)}/s`;
}

export function durationText(millis: number): string {
  if (millis < 9.95) return `${millis.toFixed(1)} ms`;
  if (millis < 999.5) return `${Math.round(millis)} ms`;
  const seconds = Math.round(millis / 1000);
  if (millis < 59_950) return `${(millis / 1000).toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** In bytes a second. A transfer took some time, whatever the clock says. */
export function speed(bytes: number, millis: number): number {
  return (bytes / Math.max(millis, 0.1)) * 1000;
}

const factors: { readonly [suffix: string]: number } = {
  "": 1,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
};

/** "10M" is 10 times 1024 squared, as in dd and curl. Undefined for anything else, and for more
 * than a number holds exactly. */
export function parseBytes(text: string): number | undefined {
  const [, digits = "", suffix = ""] = /^(\d{1,16})([KMGT]?)$/i.exec(text) ?? [];
  const factor = factors[suffix.toUpperCase()];
  const bytes = digits === "" || factor === undefined ? Number.NaN : Number(digits) * factor;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
