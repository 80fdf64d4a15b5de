// What fits a packet, what does not, and what becomes of fragments.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { folder } from "../interop/exchange.ts";
import { error, rrq, valuesOf } from "../server/device.ts";
import { content } from "../server/scene.ts";
import { oneCable, type Plan, type TestNetwork, testInNetwork } from "./hosts.ts";

const image = Buffer.from(content(300_000));

const narrow = oneCable(1400);

/** The client's cable carries less than the server knows, and no ICMP says so. */
function blackHole(...more: string[]): Plan {
  return {
    hosts: ["server", "router", "client"],
    setup: [
      "ip link add eth0 netns $server type veth peer name outer netns $router",
      "ip link add eth0 netns $client type veth peer name inner netns $router",
      "ip -n $server address add 10.0.0.2/24 dev eth0",
      "ip -n $router address add 10.0.0.1/24 dev outer",
      "ip -n $router address add 10.1.0.1/24 dev inner",
      "ip -n $client address add 10.1.0.2/24 dev eth0",
      // One packet a time, so that rules see what a real cable carries.
      "for host in $server $client; do ip -n $host link set eth0 gso_max_segs 1 up; done",
      "for port in inner outer; do ip -n $router link set $port up; done",
      "ip -n $server route add default via 10.0.0.1",
      "ip -n $client route add default via 10.1.0.1",
      "ip netns exec $router sysctl -q net.ipv4.ip_forward=1",
      ...[
        "table ip t",
        "chain ip t quiet { type filter hook output priority 0 ; }",
        "rule ip t quiet ip protocol icmp drop",
      ].map((line) => `ip netns exec $router nft 'add ${line}'`),
      "ip netns exec $client nft 'add table ip t'",
      // Before fragments are put together.
      "hook='type filter hook prerouting priority -450;'",
      'ip netns exec $client nft "add chain ip t raw { $hook }"',
      ...more,
    ],
  };
}

const mtu1100 = "ip -n $router link set inner mtu 1100";
const noLarge = "ip netns exec $client nft 'add rule ip t raw udp length > 1100 drop'";
const noFragments = "ip netns exec $client nft 'add rule ip t raw ip frag-off & 0x3fff != 0 drop'";

async function root(t: TestContext): Promise<string> {
  const path = await folder(t);
  await writeFile(join(path, "image"), image, { mode: 0o666 });
  return path;
}

/** The client's address for each of the server's. */
const reachedFrom: Readonly<Record<string, string>> = {
  "10.0.0.2": "10.0.0.1",
  "10.9.9.9": "10.0.0.1",
  "fd00::2": "fd00::1",
  "fd09::9": "fd00::1",
};

/** What is agreed to when this is asked for. */
async function agreed(net: TestNetwork, t: TestContext, host: string, blksize: number) {
  const local = host.startsWith("127.") ? "server" : "client";
  const own = reachedFrom[host] ?? host;
  const device = net.device(t, local, own);
  await device.send(rrq("image", { blksize }), { host, port: 69 });
  const { packet, from } = await device.expect("oack");
  await device.send(error(0), from);
  return Number(valuesOf(packet.options).blksize);
}

testInNetwork("a block is agreed to that leaves in one packet", narrow, async (net, t) => {
  await net.serve("server", await root(t));
  assert.equal(await agreed(net, t, "10.0.0.2", 65_464), 1368);
  assert.equal(await agreed(net, t, "fd00::2", 65_464), 1348);
  assert.equal(await agreed(net, t, "10.0.0.2", 1024), 1024);
  assert.equal(await agreed(net, t, "127.0.0.1", 65_464), 65_464);
});

/** Addresses that several machines share lie on the loopback interface of each. */
const shared = oneCable(
  1400,
  "ip -n $server address add 10.9.9.9/32 dev lo",
  "ip -n $server address add fd09::9/128 dev lo",
  "ip -n $client route add 10.9.9.9 via 10.0.0.2",
  "ip -n $client route add fd09::9 via fd00::2",
);

testInNetwork("an address on lo is reached by the other interfaces", shared, async (net, t) => {
  await net.serve("server", await root(t));
  assert.equal(await agreed(net, t, "10.9.9.9", 65_464), 1368);
  assert.equal(await agreed(net, t, "fd09::9", 65_464), 1348);
});

