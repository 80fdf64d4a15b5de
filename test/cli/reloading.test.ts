// A changed configuration, as far as it waits for a restart.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { exchangeable, reloadOnChange } from "../../src/cli/reloading.ts";
import { effectOf, settingsFor } from "../../src/cli/settings.ts";
import { memory, serve, type TftpError } from "../../src/index.ts";
import { folder } from "./command.ts";

for (const [lines, says] of [
  ['listen = "0.0.0.0"\nport = 0', undefined],
  ['listen = ["127.0.0.1", "127.0.0.1"]\nport = 70', "names 127\\.0\\.0\\.1 port 70 twice"],
  ["workers = 2\nport = 0", "workers cannot share a port"],
  ['audit = "/nope/x"', "the folder /nope does not exist"],
  ['capture = ["all", "/dev/null"]', "/dev/null is not a folder"],
  ['web = "0.0.0.0:33002"', "the page would be open to everybody"],
  ['user = "no-such-user"', "there is no account no-such-user"],
] as const) {
  const what = lines.replace("\n", ", ");
  test(`a reload ${says ? "refuses what the next start would" : "takes"}: ${what}`, async (t) => {
    const root = await folder(t);
    const file = join(root, "tidewire.toml");
    const dir = `dir = ${JSON.stringify(root)}\n`;
    await writeFile(file, dir);
    const typed = { dir: undefined, flags: { config: file } };
    const settings = await settingsFor(typed.dir, typed.flags);
    await using server = await serve({ storage: memory(), host: "127.0.0.1", port: 0 });
    const parts = exchangeable(await effectOf(settings));
    await writeFile(file, `${dir}${lines}\n`);
    const told = new Promise<string>((onReloaded) => {
      const onProblem = ({ message }: TftpError): void => onReloaded(message);
      const events = { onProblem, onReloaded, onBegin: () => {}, onEnd: () => {} };
      t.after(reloadOnChange({ server, parts, settings, typed, ...events }));
    });
    t.after(() => process.removeAllListeners("SIGHUP"));
    process.emit("SIGHUP", "SIGHUP");
    const expected = says ? `^nothing is changed, .*${says}` : "^Read \\S+ again; .* restart";
    assert.match(await told, new RegExp(expected));
  });
}
