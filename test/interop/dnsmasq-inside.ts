// What dnsmasq.test runs in a network namespace of its own: brings loopback up, starts dnsmasq, and
// fetches. Arguments: the path of dnsmasq and a folder.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { get } from "../../src/index.ts";
import { weFetch } from "./exchange.ts";
import { run } from "./peers.ts";

const [program = "", root = ""] = process.argv.slice(2);
await run("ip", ["link", "set", "lo", "up"]);
await writeFile(join(root, "ready"), "ready");
await chmod(join(root, "ready"), 0o666);

const flags = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file="];
const where = ["--listen-address=127.0.0.1", "--listen-address=::1", "--bind-interfaces"];
const tftp = ["--enable-tftp", `--tftp-root=${root}`];
const server = spawn(program, [...flags, ...where, ...tftp], { stdio: "inherit" });
const ended = once(server, "exit");
try {
  await answers(performance.now() + 15_000);
  for (const url of ["tftp://127.0.0.1", "tftp://[::1]"]) {
    for (const options of [{}, { plain: true }, { blksize: 1428 }])
      await weFetch(url, root, options);
  }
  console.log("all sizes are whole");
} finally {
  server.kill("SIGKILL");
  await ended;
}

async function answers(deadline: number): Promise<void> {
  for (;;) {
    try {
      const patience = { plain: true, timeoutMillis: 100, retries: 0 };
      await get("tftp://127.0.0.1/ready", patience).bytes();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}
