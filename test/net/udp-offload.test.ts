// Offload is for speed alone: what arrives is the same with it, without it, and where the kernel
// refuses it in mid-transfer.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const module = new URL("../../src/net/node-udp.js", import.meta.url);

/** Sends a run of seven datagrams, then two single ones; prints what arrived and the batch size. */
function script(segmentSize: number, joined: boolean, host: string): string {
  return `
    const { openSocket } = await import("${module}");
    const [a, b] = [await openSocket({ host: "${host}", port: 0 }),
                    await openSocket({ host: "${host}", port: 0 })];
    const size = ${segmentSize};
    if (${joined}) b.joinReceived(size);
    const run = Buffer.alloc(6 * size + 5);
    for (let i = 0; i < 7; i++) run.writeUInt32BE(0x00030000 + i, i * size);
    const sizes = [];
    b.onDatagram = (datagram) => {
      sizes.push(datagram.length + ":" + Buffer.from(datagram).readUInt16BE(2));
      if (sizes.length < 9) return;
      console.log(a.maxSegments, sizes.join(" "));
      process.exit();
    };
    a.onError = (error) => console.log(error.message);
    a.send(run, size, b.local);
    a.send(Buffer.from([0, 5, 0, 99, 1]), 5, b.local);
    const large = Buffer.alloc(4 + 2 * size);
    large.writeUInt32BE(0x00060000 + 98);
    a.send(large, large.length, b.local);
    setTimeout(() => { console.log("missing", sizes.join(" ")); process.exit(1); }, 5000);`;
}

function arrived(size: number): string {
  const parts = Array.from({ length: 6 }, (_, at) => `${size}:${at}`);
  return [...parts, "5:6", "5:99", `${4 + 2 * size}:98`].join(" ");
}

async function run(code: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const args = ["--input-type=module", "-e", code];
  const env = { ...process.env, ...environment };
  return (await promisify(execFile)(process.execPath, args, { env })).stdout.trim();
}

for (const host of ["127.0.0.1", "::1"]) {
  for (const joined of [false, true]) {
    const how = joined ? "joined" : "one by one";
    test(`runs to ${host}, received ${how}, are the same with and without offload`, async () => {
      for (const size of [12, 516, 1432]) {
        const [, ...withOffload] = (await run(script(size, joined, host))).split(" ");
        const plain = await run(script(size, joined, host), { TIDEWIRE_OFFLOAD: "off" });
        assert.equal(plain, `16 ${arrived(size)}`);
        assert.equal(withOffload.join(" "), arrived(size));
      }
    });
  }
}

test("where the kernel has offload it is used", async (t) => {
  if (process.platform !== "linux") return t.skip("offload is a matter of Linux");
  const environment = { TIDEWIRE_OFFLOAD: "" };
  const [batch] = (await run(script(516, false, "127.0.0.1"), environment)).split(" ");
  assert.equal(batch, "64");
});

test("segments that do not fit the path go out one by one, and none is lost", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root for a namespace of its own");
  const inside = `ip link set lo up mtu 1500 && exec "$0" --input-type=module -e "$1"`;
  const command = ["-n", "sh", "-c", inside, process.execPath, script(4000, false, "127.0.0.1")];
  const { stdout } = await promisify(execFile)("unshare", command);
  const [batch, ...sizes] = stdout.trim().split(" ");
  assert.equal(batch, "16", "the socket has given up offload");
  assert.deepEqual(sizes.sort(), arrived(4000).split(" ").sort());
});
