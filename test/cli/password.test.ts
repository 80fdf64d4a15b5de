// The file with the password of the page: what of it is the password, and what can be none.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { webPlan } from "../../src/cli/watching.ts";
import { folder } from "./command.ts";

async function passwordIn(t: TestContext, content: string | Uint8Array): Promise<unknown> {
  const webPasswordFile = join(await folder(t), "password");
  await writeFile(webPasswordFile, content);
  return (await webPlan({ web: true, webPasswordFile }))?.password;
}

for (const [what, content] of [
  ["a line end", "s\u00e9same\n"],
  ["a line end of Windows", "s\u00e9same\r\n"],
  ["a byte order mark", "\ufeffs\u00e9same\n"],
  ["other lines", "s\u00e9same\n\ufffd\n"],
] as const) {
  test(`${what} is no part of the password`, async (t) => {
    assert.equal(await passwordIn(t, content), "s\u00e9same");
  });
}

test("a password that is not UTF-8 would match others, so it is refused", async (t) => {
  const latin1 = Buffer.from("s\u00e9same", "latin1");
  await assert.rejects(passwordIn(t, latin1), { message: /is not UTF-8$/, hint: /UTF-8/ });
});

for (const content of ["", "\nsesame", "\ufeff\n"]) {
  test(`there is no password in ${JSON.stringify(content)}`, async (t) => {
    await assert.rejects(passwordIn(t, content), { message: /begins with an empty line$/ });
  });
}

test("a password that may not be read is no matter of its path", async (t) => {
  const webPasswordFile = join(await folder(t), "password");
  await writeFile(webPasswordFile, "s\u00e9same", { mode: 0 });
  const isRoot = process.getuid?.() === 0;
  if (process.platform === "win32") return t.skip("has no such rights");
  if (isRoot) process.seteuid?.(65_534);
  try {
    await assert.rejects(webPlan({ web: true, webPasswordFile }), {
      message: /cannot be read \(EACCES\)$/,
      hint: /account must be able to read/,
    });
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
});
