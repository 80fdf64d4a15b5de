// Requests and ACKs by broadcast, as the Cisco Aironet sends them.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { childrenOf } from "../cli/children.ts";
import { folder } from "../interop/exchange.ts";
import { ack, type Device, error, rrq, wrq } from "../server/device.ts";
import { content, readOn, writeAll } from "../server/scene.ts";
import { type Plan, testInNetwork } from "./hosts.ts";

const name = "c1200-k9w7-tar.default";
const image = Buffer.from(content(274 * 5));
const everybody = "255.255.255.255";

/** A server with two networks, and a device in each. */
const plan: Plan = {
  hosts: ["server", "device", "other"],
  setup: [
    "ip link add eth0 netns $server type veth peer name eth0 netns $device",
    "ip link add eth1 netns $server type veth peer name eth0 netns $other",
    "ip -n $server address add 10.0.0.2/24 broadcast + dev eth0",
    "ip -n $server address add 10.1.0.2/24 broadcast + dev eth1",
    "ip -n $device address add 10.0.0.1/24 broadcast + dev eth0",
    "ip -n $other address add 10.1.0.1/24 broadcast + dev eth0",
    "for host in $server $device $other; do ip -n $host link set eth0 up; done",
    "ip -n $server link set eth1 up",
    "for host in $device $other; do ip -n $host route add 255.255.255.255 dev eth0; done",
  ],
};

async function root(t: TestContext): Promise<string> {
  const path = await folder(t);
  await writeFile(join(path, name), image, { mode: 0o644 });
  return path;
}

/** Every ACK goes to the broadcast address, as in the exchange of 2010; what came. */
async function aironet(device: Device, to: string): Promise<Buffer> {
  const payloads: Uint8Array[] = [];
  await device.send(rrq(name), { host: to, port: 69 });
  for (let block = 1; ; block++) {
    const { packet, from } = await device.expectData(block);
    payloads.push(packet.payload);
    await device.send(ack(block), { host: to, port: from.port });
    if (packet.payload.length < 512) return Buffer.concat(payloads);
  }
}

for (const [title, ...flags] of [
  ["the Aironet that acknowledges by broadcast gets its file"],
  ["the Aironet gets its file from a single port", "--single-port"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const server = await net.serveBroadcasts("server", await root(t), ...flags);
    for (const [host, to] of [
      ["device", everybody],
      ["device", "10.0.0.255"],
      ["other", everybody],
      ["other", "10.1.0.255"],
    ] as const) {
      const device = net.device(t, host, "0.0.0.0");
      assert.deepEqual(await aironet(device, to), image, `${host} asks ${to}`);
      await server.next("ended", { outcome: "completed", resent: 0 });
    }
  });
}

testInNetwork(
  "an answer to a broadcast comes from our address in that network",
  plan,
  async (net, t) => {
    await net.serveBroadcasts("server", await root(t));
    for (const [host, to, from] of [
      ["device", everybody, "10.0.0.2"],
      ["device", "10.0.0.255", "10.0.0.2"],
      ["other", everybody, "10.1.0.2"],
      ["other", "10.1.0.255", "10.1.0.2"],
    ] as const) {
      const device = net.device(t, host, "0.0.0.0");
      await device.send(rrq(name), { host: to, port: 69 });
      const first = await device.expectData(1);
      assert.equal(first.from.host, from);
      await device.send(ack(1), first.from);
      assert.deepEqual(await readOn(device, 1), image.subarray(512));
      await device.send(rrq("missing"), { host: to, port: 69 });
      assert.deepEqual((await device.expectError(1)).from, { host: from, port: 69 });
    }
  },
);

/** Resolves when a broadcast is answered. */
async function answered(device: Device): Promise<void> {
  const ask = (): void => void device.send(rrq("missing"), { host: everybody, port: 69 });
  const asking = setInterval(ask, 50);
  await device.expectError(1).finally(() => clearInterval(asking));
}

for (const [title, ...flags] of [
  ["of several workers one answers a broadcast"],
  ["of several workers with a single port one answers a broadcast", "--single-port"],
] as const) {
  testInNetwork(title, plan, async (net, t) => {
    const args = [await root(t), "--workers", "3", "--uploads", "create", ...flags];
    const server = await net.serveBroadcasts("server", ...args);
    const answering = new Set<unknown>();
    const ask = async (times: number): Promise<void> => {
      const device = net.device(t, "device", "0.0.0.0");
      await device.send(rrq(name), { host: everybody, port: 69 });
      const { from } = await device.expectData(1);
      await device.send(ack(1), from);
      assert.deepEqual(await readOn(device, 1), image.subarray(512));
      const { outcome, worker } = await server.next("ended", { file: name });
      assert.equal(outcome, "completed");
      answering.add(worker);
      const file = `crashinfo-${times}`;
      await device.send(wrq(file), { host: everybody, port: 69 });
      await writeAll(device, image, (await device.expectAck(0)).from);
      await server.next("ended", { outcome: "completed", file });
      await device.expectSilence();
    };
    await answered(net.device(t, "device", "0.0.0.0"));
    for (let times = 0; times < 4; times++) await ask(times);
    assert.equal(answering.size, 1);
    const [number] = answering;
    const worker = childrenOf(server.process.pid)[Number(number) - 1];
    process.kill(worker as number, "SIGKILL");
    await answered(net.device(t, "device", "0.0.0.0"));
    for (let times = 4; times < 8; times++) await ask(times);
    assert.equal(answering.size, 2);
  });
}

