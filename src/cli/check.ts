// `tidewire check`: is a configuration file right, and what would a client get by it, and why?
// It reads what the server would read, and changes nothing.

import { isIP } from "node:net";
import type { Command } from "commander";
import {
  defaultLimits,
  fileNamed,
  type JudgedRequest,
  type Place,
  type Rule,
  rules,
  TftpError,
} from "../index.ts";
import { checkBeside } from "./beside.ts";
import { tellFailure } from "./failure.ts";
import { wrongUsage, wrongValue } from "./options.ts";
import { planFor } from "./plan.ts";
import { type Effect, type Folder, type Settings, settingsFor } from "./settings.ts";
import { bytesText } from "./units.ts";
import { visible, visibleName } from "./visible.ts";
import { isForWorkers } from "./workers.ts";

interface CheckFlags {
  readonly client?: string;
  readonly name?: string;
  readonly write?: boolean;
}

export function define(command: Command): void {
  command
    .argument("<FILE>", "the configuration file")
    .option("--client <ADDR>", "tell what this client would get")
    .option("--name <NAME>", "when it asks for this name")
    .option("--write", "when it uploads that name")
    .addHelpText("after", examples)
    .action(run);
}

const examples = `
Examples:
  tidewire check /etc/tidewire.toml
  tidewire check /etc/tidewire.toml --client 10.0.0.7 --name boot/vmlinuz`;

async function run(file: string, { client, name, write = false }: CheckFlags): Promise<void> {
  if ((client === undefined) !== (name === undefined) || (write && name === undefined)) {
    throw wrongUsage("a question needs a client and a name", "Give both --client and --name.");
  }
  if (client !== undefined && isIP(client) === 0) {
    throw wrongValue("--client", client, "Give an IP address.");
  }
  try {
    const settings = await settingsFor(undefined, { config: file });
    const effect = await plannedEffect(settings);
    const lines =
      client === undefined || name === undefined
        ? [`${visible(file)} is right.`, ...overview(settings)]
        : await answer(settings, effect, request(client, name, write));
    console.log(lines.join("\n"));
  } catch (thrown) {
    tellFailure(thrown);
    process.exitCode = 1; // 2 is for what was typed; the file was not
  }
}

/** What `serve` finds out before it opens or writes anything, in its order. Throws TftpError. */
async function plannedEffect(settings: Settings): Promise<Effect> {
  const { flags } = settings;
  isForWorkers(flags);
  const { effect } = await planFor(settings, undefined);
  await checkBeside(flags);
  return effect;
}

function request(host: string, filename: string, write: boolean): JudgedRequest {
  const client = { host, port: 0 };
  return { client, filename, op: write ? "wrq" : "rrq", mode: "octet", options: new Map() };
}

function overview({ dir, flags, mounts }: Settings): string[] {
  const own = { at: "/", dir, uploads: flags.uploads ?? "off" };
  return [...mounts, own].map(({ at, dir: folder, uploads = "off", ...rest }) => {
    const clients = "clients" in rest ? ` for ${rest.clients}` : "";
    return `Names below ${visible(at)}${clients} are in ${visible(folder)}, uploads ${uploads}.`;
  });
}

async function answer(
  settings: Settings,
  effect: Effect,
  asked: JudgedRequest,
): Promise<readonly string[]> {
  // Refused as a packet, before anything is judged.
  if (asked.filename === "") return ["It is refused: the request names no file."];
  const isTooLong = asked.filename.length > defaultLimits.nameLengthMax;
  if (isTooLong) return ["It is refused: the name is too long."];
  const { flags } = settings;
  const deciding = (flags.rule ?? []).findIndex((rule) => isAbout(rule, asked));
  const rule = flags.rule?.[deciding];
  const reason = rule ? `Rule ${deciding + 1} decides: ${ruleText(rule)}.` : "No rule is about it.";
  const verdict = effect.judge(asked);
  if (verdict.kind === "ignore") return ["It gets no answer.", reason];
  if (verdict.kind === "refuse") {
    const isByName = rule === undefined || rule.verdict === "allow";
    const names = isByName ? ["The name is none of upload-names."] : [];
    return [`It is refused: ${visible(verdict.error.message)}.`, reason, ...names];
  }
  try {
    const { mount, name } = placeOf(settings, effect, asked);
    const { dotFiles = false } = flags;
    const outcome = outcomeOf(effect, { asked, mount, name, dotFiles }).catch((thrown) => {
      return [...refusal(thrown), ...(dotFiles ? [] : hiddenText(name))];
    });
    return [...(await outcome), reason, mountText(mount)];
  } catch (thrown) {
    return [...refusal(thrown), reason];
  }
}

/** A folder without mounts is asked for the name as it came, and says itself what is wrong. */
function placeOf(settings: Settings, effect: Effect, asked: JudgedRequest): Place<Folder> {
  const { filename: name, client } = asked;
  if (settings.mounts.length > 0) return effect.folders.find(name, client);
  return { ...effect.folders.find("any", client), name };
}

interface Question {
  readonly asked: JudgedRequest;
  readonly mount: Folder;
  /** Within the mount. */
  readonly name: string;
  readonly dotFiles: boolean;
}

/** An upload is not opened: that would make a part file. */
async function outcomeOf(effect: Effect, question: Question): Promise<readonly string[]> {
  const { asked, mount, name, dotFiles } = question;
  const { uploads } = mount;
  if (asked.op === "wrq") {
    const path = await fileNamed(mount.uploadDir, name, { op: "wrq", uploads, dotFiles });
    const replaced = uploads === "overwrite" ? " A file of that name is replaced." : "";
    return [`It may upload ${visibleName(path)}.${replaced}`];
  }
  const source = await effect.storage.openRead(asked.filename, asked);
  await source.close();
  const path = await fileNamed(mount.dir, name, { op: "rrq", dotFiles });
  const size = source.size === undefined ? "" : `, ${bytesText(source.size)}`;
  return [`It gets ${visibleName(path)}${size}.`];
}

function refusal(thrown: unknown): readonly string[] {
  if (!(thrown instanceof TftpError)) throw thrown;
  const { message, hint } = thrown;
  return [`It is refused: ${visible(message)}.`, ...(hint ? [visible(hint)] : [])];
}

/** A client is not told. */
function hiddenText(name: string): readonly string[] {
  const isHidden = /(?:^|[\\/])\.(?!\.?(?:[\\/]|$))/.test(name);
  return isHidden ? ["Names that begin with a dot are hidden; dot-files serves them."] : [];
}

function mountText({ at, dir, clients, isMount }: Folder): string {
  if (!isMount) return `The folder is ${visible(dir)}, of all names that no mount has.`;
  const whom = clients === undefined ? "" : ` for ${clients}`;
  return `The folder is ${visible(dir)}, mounted at ${visible(at)}${whom}.`;
}

/** Asked of the rule alone; what it does not match falls to a verdict that it cannot give. */
function isAbout(rule: Rule, asked: JudgedRequest): boolean {
  const other = rule.verdict === "allow" ? [{ verdict: "ignore" } as const] : [];
  const { kind } = rules([rule, ...other])(asked);
  return rule.verdict === "allow" ? kind === "allow" : kind !== "allow";
}

function ruleText({ verdict, op, clients, names }: Rule): string {
  return visible([verdict, op, clients, names].filter(Boolean).join(" "));
}
