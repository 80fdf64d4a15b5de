// Captures, as Wireshark reads them: decoded as TFTP, right checksums, nothing to complain about.

import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { get, memory, serve } from "../../src/index.ts";
import { captureOf, timelineOf } from "../../src/observe/capture.ts";
import { PacketRecord } from "../../src/observe/packet-record.ts";
import { addressBytes } from "../../src/observe/pcapng.ts";
import { folder, mute, serving, tidewire } from "../cli/command.ts";
import { run, testWith } from "../interop/peers.ts";

const port = 6969;

async function fields(tshark: string, file: string, names: readonly string[], serverPort: number) {
  const args = ["-r", file, "-d", `udp.port==${serverPort},tftp`, "-T", "fields"];
  const checks = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"];
  const text = await run(tshark, [...args, ...checks, ...names.flatMap((name) => ["-e", name])]);
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Running as"))
    .map((line) => line.split("\t"));
}

testWith("tshark", "tshark decodes what --capture of get wrote, v4 and v6", async (t, tshark) => {
  for (const host of ["127.0.0.1", "::1"]) {
    const storage = memory({ "a.bin": new Uint8Array(5000).fill(7) });
    const server = await serve({ storage, host, port: 0 });
    t.after(() => server.close());
    const here = await folder(t);
    const name = host.includes(":") ? `[${host}]` : host;
    const url = `tftp://${name}:${server.address.port}/a.bin`;
    const flags = ["--blksize", "1000", "--windowsize", "2", "--capture", "c.pcapng"];
    const { status, stderr } = await tidewire(["get", url, ...flags], { cwd: here });
    assert.equal(status, 0, stderr);
    const file = join(here, "c.pcapng");
    const wanted = ["tftp.opcode", "udp.checksum.status", "_ws.expert.message", "_ws.malformed"];
    const rows = await fields(tshark, file, wanted, server.address.port);
    const opcodes = rows.map(([opcode]) => opcode);
    assert.deepEqual(opcodes.slice(0, 3), ["1", "6", "4"]);
    assert.equal(opcodes.filter((opcode) => opcode === "3").length, 6);
    assert.ok(rows.every(([opcode, checksum]) => opcode !== "" && checksum === "1"));
    assert.deepEqual(
      rows.filter(([, , expert, malformed]) => expert || malformed),
      [],
    );
    const ends = await fields(tshark, file, ["ip.src", "ipv6.src", "udp.srcport"], 1);
    assert.ok(
      ends.every(([v4, v6]) => (v4 || v6) === host),
      "both ends are addresses of the path",
    );
    const timeline = JSON.parse(await readFile(`${file}.json`, "utf8"));
    assert.equal(timeline[0].packets[0].op, "rrq");
    assert.equal(timeline[0].packets[0].options.blksize, "1000");
  }
});

testWith("tshark", "a capture that kept only headers is as sound", async (t, tshark) => {
  for (const host of ["192.0.2.7", "2001:db8::7"]) {
    const record = recordOf(false);
    const ends = { localHost: host, peer: { host, port: 2000 } };
    const file = join(await folder(t), "headers.pcapng");
    await writeFile(file, Buffer.concat([...captureOf(record, ends)]));
    const wanted = ["tftp.opcode", "tftp.block", "_ws.expert.message", "_ws.malformed"];
    const rows = await fields(tshark, file, wanted, port);
    assert.deepEqual(
      rows.map(([opcode, block]) => [opcode, block]),
      [
        ["1", ""],
        ["3", "1"],
        ["4", "1"],
      ],
    );
    assert.deepEqual(
      rows.filter(([, , expert, malformed]) => expert || malformed),
      [],
    );
  }
});

