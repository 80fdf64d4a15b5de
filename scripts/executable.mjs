// `npm run executable`: the command as one file, with Node and everything that it needs inside but
// koffi: dist/executable/tidewire. An argument names another folder for it.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "postject";
import { rolldown } from "rolldown";

const fuse = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2";
const isWindows = process.platform === "win32";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const folder = resolve(process.argv[2] ?? "dist/executable");
const executable = join(folder, isWindows ? "tidewire.exe" : "tidewire");
const [script, config, blob] = ["cjs", "json", "blob"].map((end) =>
  join(folder, `tidewire.${end}`),
);

mkdirSync(folder, { recursive: true });
rmSync(executable, { force: true });
await bundle();
if (!buildsItself()) {
  if (!readFileSync(process.execPath).includes(fuse)) {
    stop("This Node cannot become another program; take one from nodejs.org, or Node 25.5.");
  }
  configure(blob);
  execFileSync(process.execPath, ["--experimental-sea-config", config], { stdio: "pipe" });
  copyFileSync(process.execPath, executable);
  const how = { sentinelFuse: fuse, machoSegmentName: "NODE_SEA" };
  await inject(executable, "NODE_SEA_BLOB", readFileSync(blob), how);
} else {
  configure(executable);
  execFileSync(process.execPath, ["--build-sea", config], { stdio: "pipe" });
}
for (const path of [script, config, blob]) rmSync(path, { force: true });
console.log(`Wrote ${executable}, with Node ${process.versions.node}.`);
if (process.platform === "darwin") console.log(`Now: codesign --force --sign - ${executable}`);

async function bundle() {
  const input = await rolldown({
    input: "dist/src/cli/executable.js",
    platform: "node",
    external: ["koffi"],
    logLevel: "warn",
  });
  await input.write({ file: script, format: "cjs", codeSplitting: false });
  await input.close();
}

function configure(output) {
  const paths = [
    ...["package.json", "packaging/tidewire.service", "packaging/tidewire.socket"],
    ...["src/page/page.html", "src/page/page.css", "src/page/icon.svg"],
    ...readdirSync("dist/src/page")
      .filter((name) => name.endsWith(".js"))
      .map((name) => `dist/src/page/${name}`),
  ];
  const assets = Object.fromEntries(paths.map((path) => [path, path]));
  const options = { disableExperimentalSEAWarning: true, useCodeCache: true };
  writeFileSync(config, JSON.stringify({ main: script, output, assets, ...options }));
}

/** From Node 25.5 on. */
function buildsItself() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  return major > 25 || (major === 25 && minor >= 5);
}

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}
