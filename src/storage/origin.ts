// A Source of one of several storages: its version also tells which of them. Equal versions have
// equal content within one storage only. Knows no names.

import type { Source } from "../ports.ts";

/** `origin`: the place of its storage among the others. */
export function originating(origin: number, source: Source): Source {
  // What has no version is not shared.
  if (source.version === undefined) return source;
  const { size, sha256 } = source;
  return {
    ...(size === undefined ? {} : { size }),
    ...(sha256 === undefined ? {} : { sha256 }),
    get version() {
      const { version } = source;
      return version === undefined ? undefined : `${origin}:${version}`;
    },
    readv: (into, position) => source.readv(into, position),
    close: () => source.close(),
  };
}
