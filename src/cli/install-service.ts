// `tidewire install-service`: the systemd unit of this very installation, printed or written.

import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { TftpError } from "../index.ts";
import { isExecutable, ownFile } from "../web/own-files.ts";
import { namePath } from "./local-file.ts";

interface InstallFlags {
  readonly config: string;
  readonly write?: string;
}

export function define(command: Command): void {
  command
    .option("--config <FILE>", "the configuration that it reads", "/etc/tidewire.toml")
    .option("--write <DIR>", "write tidewire.service there instead of printing it")
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
Examples:
  tidewire install-service
  tidewire install-service --write /etc/systemd/system`;

async function run({ config, write }: InstallFlags): Promise<void> {
  const unit = unitFor(ownFile("packaging/tidewire.service").toString(), resolve(config));
  if (write === undefined) {
    process.stdout.write(unit);
    return;
  }
  const path = join(write, "tidewire.service");
  // What an administrator has changed is not ours to lose.
  await writeFile(path, unit, { flag: "wx" }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code !== "EEXIST") throw namePath(thrown, path, "write");
    const hint = "Remove it, or change it by `systemctl edit tidewire`.";
    throw new TftpError("STORAGE", `${path} is there already`, { hint });
  });
  console.log(`Wrote ${path}.`);
  console.log("Now: systemctl daemon-reload && systemctl enable --now tidewire");
}

function unitFor(template: string, config: string): string {
  const script = fileURLToPath(new URL("../../../bin/tidewire.js", import.meta.url));
  const program = isExecutable ? [process.execPath] : [process.execPath, script];
  const words = [...program, "serve", "--config", config].map(quoted);
  return template.replace(/^ExecStart=.*$/m, () => `ExecStart=${words.join(" ")}`);
}

/** As systemd reads a word: `%` and `$` mean something, blanks separate. */
function quoted(word: string): string {
  const text = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, "\\$&")}"`;
}
