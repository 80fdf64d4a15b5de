// Lists of byte views, used as if they were one piece of memory. Knows no files and no blocks.

type Parts = readonly Uint8Array[];

export function totalBytes(parts: Parts): number {
  return parts.reduce((total, part) => total + part.length, 0);
}

/** Views of the bytes from `start` to `end` of the whole list; no copies, no empty views. */
export function between(parts: Parts, start: number, end: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  let at = 0;
  for (const part of parts) {
    const view = part.subarray(Math.max(0, start - at), Math.max(0, end - at));
    if (view.length > 0) views.push(view);
    at += part.length;
  }
  return views;
}

/** Copies `bytes` into the list from its byte `start` on and returns how many had room. */
export function copyInto(parts: Parts, start: number, bytes: Uint8Array): number {
  let copied = 0;
  for (const view of between(parts, start, start + bytes.length)) {
    view.set(bytes.subarray(copied, copied + view.length));
    copied += view.length;
  }
  return copied;
}
