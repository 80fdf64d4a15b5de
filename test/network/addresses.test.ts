// Answers come from the address that was asked, whichever the server has, gets or loses.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Address } from "../../src/index.ts";
import { folder } from "../interop/exchange.ts";
import { ack, type Device, rrq } from "../server/device.ts";
import { content, readOn } from "../server/scene.ts";
import { oneCable, type Plan, type TestNetwork, testInNetwork } from "./hosts.ts";

const image = Buffer.from(content(3000));

/** Two cables between a server and a client. IPv6 addresses are usable at once. */
const plan: Plan = {
  hosts: ["server", "client"],
  setup: [
    "for host in $server $client; do",
    "  ip netns exec $host sysctl -q net.ipv6.conf.default.accept_dad=0",
    "  ip netns exec $host sysctl -q net.ipv6.conf.default.addr_gen_mode=1",
    "done",
    "ip link add eth0 netns $server type veth peer name eth0 netns $client",
    "ip link add eth1 netns $server type veth peer name eth1 netns $client",
    "for address in 10.0.0.2/24 10.0.0.3/24 10.0.0.4/24 fd00::2/64 fd00::3/64 fe80::2/64; do",
    "  ip -n $server address add $address dev eth0",
    "done",
    "for address in 10.1.0.2/24 fd01::2/64 fe80::2/64; do",
    "  ip -n $server address add $address dev eth1",
    "done",
    "ip -n $server address add 192.0.2.1/32 dev lo",
    "for port in eth0 eth1; do",
    "  ip -n $server link set $port up",
    "  ip -n $client link set $port up",
    "done",
    "ip -n $client address add 10.0.0.1/24 dev eth0",
    "ip -n $client address add fd00::1/64 dev eth0",
    "ip -n $client address add fe80::1/64 dev eth0",
    "ip -n $client address add 10.1.0.1/24 dev eth1",
    "ip -n $client address add fd01::1/64 dev eth1",
    "ip -n $client address add fe80::1/64 dev eth1",
    "ip -n $client route add default via 10.0.0.2",
  ],
};

/** Our own address, and the one that is asked. */
const pairs = [
  ["10.0.0.1", "10.0.0.2"],
  ["10.0.0.1", "10.0.0.3"],
  ["10.0.0.1", "10.0.0.4"],
  ["10.1.0.1", "10.1.0.2"],
  // By the other cable, and an address of no cable.
  ["10.0.0.1", "10.1.0.2"],
  ["10.0.0.1", "192.0.2.1"],
  ["fd00::1", "fd00::2"],
  ["fd00::1", "fd00::3"],
  ["fd01::1", "fd01::2"],
  ["fe80::1%eth0", "fe80::2"],
  ["fe80::1%eth1", "fe80::2"],
] as const;

async function root(t: TestContext): Promise<string> {
  const path = await folder(t);
  await writeFile(join(path, "image"), image, { mode: 0o644 });
  return path;
}

async function begin(device: Device, host: string) {
  await device.send(rrq("image"), { host, port: 69 });
  const first = await device.expectData(1);
  assert.equal(bare(first.from.host), host);
  return { host, port: first.from.port };
}

async function fetch(device: Device, host: string): Promise<void> {
  const to = await begin(device, host);
  await device.send(ack(1), to);
  for (let block = 2; block <= 6; block++) {
    const { packet, from } = await device.expectData(block);
    assert.deepEqual([bare(from.host), from.port], [host, to.port]);
    assert.deepEqual(Buffer.from(packet.payload), image.subarray(512 * (block - 1), 512 * block));
    await device.send(ack(block), to);
  }
}

/** From the ACK of this block to the end. */
async function goOn(device: Device, to: Address, block: number): Promise<void> {
  await device.send(ack(block), to);
  assert.deepEqual(await readOn(device, block), image.subarray(512 * block));
}

/** This process would name the zone as it is called here, not on the other host. */
function bare(host: string): string {
  return host.replace(/%.*/, "");
}

async function addAddress(net: TestNetwork, address: string, device = "eth0"): Promise<void> {
  await net.shell([`ip -n $server address add ${address} dev ${device}`]);
}

async function takeAddress(net: TestNetwork, address: string, device = "eth0"): Promise<void> {
  await net.shell([`ip -n $server address delete ${address} dev ${device}`]);
}

for (const [title, ...flags] of [
  ["an answer comes from the address that was asked"],
  ["an answer comes from the address that was asked, with a single port", "--single-port"],
  ["an answer comes from the address that was asked, out of a range", "--tid-ports", "50000-50999"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    await net.serve("server", await root(t), ...flags);
    for (const [own, asked] of pairs) await fetch(net.device(t, "client", own), asked);
  });
}

