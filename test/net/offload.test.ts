// Offload is for speed alone: what arrives is the same with it, without it, and where the kernel
// refuses it in mid-transfer.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";

const module = new URL("../../src/net/node-network.js", import.meta.url);
const runs = new URL("../../src/core/run.js", import.meta.url);

/** Sends a run of seven datagrams, then two single ones; prints what arrived and the batch size. */
function script(segmentSize: number, joined: boolean, host: string): string {
  return `
    const { openSocket } = await import("${module}");
    const { Run } = await import("${runs}");
    const [a, b] = [await openSocket({ host: "${host}", port: 0 }),
                    await openSocket({ host: "${host}", port: 0 })];
    const size = ${segmentSize};
    const run = Buffer.alloc(6 * size + 5);
    for (let i = 0; i < 7; i++) run.writeUInt32BE(0x00030000 + i, i * size);
    const sizes = [];
    b.onDatagram = (datagram) => {
      sizes.push(datagram.length + ":" + Buffer.from(datagram).readUInt16BE(2));
      if (sizes.length < 9) return;
      console.log(a.maxSegments, sizes.join(" "));
      process.exit();
    };
    const each = (run, from) => { for (const datagram of run.datagrams()) b.onDatagram(datagram); };
    if (${joined}) b.joinReceived(size, each);
    a.onError = (error) => console.log(error.message);
    a.send(Run.of(run, size), b.local);
    a.send(Run.of(Buffer.from([0, 5, 0, 99, 1])), b.local);
    const large = Buffer.alloc(4 + 2 * size);
    large.writeUInt32BE(0x00060000 + 98);
    // It could also be joined: then it is heard when it comes again.
    const send = () => a.send(Run.of(large), b.local);
    send();
    setInterval(send, 100);
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
  const [, ...sizes] = stdout.trim().split(" ");
  assert.deepEqual(sizes.sort(), arrived(4000).split(" ").sort());
});

test("what a slow network has no room for waits, and arrives in order", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root for a namespace of its own");
  const code = `${slowPair}
    let waited = 0;
    function send() {
      while (block < 600 && a.writable) sendRun(20);
    }
    a.onWritable = () => { waited += 1; send(); };
    done = (blocks) => {
      if (blocks.length < 600) return;
      console.log(waited > 0, blocks.every((block, at) => block === at));
      process.exit();
    };
    send();`;
  assert.equal(await runSlowly(code), "true true");
});

test("of more than one call takes, sent while the network has no room, none is lost", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root for a namespace of its own");
  const code = `${slowPair}
    a.onDatagram = () => {
      for (let count = 0; count < 60; count++) sendRun(10);
    };
    done = (blocks) => {
      if (blocks.length < 600) return;
      console.log(new Set(blocks).size);
      process.exit();
    };
    setTimeout(() => { console.log("only", blocks.length); process.exit(); }, 5000);
    b.send(Run.of(Buffer.alloc(4)), a.local);`;
  // Without offload each datagram waits by itself, and of so many some are dropped.
  assert.equal(await runSlowly(code, { TIDEWIRE_OFFLOAD: "" }), "600");
});

/** Two sockets, of which one has a small buffer, and what has arrived. */
const slowPair = `
  const { openSocket } = await import("${module}");
  const { Run } = await import("${runs}");
  const a = await openSocket({ host: "127.0.0.1", port: 0 }, { lockStep: true });
  const b = await openSocket({ host: "127.0.0.1", port: 0 });
  const blocks = [];
  let done = () => {};
  b.onDatagram = (datagram) => {
    blocks.push(Buffer.from(datagram).readUInt16BE(2));
    done(blocks);
  };
  let block = 0;
  function sendRun(count) {
    const run = Buffer.alloc(count * 1400);
    for (let i = 0; i < count; i++) run.writeUInt16BE(block++, i * 1400 + 2);
    a.send(Run.of(run, 1400), b.local);
  }`;

async function runSlowly(code: string, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const slow = "ip link set lo up mtu 1500 && tc qdisc add dev lo root tbf rate 40mbit burst 20kb";
  const inside = `${slow} latency 5s && exec "$0" --input-type=module -e "$1"`;
  const args = ["-n", "sh", "-c", inside, process.execPath, code];
  const env = { ...process.env, ...environment };
  const { stdout } = await promisify(execFile)("unshare", args, { env, timeout: 20_000 });
  return stdout.trim();
}
