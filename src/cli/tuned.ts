// How the JavaScript engine treats what a server makes. It must not know what that is.

import { setFlagsFromString } from "node:v8";

/** The engine would complain aloud of a flag that it does not know. */
const triedMajors: ReadonlySet<string> = new Set(["11", "12", "13", "14"]);

/** In the first second, while memory is little, all that transfers make seems to live long. The
 * engine would then put it where it is collected late, for good: a fifth to two fifths of the
 * processor's time for small files (docs/performance.md). */
export function tuneForServing(): void {
  const [major = ""] = process.versions.v8.split(".");
  if (triedMajors.has(major)) setFlagsFromString("--no-allocation-site-pretenuring");
}