for (const [title, ...flags] of [
  ["an address that appears is served, and one that goes disturbs no transfer"],
  ["the same with a single port", "--single-port"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const log = await net.serve("server", await root(t), ...flags);
    const device = net.device(t, "client", "10.0.0.1");
    const to = await begin(device, "10.0.0.2");
    for (const address of ["10.0.0.99", "fd00::99"]) {
      const length = address.includes(":") ? 64 : 24;
      await addAddress(net, `${address}/${length}`);
      await log.next("listening", { address });
      const visitor = net.device(t, "client", address.includes(":") ? "fd00::1" : "10.0.0.1");
      await fetch(visitor, address);
      await takeAddress(net, `${address}/${length}`);
    }
    await goOn(device, to, 1);
  });
}

for (const [title, ...flags] of [
  ["a transfer goes on when its address was away for a moment"],
  ["a transfer from a single port goes on when its address was away", "--single-port"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const log = await net.serve("server", await root(t), ...flags);
    await addAddress(net, "10.0.0.99/32");
    await log.next("listening", { address: "10.0.0.99" });
    const device = net.device(t, "client", "10.0.0.1");
    const to = await begin(device, "10.0.0.99");
    await device.send(ack(1), to);
    await device.expectData(2);
    await takeAddress(net, "10.0.0.99/32");
    // Another one that comes tells that the server has looked.
    await addAddress(net, "10.0.0.98/32");
    await log.next("listening", { address: "10.0.0.98" });
    await addAddress(net, "10.0.0.99/32", "eth1");
    await goOn(device, to, 2);
    await fetch(net.device(t, "client", "10.0.0.1"), "10.0.0.99");
  });
}

for (const [title, ...flags] of [
  ["an interface that is made anew is served again, with its scope"],
  [
    "the same where its address was named",
    ...["--listen", "10.0.0.2", "--listen", "[fe80::2%eth1]"],
  ],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const log = await net.serve("server", await root(t), ...flags);
    const device = (port = 0): Device => net.device(t, "client", "fe80::1%eth1", port);
    // As many as it takes until ports of transfers are used again.
    for (let round = 0; round < 20; round++) await fetch(device(), "fe80::2");
    await fetch(device(2070), "fe80::2");
    log.passOver();
    await net.shell([
      "ip -n $server link delete eth1",
      "ip link add eth1 netns $server type veth peer name eth1 netns $client",
      "ip -n $server address add fe80::2/64 dev eth1",
      "ip -n $client address add fe80::1/64 dev eth1",
      "ip -n $server link set eth1 up",
      "ip -n $client link set eth1 up",
    ]);
    await log.next("listening", { address: "fe80::2%eth1" });
    for (let round = 0; round < 3; round++) await fetch(device(), "fe80::2");
    // Firmware asks from the same port each time: the same address, but not the same interface.
    await fetch(device(2070), "fe80::2");
  });
}

testInNetwork(
  "a client whose interface has no link-local address of its own asks one",
  oneCable(
    1500,
    "ip -n $server address add fe80::2/64 dev eth0",
    "ip -n $client address flush dev eth0 scope link",
    "ip -n $client route add fe80::/64 dev eth0",
  ),
  async (net, t) => {
    const path = await folder(t);
    const large = Buffer.from(content(1_000_000));
    await writeFile(join(path, "large"), large, { mode: 0o644 });
    await net.serve("server", path);
    // What comes together is read by another call than what comes alone.
    const how = ["--blksize", "512", "--windowsize", "16", "--retries", "1"];
    const got = join(await folder(t), "got");
    await net.tidewire("client", "get", "tftp://[fe80::2%25eth0]/large", "--output", got, ...how);
    assert.deepEqual(await readFile(got), large);
  },
);

testInNetwork(
  "in.tftpd answers from the address that was asked",
  {
    ...plan,
    programs: ["in.tftpd"],
  },
  async (net, t) => {
    await net.startTftpd("server", "[::]:69", await root(t));
    for (const [own, asked] of pairs.slice(0, 6)) await fetch(net.device(t, "client", own), asked);
  },
);

const settling: Plan = {
  hosts: ["server"],
  setup: [
    "ip -n $server link add eth0 type veth peer name eth1",
    "ip netns exec $server sysctl -q net.ipv6.conf.eth0.dad_transmits=2",
    "ip -n $server link set eth0 up",
    "ip -n $server link set eth1 up",
  ],
};

testInNetwork(
  "an address that is newer than the server is waited for",
  settling,
  async (net, t) => {
    await net.shell(["ip -n $server address add fd00::9/64 dev eth0"]);
    await net.serve("server", await root(t), "--listen", "fd00::9");
  },
);
