// Configuration files from a corpus, damaged ones and ones thrown together: each is valid, or
// refused in a plain sentence that names the line and a remedy. The first word of a file of the
// corpus says which.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "smol-toml";
import { failsWith, folder, tidewire } from "../cli/command.ts";
import { configCorpus, hailConfig, judge } from "./config.ts";

test("the corpus of configurations is there", () => assert.ok(configCorpus.length >= 60));

test("each configuration of the corpus is right, or plainly wrong", async (t) => {
  const path = join(await folder(t), "c.toml");
  for (const { name, bytes } of configCorpus) {
    const expected = name.split("-")[0];
    assert.equal(await judge(bytes, path), expected, name);
  }
});

test("damaged configurations are right, or plainly wrong", async () => {
  for (const seed of [1, 2]) {
    const { right, wrong } = await hailConfig({ seed, files: 1000 });
    assert.ok(right > 20 && wrong > 500, `${right} right, ${wrong} wrong`);
  }
});

test("any table, written as TOML, is right, or plainly wrong", async (t) => {
  const path = join(await folder(t), "c.toml");
  const value = fc.oneof(fc.string(), fc.integer(), fc.double({ noNaN: true }), fc.boolean());
  const entry = fc.oneof(value, fc.array(value), fc.dictionary(fc.string(), value));
  const name = fc.oneof(fc.string(), fc.constantFrom("dir", "mount", "port", "rule", "web"));
  const table = fc.dictionary(name, fc.oneof(entry, fc.array(fc.dictionary(name, value))));
  await fc.assert(
    fc.asyncProperty(table, async (drawn) => {
      await judge(Buffer.from(stringify(drawn)), path);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("the command tells what is wrong in two lines, without a stack", async (t) => {
  const path = join(await folder(t), "c.toml");
  for (const name of ["wrong-name-terminal-escape", "wrong-nul", "wrong-dir-of-20000-letters"]) {
    const file = configCorpus.find((each) => each.name === `${name}.toml`);
    assert.ok(file, name);
    await writeFile(path, file.bytes);
    const result = await tidewire(["check", path]);
    failsWith(result, 1, /^tidewire: /);
  }
});
