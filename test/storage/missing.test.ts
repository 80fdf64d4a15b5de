// What is remembered of missing files: the error comes at once, a new file is seen at once.

import assert from "node:assert/strict";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { directory } from "../../src/storage/directory.ts";
import { Missing } from "../../src/storage/missing.ts";
import { request, scene } from "./scene.ts";

interface Asked {
  readonly root: string;
  /** Whether the folder itself was looked into. */
  ask(path: string): Promise<"looked" | "remembered">;
  /** Lets time go by. */
  pass(millis: number): void;
}

/** Folders have been quiet for an hour, by a clock that runs ahead. */
async function asked(t: TestContext, aheadMillis = 3_600_000): Promise<Asked> {
  const { root } = await scene(t);
  let passed = 0;
  const missing = new Missing(() => Date.now() + aheadMillis + passed);
  return {
    root,
    pass: (millis) => {
      passed += millis;
    },
    async ask(path) {
      let looked = false;
      const places = { top: root, paths: [path.split("/")] };
      await assert.rejects(
        missing.open(path, places, async () => {
          looked = true;
          throw new TftpError("FILE_NOT_FOUND", "file not found");
        }),
        { code: "FILE_NOT_FOUND" },
      );
      return looked ? "looked" : "remembered";
    },
  };
}

test("a name that was missing is not looked for again", async (t) => {
  const { ask } = await asked(t);
  assert.deepEqual(
    [await ask("x"), await ask("x"), await ask("x")],
    ["looked", "remembered", "remembered"],
  );
});

test("after ten seconds a name is looked for again, whatever the folder says", async (t) => {
  const { ask, pass } = await asked(t);
  await ask("x");
  pass(10_000);
  assert.deepEqual([await ask("x"), await ask("x")], ["looked", "remembered"]);
});

test("of more than a thousand missing names the oldest is looked for again", async (t) => {
  const { ask } = await asked(t);
  for (let count = 0; count <= 1024; count++) await ask(`missing-${count}`);
  assert.deepEqual([await ask("missing-1"), await ask("missing-0")], ["remembered", "looked"]);
});

test("a new file in the folder is seen at once", async (t) => {
  const { ask, root } = await asked(t);
  await ask("x");
  await writeFile(join(root, "x"), "");
  assert.equal(await ask("x"), "looked");
});

test("a new folder on the way to the file is seen at once", async (t) => {
  const { ask, root } = await asked(t);
  await ask("a/b/x");
  assert.equal(await ask("a/b/x"), "remembered");
  await mkdir(join(root, "a"));
  assert.equal(await ask("a/b/x"), "looked");
});

test("another folder in the place of the one that was looked at is seen at once", async (t) => {
  const { ask, root } = await asked(t);
  await mkdir(join(root, "a"));
  await mkdir(join(root, "b"));
  await ask("a/x");
  assert.equal(await ask("a/x"), "remembered");
  await rm(join(root, "a"), { recursive: true });
  await rename(join(root, "b"), join(root, "a"));
  assert.equal(await ask("a/x"), "looked");
});

test("a link that leads nowhere yet is looked at each time", async (t) => {
  const { ask, root } = await asked(t);
  await symlink("later", join(root, "x"));
  assert.deepEqual([await ask("x"), await ask("x")], ["looked", "looked"]);
});

test("nothing is remembered of a folder that has just changed", async (t) => {
  const { ask } = await asked(t, 0);
  assert.deepEqual([await ask("x"), await ask("x")], ["looked", "looked"]);
});

test("a folder gives the same answer again without a look, until something appears", async (t) => {
  const { root, put } = await scene(t);
  t.mock.method(Date, "now", () => performance.timeOrigin + performance.now() + 3_600_000);
  const storage = directory(root);
  const ask = (): Promise<unknown> => {
    return storage.openRead("x", request).catch((error: unknown) => error);
  };
  assert.equal(await ask(), await ask());
  await put("x", "here");
  const source = (await ask()) as { size: number; close(): Promise<void> };
  assert.equal(source.size, 4);
  await source.close();
});

test("a file that differs by case is named in the hint", async (t) => {
  const { root, put } = await scene(t);
  await put("Boot/BCD", "x");
  await assert.rejects(directory(root).openRead("boot/bcd", request), {
    code: "FILE_NOT_FOUND",
    message: "file not found",
    hint: 'There is "Boot/BCD": only the case differs.',
  });
});

test("a file of the same name in another folder is named in the hint", async (t) => {
  const { root, put } = await scene(t);
  await put("efi/grubx64.efi", "x");
  await assert.rejects(directory(root).openRead("grubx64.efi", request), {
    hint: 'There is "efi/grubx64.efi": it lies in another folder.',
  });
});

test("of files that differ by case the hint names the one of the very same name", async (t) => {
  const { root, put } = await scene(t);
  for (const name of ["GRUBX64.EFI", "grubx64.efi"]) await put(name, "x");
  await assert.rejects(directory(root).openRead("efi/grubx64.efi", request), {
    hint: 'There is "grubx64.efi": it lies in another folder.',
  });
});

test("a hidden file is no hint, and neither is a name that resembles nothing", async (t) => {
  const { root, put } = await scene(t);
  await put(".secret/key", "x");
  await put("other", "x");
  for (const name of ["key", "nothing"]) {
    await assert.rejects(directory(root).openRead(name, request), { hint: undefined });
  }
});

test("what lies outside the root is no hint", async (t) => {
  const { root, outside } = await scene(t);
  await symlink(outside, join(root, "link"));
  await assert.rejects(directory(root).openRead("secret.txt", request), { hint: undefined });
});
