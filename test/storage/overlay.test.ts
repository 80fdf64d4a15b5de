import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { generated } from "../../src/storage/generated.ts";
import { memory } from "../../src/storage/memory.ts";
import { overlay } from "../../src/storage/overlay.ts";
import { fails, readText, request, write } from "./scene.ts";

test("the first storage that has the name gives it", async () => {
  const storage = overlay(memory({ a: "1" }), memory({ a: "2", b: "2" }), memory({ c: "3" }));
  assert.equal(await readText(storage, "a"), "1");
  assert.equal(await readText(storage, "b"), "2");
  assert.equal(await readText(storage, "c"), "3");
  await fails(storage.openRead("d", request), "FILE_NOT_FOUND");
});

test("a refusal is not passed over", async () => {
  const refusing = generated(() => {
    throw new TftpError("ACCESS_VIOLATION", "no");
  });
  await fails(overlay(refusing, memory({ a: "2" })).openRead("a", request), "ACCESS_VIOLATION");
});

test("uploads go to the first storage", async () => {
  const first = memory({}, { uploads: "create" });
  const second = memory({ a: "2" }, { uploads: "create" });
  await write(overlay(first, second), "a", "1");
  assert.deepEqual([...first.files.keys()], ["a"]);
  assert.equal(await readText(second, "a"), "2");
});

test("a storage of another copy of the library is passed over as well", async () => {
  const openRead = (): never => {
    throw Object.assign(new Error("none"), { name: "TftpError", code: "FILE_NOT_FOUND" });
  };
  const storage = overlay({ ...memory(), openRead }, memory({ a: "2" }));
  assert.equal(await readText(storage, "a"), "2");
});

test("an overlay of nothing is refused", () => {
  assert.throws(() => overlay(), { code: "INVALID_ARGUMENT" });
});
