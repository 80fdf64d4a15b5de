// What stands between: address translation, firewalls that know ports, a load balancer.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Address } from "../../src/index.ts";
import { folder } from "../interop/exchange.ts";
import { find } from "../interop/peers.ts";
import { ack, type Device, rrq, wrq } from "../server/device.ts";
import { content, readOn, writeAll } from "../server/scene.ts";
import { type Plan, type TestNetwork, testInNetwork } from "./hosts.ts";

const image = Buffer.from(content(3000));
const large = Buffer.from(content(3_000_000));
const server = { host: "10.0.0.2", port: 69 };

/** A client and a server with a router between them; `rules` are those of its `forward` chain. */
function routed(rules: readonly string[], more: readonly string[] = []): Plan {
  return {
    hosts: ["server", "router", "client"],
    setup: [
      "ip link add eth0 netns $server type veth peer name outer netns $router",
      "ip link add eth0 netns $client type veth peer name inner netns $router",
      "ip -n $server address add 10.0.0.2/24 dev eth0",
      "ip -n $router address add 10.0.0.1/24 dev outer",
      "ip -n $router address add 192.168.9.1/24 dev inner",
      "ip -n $client address add 192.168.9.2/24 dev eth0",
      "for host in $server $client; do ip -n $host link set eth0 up; done",
      "for port in inner outer; do ip -n $router link set $port up; done",
      "ip -n $server route add default via 10.0.0.1",
      "ip -n $client route add default via 192.168.9.1",
      "ip netns exec $router sysctl -q net.ipv4.ip_forward=1",
      ...[
        "table ip t",
        "chain ip t fw { type filter hook forward priority 0 ; policy drop ; }",
        "rule ip t fw ct state established,related accept",
        ...rules.map((rule) => `rule ip t fw ${rule}`),
        ...more,
      ].map((line) => `ip netns exec $router nft 'add ${line}'`),
    ],
  };
}

const nat = [
  "chain ip t nat { type nat hook postrouting priority 100 ; }",
  "rule ip t nat oifname outer masquerade",
];
const helper = [
  'ct helper ip t tftp { type "tftp" protocol udp ; }',
  "chain ip t help { type filter hook prerouting priority 0 ; }",
  "rule ip t help udp dport 69 ct helper set tftp",
];
const plain = routed(["iifname inner accept"], nat);
const helped = routed(["iifname inner accept"], [...nat, ...helper]);
const only69 = routed(["udp dport 69 accept"]);
const ranged = routed(["udp dport 69 accept", "udp sport 50000-50003 accept"]);

async function root(t: TestContext): Promise<string> {
  const path = await folder(t);
  await writeFile(join(path, "image"), image, { mode: 0o644 });
  await writeFile(join(path, "large"), large, { mode: 0o644 });
  return path;
}

/** In lock-step, as firmware does it. */
async function fetch(device: Device, from = server): Promise<Buffer> {
  await device.send(rrq("image"), from);
  const first = await device.expectData(1);
  await device.send(ack(1), first.from);
  return Buffer.concat([first.packet.payload, await readOn(device, 1)]);
}

/** Small, large in windows, and an upload. */
async function everythingPasses(net: TestNetwork, t: TestContext): Promise<void> {
  const device = net.device(t, "client", "192.168.9.2");
  assert.deepEqual(await fetch(device), image);
  const url = `tftp://${server.host}`;
  const file = join(await folder(t), "large");
  await net.tidewire("client", "get", `${url}/large`, "-o", file);
  await net.run("client", "cmp", file, join(await root(t), "large"));
  await net.tidewire("client", "put", file, `${url}/new`);
}

/** The request arrives, and is all that passes. */
async function nothingComesBack(net: TestNetwork, t: TestContext): Promise<void> {
  const args = ["get", `tftp://${server.host}/image`, "-o", "-", "--retries", "2"];
  const flags = ["--timeout", "0.3", "--no-options", "--quiet"];
  const failure = await net.tidewire("client", ...args, ...flags).then(
    () => assert.fail("it came through"),
    (error: Error) => error.message,
  );
  assert.match(failure, /no answer/);
  await net.device(t, "client", "192.168.9.2").expectSilence();
}

const uploads = ["--uploads", "create"];

for (const [title, plan] of [
  ["a single port passes address translation", plain],
  ["a single port passes address translation that helps TFTP", helped],
  ["a single port passes a firewall that lets only port 69 through", only69],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    await net.serve("server", await root(t), "--single-port", ...uploads);
    await everythingPasses(net, t);
  });
}

testInNetwork(
  "ports of transfers pass address translation that helps TFTP",
  helped,
  async (net, t) => {
    await net.serve("server", await root(t), ...uploads);
    await everythingPasses(net, t);
  },
);

for (const [title, plan] of [
  ["ports of transfers do not pass plain address translation", plain],
  ["ports of transfers do not pass a firewall that lets only port 69 through", only69],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const log = await net.serve("server", await root(t));
    await nothingComesBack(net, t);
    await log.next("started", { file: "image" });
  });
}

testInNetwork(
  "in.tftpd does not pass a firewall that lets only port 69 through",
  {
    ...only69,
    programs: ["in.tftpd"],
  },
  async (net, t) => {
    await net.startTftpd("server", "0.0.0.0:69", await root(t));
    await nothingComesBack(net, t);
  },
);