test("--capture failures keeps the failed transfer and forgets the others", async (t) => {
  const [root, captures] = [await folder(t), join(await folder(t), "deep", "er")];
  await writeFile(join(root, "a.bin"), new Uint8Array(100_000));
  const flags = ["--retries", "0", "--timeout", "0.05"];
  const { url, child, ended, printed } = await serving(t, [
    ...flags,
    ...["--capture", "failures", captures, root],
  ]);
  assert.equal((await get(`${url}/a.bin`).bytes()).length, 100_000);
  const stop = new AbortController();
  const options = { signal: stop.signal, onProgress: () => stop.abort(), blksize: 512 };
  await assert.rejects(get(`${url}/a.bin`, options).bytes());
  await printed(/stopped by the client/);
  child.kill("SIGTERM");
  assert.equal((await ended).status, 0);
  const names = await readdir(captures);
  assert.deepEqual(
    names.sort().map((name) => name.replace(/^.*Z_\d+_/, "")),
    ["127.0.0.1_get_a.bin_aborted.json", "127.0.0.1_get_a.bin_aborted.pcapng"],
  );
  const text = await readFile(
    join(captures, names.find((name) => name.endsWith(".json"))!),
    "utf8",
  );
  const { packets, outcome } = JSON.parse(text);
  assert.equal(outcome, "aborted");
  assert.equal(packets.at(-1).op, "error");
});

test("a client's capture is written after a failure, too", async (t) => {
  const { url } = await mute(t);
  const here = await folder(t);
  const flags = ["--retries", "1", "--timeout", "0.05", "--capture", "c.pcapng"];
  const { status } = await tidewire(["get", `${url}/x`, ...flags], { cwd: here });
  assert.equal(status, 1);
  const timelines = JSON.parse(await readFile(join(here, "c.pcapng.json"), "utf8"));
  assert.ok(timelines.every(({ packets }: { packets: object[] }) => packets.length > 0));
});

test("--capture without a folder says how it is written", async () => {
  const result = await tidewire(["serve", ".", "--capture", "failures"]);
  assert.equal(result.status, 2);
  assert.match(result.stderr, /Write --capture failures DIR/);
});

test("addresses become bytes in every spelling", () => {
  const cases: readonly (readonly [host: string, hex: string])[] = [
    ["192.0.2.255", "c00002ff"],
    ["::1", "00000000000000000000000000000001"],
    ["fe80::1%eth0", "fe800000000000000000000000000001"],
    ["2001:db8:1:2:3:4:5:6", "20010db8000100020003000400050006"],
    ["64:ff9b::192.0.2.1", "0064ff9b0000000000000000c0000201"],
  ];
  for (const [host, hex] of cases) {
    assert.equal(Buffer.from(addressBytes(host)).toString("hex"), hex);
  }
});

test("a timeline is JSON, also when nothing was kept", () => {
  const record = new PacketRecord({ bytes: 0, bytesMax: 1e6 }, false);
  const parsed = JSON.parse([...timelineOf(record, { id: "7" })].join(""));
  assert.deepEqual(parsed, { id: "7", packetsSeen: 0, notKept: 0, packets: [] });
});

function recordOf(whole: boolean): PacketRecord {
  const record = new PacketRecord({ bytes: 0, bytesMax: 1e6 }, whole);
  const data = new Uint8Array(516);
  data.set([0, 3, 0, 1]);
  record.add(Buffer.from("\0\x01a.bin\0octet\0"), false, port, 1_000);
  record.add(data, true, 40_000, 1_001);
  record.add(new Uint8Array([0, 4, 0, 1]), false, 40_000, 1_002);
  return record;
}

test("the time of a packet and its microseconds in a timeline are of one moment", () => {
  const record = new PacketRecord({ bytes: 0, bytesMax: 1e6 }, false);
  record.add(new Uint8Array([0, 4, 0, 1]), true, 69, 1000.9996);
  const { packets } = JSON.parse([...timelineOf(record, {})].join(""));
  assert.equal(packets[0].time, "1970-01-01T00:00:01.001Z");
  assert.equal(packets[0].micros, 0);
});
