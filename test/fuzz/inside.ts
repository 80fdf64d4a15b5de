// What must hold of the path that a client's name becomes.

import assert from "node:assert/strict";
import { join, sep } from "node:path";
import { TftpError } from "../../src/core/errors.ts";
import { resolveName } from "../../src/storage/name.ts";

const root = `${sep}srv${sep}tftp`;

/** The name stays below its folder as a path, or is refused. */
export function assertInside(name: string, options: { readonly dotFiles?: boolean } = {}): void {
  let segments: readonly string[];
  try {
    segments = resolveName(name, options);
  } catch (thrown) {
    assert.ok(thrown instanceof TftpError, String(thrown));
    assert.ok(thrown.code === "FILE_NOT_FOUND" || thrown.code === "ACCESS_VIOLATION");
    return;
  }
  const path = join(root, ...segments);
  assert.ok(path.startsWith(root + sep), `${JSON.stringify(name)} leads to ${path}`);
  assert.equal(path, [root, ...segments].join(sep));
  assert.doesNotMatch(path, /[\x00-\x1f\x7f]/);
}