testInNetwork(
  "an MTU that changes is followed, but 512 bytes always hold",
  narrow,
  async (net, t) => {
    await net.serve("server", await root(t));
    assert.equal(await agreed(net, t, "10.0.0.2", 65_464), 1368);
    for (const [mtu, blksize] of [
      [1300, 1268],
      [500, 512],
    ] as const) {
      await net.shell([`ip -n $server link set eth0 mtu ${mtu}`]);
      while ((await agreed(net, t, "10.0.0.2", 65_464)) !== blksize);
    }
  },
);

for (const [title, blksize, ...flags] of [
  ["--fragments agrees to any block", 65_464, "--fragments"],
  ["--blksize-max is taken at its word", 8192, "--blksize-max", "8192"],
] as const) {
  testInNetwork(title, narrow, async (net, t) => {
    const path = await root(t);
    await net.serve("server", path, ...flags);
    assert.equal(await agreed(net, t, "10.0.0.2", 65_464), blksize);
    const file = join(path, "copy");
    const url = "tftp://10.0.0.2/image";
    await net.tidewire("client", "get", url, "-o", file, "--blksize", String(blksize));
    await net.run("client", "cmp", file, join(path, "image"));
  });
}

testInNetwork("a reload of blksize-max means what a start with it does", narrow, async (net, t) => {
  const file = join(await folder(t), "tidewire.toml");
  await writeFile(file, "");
  const told = await net.serve("server", await root(t), "--config", file);
  for (const [line, blksize] of [
    ["blksize-max = 8192", 8192],
    ["blksize-max = 1024", 1024],
    ["", 1368],
  ] as const) {
    await writeFile(file, line);
    told.process.kill("SIGHUP");
    while ((await agreed(net, t, "10.0.0.2", 65_464)) !== blksize);
  }
});

/** With the client's own choice of options. */
async function fetch(net: TestNetwork, path: string, ...flags: string[]): Promise<string> {
  const file = join(path, "copy");
  const args = ["get", "tftp://10.0.0.2/image", "-o", file, "--json", ...flags];
  const printed = await net.tidewire("client", ...args, "--timeout", "0.5", "--retries", "4");
  await net.run("client", "cmp", file, join(path, "image"));
  return printed;
}

testInNetwork(
  "blocks cross a narrow path in fragments although no ICMP tells of it",
  blackHole(mtu1100),
  async (net, t) => {
    const path = await root(t);
    const log = await net.serve("server", path);
    // The kernel treats a run of blocks otherwise than a single one.
    for (const windowsize of ["64", "1"]) {
      const flags = ["--windowsize", windowsize, "--blksize", "1468"];
      assert.match(await fetch(net, path, ...flags), /"blksize":1468/);
      await log.next("ended", { outcome: "completed", resent: 0 });
    }
  },
);

for (const [title, ...setup] of [
  ["a client whose blocks are lost as fragments asks for smaller ones", mtu1100, noFragments],
  ["a client whose large packets are lost asks for smaller ones", noLarge],
] as const) {
  testInNetwork(title, blackHole(...setup), async (net, t) => {
    const path = await root(t);
    const log = await net.serve("server", path);
    const printed = await fetch(net, path);
    assert.match(printed, /"blksize":1024/);
    assert.match(printed, /Hint: No block of 1468 bytes came through/);
    const ended = await log.next("ended", { outcome: "aborted" });
    assert.match(JSON.stringify(ended), /trying smaller ones/);
  });
}

testInNetwork(
  "blocks of a size that was insisted on fail with a hint",
  blackHole(noLarge),
  async (net, t) => {
    const path = await root(t);
    await net.serve("server", path);
    const failed = await fetch(net, path, "--blksize", "1468").catch(String);
    assert.match(failed, /No block of 1468 bytes came through.*--blksize 512/);
  },
);

testInNetwork(
  "in.tftpd agrees to blocks that leave in fragments",
  {
    ...narrow,
    programs: ["in.tftpd"],
  },
  async (net, t) => {
    await net.startTftpd("server", "0.0.0.0:69", await root(t));
    assert.equal(await agreed(net, t, "10.0.0.2", 65_464), 65_464);
  },
);
