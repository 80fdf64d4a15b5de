// The probes that `npm run compare` puts to every server, put to ours: it must pass all of them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { folder, serving } from "../cli/command.ts";
import { deathProbes } from "./death-probes.ts";
import { type Subject, withRaw } from "./probe.ts";
import { blocksFile, readProbes, rolloverFile, secretFile } from "./read-probes.ts";
import { writeProbes } from "./write-probes.ts";

test("our server passes every probe that others are compared by", {
  timeout: 120_000,
}, async (t) => {
  const above = await folder(t);
  const root = join(above, "root");
  await mkdir(root);
  for (const { name, bytes } of [blocksFile, rolloverFile])
    await writeFile(join(root, name), bytes);
  await writeFile(join(above, secretFile.name), secretFile.text);
  await symlink(join(above, secretFile.name), join(root, "link-to-secret"));
  const args = [root, "--uploads", "overwrite"];
  let { child, url, ended } = await serving(t, args);
  const { port } = new URL(url);
  const subject: Subject = {
    name: "Tidewire",
    address: { host: "127.0.0.1", port: Number(port) },
    root,
    takesUploads: true,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
    restart: async () => {
      if (child.exitCode !== null || child.signalCode !== null) {
        ({ child, url, ended } = await serving(t, [...args, "--port", port]));
      }
    },
  };
  for (const probe of [...readProbes, ...writeProbes, ...deathProbes(2)]) {
    if (/65,541 blocks/.test(probe.question)) continue; // test/loopback/rollover.test.ts
    const { text, good } = await withRaw((raw) => probe.run(subject, raw));
    assert.ok(good, `${probe.question}: ${text}`);
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
});
