// Makes a fresh clone ready to run: installs what package-lock.json names, then compiles.
// When everything is in place it only looks. It needs nothing that is not in Node itself.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

refuseOldNode();
if (!installed()) install();
compile();

function refuseOldNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  stop(`Tidewire needs Node 20.19 or newer; this is Node ${process.versions.node}.`);
}

/** True when each package of the lock file is there in its version; optional ones may be absent. */
function installed() {
  try {
    const wanted = packagesOf("package-lock.json");
    const present = packagesOf("node_modules/.package-lock.json");
    return Object.entries(wanted).every(([path, { version, optional }]) => {
      if (path === "") return true; // the project itself
      return present[path] ? present[path].version === version : optional === true;
    });
  } catch {
    return false;
  }
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(`${root}/${lockFile}`, "utf8")).packages;
}

function install() {
  console.error("Installing the packages of package-lock.json ...");
  // Not `npm ci`: it refuses a lock file that lacks the optional binaries of some other platform.
  // --no-save leaves the lock file as it is; NODE_ENV=production must not leave out the compiler.
  const result = npm(["install", "--no-save", "--include=dev", "--loglevel=error"]);
  if (result.status === 0) return;
  const output = `${result.stdout ?? ""}${result.stderr ?? ""}`.trim();
  if (output !== "") console.error(output);
  if (result.error?.code === "ENOENT") stop("npm was not found. Install it with Node.");
  const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH/;
  if (unreachable.test(output)) {
    stop("The package registry cannot be reached. Check the network or proxy, then try again.");
  }
  stop("The packages could not be installed; the lines above are npm's own.");
}

/** The npm that runs this script, where there is one; else the one on the path. */
function npm(args) {
  const options = { cwd: root, encoding: "utf8", maxBuffer: 64 << 20 };
  const cli = process.env.npm_execpath;
  if (cli?.endsWith("npm-cli.js")) return spawnSync(process.execPath, [cli, ...args], options);
  return spawnSync("npm", args, { ...options, shell: process.platform === "win32" });
}

function compile() {
  const compiler = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url));
  const result = spawnSync(process.execPath, [compiler, "-b"], { cwd: root, stdio: "inherit" });
  if (result.status !== 0) stop("The sources do not compile; the lines above say where.");
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
