// What `npm publish` would send: all that runs, nothing else, and little of it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder } from "./cli/command.ts";

interface Packed {
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const unpackedBytesMax = 1_100_000;
const packed = pack();
const paths = packed.files.map(({ path }) => path);

test("the package holds the command, the library, its types, the licence and the README", () => {
  const needed = [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "bin/tidewire.js",
    "dist/src/index.js",
    "dist/src/index.d.ts",
    "dist/src/page/page.js",
    "src/page/page.html",
    "src/page/page.css",
    "src/page/icon.svg",
    "packaging/tidewire.1",
    "package.json",
  ];
  assert.deepEqual(
    needed.filter((path) => !paths.includes(path)),
    [],
  );
});

test("the package holds no test, no source and nothing of the build", () => {
  const page =
    /^(?:src\/page\/[a-z]+\.(?:html|css|svg)|packaging\/Dockerfile|packaging\/[a-z-]+\.[a-z1]+)$/;
  const allowed =
    /^(?:bin\/.+\.js(?:on)?|dist\/src\/.+(?:\.js|\.d\.ts)|[A-Z]+(?:\.md)?|package\.json)$/;
  assert.deepEqual(
    paths.filter((path) => !allowed.test(path) && !page.test(path)),
    [],
  );
});

test("no packed file points to a source map that is not packed", () => {
  const faults = paths
    .filter((path) => path.endsWith(".js"))
    .flatMap((path) => {
      const text = readFileSync(join(root, path), "utf8");
      const map = /^\/\/# sourceMappingURL=(.+)$/m.exec(text)?.[1];
      return map === undefined || paths.includes(join(path, "..", map)) ? [] : [path];
    });
  assert.deepEqual(faults, []);
});

test("the package is smaller than its limit", () => {
  assert.ok(packed.unpackedSize < unpackedBytesMax, `${packed.unpackedSize} bytes`);
});

const withMan = process.platform === "win32" ? { skip: "npm installs no man pages" } : {};

test("npm installs the man page where man looks for it", withMan, async (t) => {
  const prefix = await folder(t);
  const own = join(prefix, "package");
  const text = readFileSync(join(root, "package.json"), "utf8");
  const { name, version, bin, man } = JSON.parse(text);
  mkdirSync(join(own, "packaging"), { recursive: true });
  writeFileSync(join(own, "package.json"), JSON.stringify({ name, version, bin, man }));
  copyFileSync(join(root, "packaging/tidewire.1"), join(own, "packaging/tidewire.1"));
  cpSync(join(root, "bin"), join(own, "bin"), { recursive: true });
  npm(["pack", own, `--pack-destination=${prefix}`]);
  const file = join(prefix, `${name}-${version}.tgz`);
  npm(["install", "--global", "--offline", `--prefix=${prefix}`, file]);
  assert.ok(existsSync(join(prefix, "share/man/man1/tidewire.1")));
});

function pack(): Packed {
  const output = npm(["pack", "--json", "--dry-run", "--ignore-scripts"]);
  const result: Packed | undefined = JSON.parse(output)[0];
  assert.ok(result, "npm pack printed no package");
  return result;
}

function npm(words: readonly string[]): string {
  const args = [...words, "--loglevel=silent"];
  // npm sets this for what it runs; without a shell, Windows could not start `npm` itself.
  const cli = process.env.npm_execpath;
  return cli?.endsWith("npm-cli.js")
    ? execFileSync(process.execPath, [cli, ...args], { cwd: root, encoding: "utf8" })
    : execFileSync("npm", args, { cwd: root, encoding: "utf8" });
}
