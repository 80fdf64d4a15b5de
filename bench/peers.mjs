// What the benchmark needs beside Node: the C programs, compiled on demand, and the other servers.
// Everything that is made or fetched lies in .cache/bench; a peer that cannot be had is left out.

import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const here = fileURLToPath(new URL(".", import.meta.url));
export const cache = fileURLToPath(new URL("../.cache/bench", import.meta.url));
const checkout = fileURLToPath(new URL("..", import.meta.url));
/** The state of Tidewire that is measured: this checkout as it would be installed, or another one
 * that was built. */
export const tidewireRoot = process.env.TIDEWIRE_ROOT ?? asInstalled();
export const tidewire = join(tidewireRoot, "bin/tidewire.js");

/** What every measured program is started with, ours and theirs: nothing that changes how a runtime
 * starts. (NODE_EXTRA_CA_CERTS, for one, makes the start of Node three times as long.) */
const { PATH, HOME, TMPDIR = tmpdir() } = process.env;
export const environment = { PATH, HOME, TMPDIR, LANG: "C.UTF-8" };

const sources = { load: ["load.c", "download.c"], limit: ["limit.c"] };

function asInstalled() {
  if (!existsSync(join(checkout, "dist"))) throw new Error("Build first: npm run build");
  const folder = join(cache, "product");
  rmSync(folder, { recursive: true, force: true });
  for (const name of ["package.json", "bin", "dist/src", "src/page"]) {
    cpSync(join(checkout, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  execFileSync(process.execPath, [join(checkout, "scripts/bundle.mjs"), folder]);
  return folder;
}

/** The path of a compiled program of this folder. */
export function program(name) {
  const binary = join(cache, name);
  const inputs = [...sources[name], "load.h"].map((file) => join(here, file));
  const newest = Math.max(...inputs.map((file) => statSync(file).mtimeMs));
  if (existsSync(binary) && statSync(binary).mtimeMs > newest) return binary;
  mkdirSync(cache, { recursive: true });
  const files = sources[name].map((file) => join(here, file));
  execFileSync(process.env.CC ?? "cc", ["-std=gnu11", "-O2", "-o", binary, ...files, "-lm"], {
    stdio: "inherit",
  });
  return binary;
}

/** The path of an installed program, or undefined. */
export function installed(name) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** A program of a Debian package that need not be installed: it is unpacked beside the rest. */
export function packaged(name, { variable, path, debian }) {
  const given = process.env[variable];
  if (given) return existsSync(given) ? given : undefined;
  const unpacked = join(cache, "peers", debian, path);
  const found = installed(name) ?? (existsSync(unpacked) ? unpacked : undefined);
  if (found) return found;
  const folder = join(cache, "peers", debian);
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, encoding: "utf8", timeout: 60_000 };
  const [apt, dpkg] = [installed("apt-get"), installed("dpkg")];
  if (!apt || !dpkg) return undefined;
  if (spawnSync(apt, ["download", debian], options).status !== 0) return undefined;
  const archive = readdirSync(folder).find((file) => file.endsWith(".deb"));
  if (!archive || spawnSync(dpkg, ["-x", archive, "."], options).status !== 0) return undefined;
  return existsSync(unpacked) ? unpacked : undefined;
}

export const atftpd = () =>
  packaged("atftpd", { variable: "TIDEWIRE_ATFTPD", path: "usr/sbin/atftpd", debian: "atftpd" });

/** The folder that holds npm's `tftp`, which no package of ours depends on; or undefined. */
export function npmTftp() {
  const folder = join(cache, "npm");
  if (existsSync(join(folder, "node_modules/tftp/package.json"))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  const quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const result = spawnSync("npm", ["install", "--prefix", folder, ...quiet, "tftp@0.1.2"], {
    timeout: 120_000,
  });
  return result.status === 0 ? folder : undefined;
}

/** The first line that a program prints about its version. */
export function firstLine(path, args) {
  const { stdout, stderr } = spawnSync(path, args, { encoding: "utf8", timeout: 5000 });
  return `${stdout}\n${stderr}`.trim().split("\n")[0].trim();
}

export function tidewireVersion() {
  const { version } = JSON.parse(readFileSync(join(tidewireRoot, "package.json"), "utf8"));
  const state = process.env.TIDEWIRE_ROOT ?? checkout;
  const git = spawnSync("git", ["-C", state, "describe", "--always", "--dirty"], {
    encoding: "utf8",
  });
  return git.status === 0 ? `${version} (${git.stdout.trim()})` : version;
}