testInNetwork(
  "a client behind translation may use its port again at once",
  plain,
  async (net, t) => {
    const log = await net.serve("server", await root(t), "--single-port");
    const device = net.device(t, "client", "192.168.9.2");
    for (let round = 0; round < 5; round++) {
      assert.deepEqual(await fetch(device), image);
      await log.next("ended", { outcome: "completed" });
    }
  },
);

testInNetwork(
  "--tid-ports pass a firewall that lets that range through",
  ranged,
  async (net, t) => {
    await net.serve("server", await root(t), "--tid-ports", "50000-50003", ...uploads);
    await everythingPasses(net, t);
  },
);

testInNetwork("more transfers than --tid-ports has ports share them", ranged, async (net, t) => {
  const args = ["--tid-ports", "50000-50003", ...uploads];
  const log = await net.serve("server", await root(t), ...args);
  const devices = Array.from({ length: 20 }, () => net.device(t, "client", "192.168.9.2"));
  const begun: { readonly device: Device; readonly from: Address; readonly uploads: boolean }[] =
    [];
  for (const [at, device] of devices.entries()) {
    const uploads = at < 10;
    await device.send(uploads ? wrq(`up-${at}`) : rrq("image"), server);
    const { from } = uploads ? await device.expectAck(0) : await device.expectData(1);
    begun.push({ device, from, uploads });
  }
  for (const { device, from, uploads } of begun) {
    if (uploads) await writeAll(device, image, from);
    else {
      await device.send(ack(1), from);
      assert.deepEqual(await readOn(device, 1), image.subarray(512));
    }
  }
  for (let ended = 0; ended < 20; ended++) await log.next("ended", { outcome: "completed" });
  const ports = new Set(begun.map(({ from }) => from.port));
  assert.deepEqual([...ports].sort(), [50_000, 50_001, 50_002, 50_003]);
});

testInNetwork(
  "a range with no free port is answered with one clear ERROR",
  ranged,
  async (net, t) => {
    await net.serve("server", await root(t), "--tid-ports", "50000-50000");
    net.device(t, "server", "10.0.0.2", 50_000);
    const device = net.device(t, "client", "192.168.9.2");
    await device.send(rrq("image"), server);
    const { packet } = await device.expectError(0);
    assert.match(packet.message, /all ports for transfers are in use/);
  },
);

testInNetwork("a client's own firewall is told as the reason", ranged, async (net) => {
  await net.shell([
    "ip netns exec $client nft add table ip own",
    "ip netns exec $client nft add chain ip own out '{ type filter hook output priority 0; }'",
    "ip netns exec $client nft add rule ip own out udp dport 69 drop",
  ]);
  const asking = net.tidewire("client", "get", "tftp://10.0.0.2/image", "--output", "-");
  await assert.rejects(asking, /own firewall does not let the request out/);
});

testInNetwork("a client that gets no port of its own says so", ranged, async (net, t) => {
  await net.shell(["ip netns exec $client sysctl -qw net.ipv4.ip_local_port_range='50000 50000'"]);
  net.device(t, "client", "0.0.0.0", 50_000);
  const asking = net.tidewire("client", "get", "tftp://10.0.0.2/image", "--output", "-");
  await assert.rejects(asking, /no free UDP port is left/);
});

testInNetwork(
  "three servers behind a UDP load balancer share the clients",
  {
    hosts: ["balancer", "one", "two", "three", "client"],
    programs: ["nginx"],
    setup: [
      "ip -n $balancer link add bridge type bridge",
      "ip -n $balancer link set bridge up",
      "ip -n $balancer address add 10.0.0.1/24 dev bridge",
      "number=1",
      "for host in $one $two $three $client; do",
      "  number=$((number + 1))",
      "  ip link add eth0 netns $host type veth peer name port$number netns $balancer",
      "  ip -n $balancer link set port$number master bridge up",
      "  ip -n $host address add 10.0.0.$number/24 dev eth0",
      "  ip -n $host link set eth0 up",
      "done",
    ],
  },
  async (net, t) => {
    const path = await root(t);
    const logs = [];
    for (const host of ["one", "two", "three"]) {
      logs.push(await net.serve(host, path, "--single-port", ...uploads));
    }
    const at = await folder(t);
    await writeFile(join(at, "nginx.conf"), balancer(at));
    await net.start("balancer", 69, find("nginx") ?? "", "-c", join(at, "nginx.conf"));
    const url = { host: "10.0.0.1", port: 69 };
    for (let round = 0; round < 9; round++) {
      assert.deepEqual(await fetch(net.device(t, "client", "10.0.0.5"), url), image);
    }
    for (const log of logs) await log.next("ended", { outcome: "completed" });
    await net.tidewire("client", "get", "tftp://10.0.0.1/large", "-o", join(at, "large"));
    await net.run("client", "cmp", join(at, "large"), join(path, "large"));
  },
);

function balancer(folder: string): string {
  return `
    load_module /usr/lib/nginx/modules/ngx_stream_module.so;
    daemon off;
    master_process off;
    pid ${folder}/nginx.pid;
    error_log stderr;
    events {}
    stream {
      upstream tftp { server 10.0.0.2:69; server 10.0.0.3:69; server 10.0.0.4:69; }
      server { listen 69 udp; proxy_pass tftp; proxy_timeout 60s; }
    }`;
}
