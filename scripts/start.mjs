// `npm start`: serves examples/boot-root on the loopback addresses, opens the page that shows what
// happens, and says how to fetch from it.
// The server runs in this process, so its signals and its exit status need no forwarding.

import "./ready.mjs"; // installs and compiles first
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const port = 6969;
const webPort = 8069;
const root = fileURLToPath(new URL("..", import.meta.url));
process.chdir(root);

const listen = [`127.0.0.1:${port}`];
if (await canBind("::1")) listen.push(`[::1]:${port}`);
const digest = process.platform === "darwin" ? "shasum -a 256" : "sha256sum";
const [sha256] = readFileSync("examples/boot-root/firmware.bin.sha256", "utf8").split(" ");

console.log(`Serving examples/boot-root on UDP port ${port} of this machine alone; Ctrl+C ends it.

Open http://127.0.0.1:${webPort}/ in a browser. Then, in another terminal, in this folder:
  node examples/slow-client.mjs tftp://127.0.0.1:${port}/firmware.bin
and watch a file move. Each of these
  curl -s tftp://127.0.0.1:${port}/firmware.bin | ${digest}
  node bin/tidewire.js get tftp://127.0.0.1:${port}/firmware.bin -o - | ${digest}
must print
  ${sha256}
`);

if (process.env.npm_lifecycle_event === "start") stopWithParent();
const command = fileURLToPath(new URL("../bin/tidewire.js", import.meta.url));
const listenArguments = listen.flatMap((address) => ["--listen", address]);
process.argv = [process.execPath, command, "serve", "examples/boot-root", ...listenArguments];
process.argv.push("--web", `127.0.0.1:${webPort}`);
await import("../bin/tidewire.js");

/** A SIGTERM to npm ends the shell between npm and us, and nobody tells us. */
function stopWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 200);
  watch.unref();
}

/** False where the system has no IPv6 loopback, as in many containers. */
async function canBind(host) {
  const socket = createSocket("udp6");
  try {
    socket.bind(0, host);
    await once(socket, "listening");
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
