import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../src/storage/memory.ts";
import { separate } from "../../src/storage/separate.ts";
import { bytesSource } from "../../src/storage/sources.ts";
import { fails, readText, request, write } from "./scene.ts";

test("what is written goes to one storage, what is read comes from the other", async () => {
  const writes = memory({}, { uploads: "create" });
  const storage = separate({ reads: memory({ x: "to read" }), writes });
  await write(storage, "new", "written");
  assert.equal(Buffer.from(writes.files.get("new") ?? "").toString(), "written");
  assert.equal(await readText(storage, "x"), "to read");
  await fails(storage.openRead("new", request), "FILE_NOT_FOUND");
});

test("what the one that is read has at hand is at hand", () => {
  const source = bytesSource(Buffer.from("at hand"));
  const reads = { ...memory(), readAtHand: () => source };
  const storage = separate({ reads, writes: memory() });
  assert.equal(storage.readAtHand?.("x", request), source);
});