testInNetwork("an upload that is asked for by broadcast is taken", plan, async (net, t) => {
  const server = await net.serveBroadcasts("server", await root(t), "--uploads", "create");
  const device = net.device(t, "device", "0.0.0.0");
  await device.send(wrq("crashinfo"), { host: everybody, port: 69 });
  await writeAll(device, image, (await device.expectAck(0)).from);
  await server.next("ended", { outcome: "completed", file: "crashinfo" });
});

testInNetwork(
  "of two servers that answer a broadcast the second one ends quietly",
  {
    hosts: ["device", "one", "two"],
    setup: [
      "ip -n $device link add bridge type bridge",
      "ip link add eth0 netns $one type veth peer name port1 netns $device",
      "ip link add eth0 netns $two type veth peer name port2 netns $device",
      "for port in port1 port2; do ip -n $device link set $port master bridge up; done",
      "ip -n $device address add 10.0.0.1/24 broadcast + dev bridge",
      "ip -n $device link set bridge up",
      "ip -n $one address add 10.0.0.2/24 broadcast + dev eth0",
      "ip -n $two address add 10.0.0.3/24 broadcast + dev eth0",
      "for host in $one $two; do ip -n $host link set eth0 up; done",
      "ip -n $device route add 255.255.255.255 dev bridge",
    ],
  },
  async (net, t) => {
    const path = await root(t);
    const logs = [await net.serveBroadcasts("one", path), await net.serveBroadcasts("two", path)];
    const device = net.device(t, "device", "0.0.0.0");
    await device.send(rrq(name), { host: everybody, port: 69 });
    const first = await device.expectData(1);
    const second = await device.expectData(1);
    assert.notEqual(first.from.host, second.from.host);
    await device.send(error(5, "unknown transfer ID"), second.from);
    await device.send(ack(1), { host: everybody, port: first.from.port });
    for (let block = 2; block <= 3; block++) {
      assert.deepEqual((await device.expectData(block)).from, first.from);
      await device.send(ack(block), { host: everybody, port: first.from.port });
    }
    const [taken, left] = first.from.host === "10.0.0.2" ? logs : logs.reverse();
    await taken?.next("ended", { outcome: "completed" });
    await left?.next("ended", { outcome: "elsewhere" });
  },
);

testInNetwork("a broadcast from another network is not answered", plan, async (net, t) => {
  const server = await net.serveBroadcasts("server", await root(t));
  await net.shell(["ip -n $device address add 172.16.9.9/32 dev eth0"]);
  await net.shell(["ip -n $server route add 172.16.9.9/32 dev eth0"]);
  const device = net.device(t, "device", "172.16.9.9");
  await device.send(rrq(name), { host: everybody, port: 69 });
  const { reason } = await server.next("stray", { client: "172.16.9.9" });
  assert.match(String(reason), /another network/);
  await device.expectSilence();
});

testInNetwork(
  "a server on one address answers the broadcasts of its network only",
  plan,
  async (net, t) => {
    const server = await net.serveBroadcasts("server", await root(t), "--listen", "10.1.0.2");
    const away = net.device(t, "device", "0.0.0.0");
    await away.send(rrq(name), { host: everybody, port: 69 });
    await server.next("stray", { client: "10.0.0.1" });
    const device = net.device(t, "other", "0.0.0.0");
    assert.deepEqual(await aironet(device, everybody), image);
    await away.expectSilence();
  },
);

testInNetwork("a broadcast address is none to listen on", plan, async (net, t) => {
  const path = await root(t);
  for (const host of ["10.0.0.255", everybody, "224.0.0.1", "[ff02::1]"]) {
    const serving = net.tidewire("server", "serve", path, "--allow-root", "--listen", host);
    await assert.rejects(serving, /many machines/, host);
  }
});

testInNetwork(
  "broadcasts are heard where the cable is plugged in after the start",
  {
    ...plan,
    setup: [
      ...plan.setup,
      "ip -n $other link set eth0 down",
      "until ip -n $server link show dev eth1 | grep -q 'state .*DOWN'; do :; done",
    ],
  },
  async (net, t) => {
    await net.serve("server", await root(t), "--listen", "10.1.0.2");
    await net.shell([
      "ip -n $other link set eth0 up",
      "ip -n $other route add 255.255.255.255 dev eth0",
    ]);
    await net.broadcastsHeard("server");
    const device = net.device(t, "other", "0.0.0.0");
    assert.deepEqual(await aironet(device, "10.1.0.255"), image);
  },
);

testInNetwork(
  "in.tftpd never hears an Aironet's ACK and repeats block 1",
  {
    ...plan,
    programs: ["in.tftpd"],
  },
  async (net, t) => {
    await net.startTftpd("server", "0.0.0.0:69", await root(t), "--retransmit", "200000");
    const device = net.device(t, "device", "0.0.0.0");
    await device.send(rrq(name), { host: everybody, port: 69 });
    for (let round = 0; round < 3; round++) {
      const { from } = await device.expectData(1);
      await device.send(ack(1), { host: everybody, port: from.port });
    }
  },
);
