// When a changed file is taken, look by look, on a clock of the test's own.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { identityOf, watchFrom } from "../../src/cli/file-watch.ts";
import { folder } from "./command.ts";

/** Lets the watch look once, and resolves when it has. */
function looking(t: TestContext): () => Promise<void> {
  let look = (): void => {};
  let armed = (): void => {};
  t.mock.method(globalThis, "setTimeout", (run: () => void) => {
    look = run;
    armed();
    return { unref: () => undefined };
  });
  return () =>
    new Promise((resolve) => {
      armed = resolve;
      look();
    });
}

test("a file that is being written is taken when it stands still", async (t) => {
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, "");
  const seen = await identityOf(file);
  const looked = looking(t);
  let changes = 0;
  t.after(watchFrom(file, seen, () => (changes += 1)));
  for (const text of ["", 'dir = "', 'dir = "/srv"']) {
    await writeFile(file, `${text}\n`);
    await looked();
    assert.equal(changes, 0, "it may be half a file");
  }
  await looked();
  assert.equal(changes, 1);
  await looked();
  assert.equal(changes, 1, "once");
});

test("a file that is gone is told, and once more when it is back", async (t) => {
  const file = join(await folder(t), "tidewire.toml");
  const looked = looking(t);
  let changes = 0;
  t.after(watchFrom(file, "as it was", () => (changes += 1)));
  await looked();
  await looked();
  assert.equal(changes, 1);
  await writeFile(file, "");
  await looked();
  await looked();
  assert.equal(changes, 2);
});
