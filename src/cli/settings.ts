// What a server is to do, from the command line and the configuration file: the command line wins.
// What comes out of it is ready to serve: the folders exist, and the rules are a judge.

import { stat } from "node:fs/promises";
import {
  defaultLimits,
  type Judge,
  type Limits,
  type Mount,
  type Mounts,
  mounts,
  type Storage,
} from "../index.ts";
import type { Offer } from "../web/files.ts";
import { accessJudge, checkUploadFlags } from "./access.ts";
import type { MountFlags } from "./config-file.ts";
import { identityOf } from "./file-watch.ts";
import { readNamed } from "./local-file.ts";
import { withManifest } from "./manifest.ts";
import { wrongUsage } from "./options.ts";
import { exclusive, limitsOf, type ServeFlags } from "./serve-options.ts";
import { checkFolder, storageOf } from "./served.ts";

export interface Settings {
  /** The folder of all names that no mount has. */
  readonly dir: string;
  readonly flags: ServeFlags;
  readonly mounts: readonly MountFlags[];
  /** Of the configuration file, as it was read. */
  readonly identity?: string;
}

/** A folder and where it stands among the names. */
export interface Folder extends Mount {
  readonly dir: string;
  readonly isMount: boolean;
  readonly uploads: Uploads;
  /** Where they go. */
  readonly uploadDir: string;
}

type Uploads = NonNullable<ServeFlags["uploads"]>;

export interface Effect {
  readonly storage: Storage;
  readonly folders: Mounts<Folder>;
  readonly judge: Judge;
  readonly limits: Partial<Limits>;
  readonly offer: Offer;
  /** Where uploads may have left something. */
  readonly written: readonly string[];
}

/** Throws TftpError. */
export async function settingsFor(dir: string | undefined, given: ServeFlags): Promise<Settings> {
  if (given.config === undefined) {
    if (!given.watchConfig) return { dir: dir ?? ".", flags: given, mounts: [] };
    throw wrongUsage("there is no configuration to watch", "Name it with --config FILE.");
  }
  const identity = await identityOf(given.config);
  const text = String(await readNamed(given.config));
  const { parseConfig } = await import("./config-file.ts");
  const file = parseConfig(text, given.config);
  const flags = withTyped(file.flags, given);
  return { dir: dir ?? file.dir ?? ".", flags, mounts: file.mounts, identity };
}

/** The same of a file that was read before, here or by the process that started this one. A pipe
 * has given what it held, and to open one that nobody writes to holds a thread for ever. */
export async function settingsAgain(dir: string | undefined, given: ServeFlags): Promise<Settings> {
  const { config = "" } = given;
  const found = await stat(config).catch(() => undefined);
  // What is missing, or a folder, is told where it is read.
  if (!found || found.isFile() || found.isDirectory()) return settingsFor(dir, given);
  const hint = "Name a file that can be read again.";
  throw wrongUsage(`${config} is not a regular file`, hint);
}

/** What was typed wins, also over what it excludes. */
function withTyped(file: ServeFlags, typed: ServeFlags): ServeFlags {
  const losing = exclusive.flatMap(([one, other]) => [
    ...(typed[one] === undefined ? [] : [other]),
    ...(typed[other] === undefined ? [] : [one]),
  ]);
  const kept = Object.entries(file).filter(([key]) => !losing.some((loser) => loser === key));
  return { ...Object.fromEntries(kept), ...typed };
}

/** Checks the folders, and reads what is to be read. Throws TftpError. */
export async function effectOf(settings: Settings): Promise<Effect> {
  const { flags } = settings;
  await checkFolders(settings);
  const own = ownFolder(settings);
  const all = [...settings.mounts.map((mount) => mountFolder(mount, flags)), own];
  const takers = all.filter(({ uploads }) => uploads !== "off");
  checkUploadFlags(flags, { own: own.uploads !== "off", any: takers.length > 0 });
  const folders = mounts(all);
  const isOne = settings.mounts.length === 0;
  return {
    storage: await withManifest(isOne ? own.storage : folders, settings.dir, flags),
    folders,
    judge: accessJudge(flags),
    limits: limitsOf(flags),
    offer: {
      uploads: flags.uploads ?? "off",
      uploadBytesMax: flags.uploadBytesMax ?? defaultLimits.uploadBytesMax,
      dotFiles: flags.dotFiles ?? false,
      mounts: settings.mounts,
      find: folders.find,
    },
    written: takers.map(({ uploadDir }) => uploadDir),
  };
}

function ownFolder({ dir, flags }: Settings): Folder {
  const { uploads = "off", uploadDir = dir } = flags;
  return { at: "/", dir, storage: storageOf(dir, flags), isMount: false, uploads, uploadDir };
}

function mountFolder(mount: MountFlags, { dotFiles = false }: ServeFlags): Folder {
  const { dir, uploads = "off" } = mount;
  const storage = storageOf(dir, { uploads, dotFiles });
  return { ...mount, storage, isMount: true, uploads, uploadDir: dir };
}

export async function checkFolders({ dir, flags, mounts }: Settings): Promise<void> {
  await checkFolder(dir);
  if (flags.uploadDir !== undefined) await checkFolder(flags.uploadDir);
  for (const mount of mounts) await checkFolder(mount.dir);
}
