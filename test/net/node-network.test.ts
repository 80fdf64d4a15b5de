// Host names and routes, without leaving this machine.

import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";
import { TftpError } from "../../src/core/errors.ts";
import { nodeNetwork } from "../../src/net/node-network.ts";

test("an address resolves to its one canonical spelling", async () => {
  assert.deepEqual(await nodeNetwork.resolve("192.0.2.7"), ["192.0.2.7"]);
  assert.deepEqual(await nodeNetwork.resolve("2001:DB8:0:0::0001"), ["2001:db8::1"]);
  assert.deepEqual(await nodeNetwork.resolve("FE80::0:1%lo"), ["fe80::1%lo"]);
  assert.deepEqual(await nodeNetwork.resolve("::ffff:192.0.2.7"), ["192.0.2.7"]);
});

test("only a link-local address keeps its zone, which is the name of an interface", async () => {
  assert.deepEqual(await nodeNetwork.resolve("::1%lo"), ["::1"]);
  assert.deepEqual(await nodeNetwork.resolve("2001:db8::1%eth0"), ["2001:db8::1"]);
  assert.deepEqual(await nodeNetwork.resolve("febf::1%eth0"), ["febf::1%eth0"]);
  for (const [name, addresses = []] of Object.entries(networkInterfaces())) {
    const scope = addresses.find(({ scopeid }) => scopeid)?.scopeid;
    if (!scope || process.platform === "win32") continue;
    assert.deepEqual(await nodeNetwork.resolve(`fe80::1%${scope}`), [`fe80::1%${name}`]);
  }
});

test("a host name resolves to an address of each family, at most", async () => {
  const hosts = await nodeNetwork.resolve("localhost");
  assert.ok(hosts.length > 0);
  for (const host of hosts) assert.match(host, /^(127\.0\.0\.1|::1)$/);
  assert.equal(new Set(hosts).size, hosts.length);
});

test("an unknown host is named, with what to do", async () => {
  await assert.rejects(nodeNetwork.resolve("no-such-host.invalid"), (error) => {
    assert.ok(error instanceof TftpError);
    assert.equal(error.code, "NETWORK");
    assert.equal(error.message, 'unknown host "no-such-host.invalid"');
    assert.match(error.hint ?? "", /IP address/);
    assert.ok(error.cause instanceof Error);
    return true;
  });
});

test("loopback is reached from loopback, with room for the largest datagram", async () => {
  for (const host of ["127.0.0.1", "::1"]) {
    const route = await nodeNetwork.route({ host, port: 69 });
    assert.equal(route.host, host);
    assert.equal(route.mtu, 65536);
    assert.ok(route.receiveBufferBytes > 0);
  }
});

test("each address of this machine is reached with the MTU of an interface", async () => {
  for (const { address, scopeid } of Object.values(networkInterfaces()).flatMap(
    (all) => all ?? [],
  )) {
    if (scopeid) continue;
    const { mtu } = await nodeNetwork.route({ host: address, port: 69 });
    assert.ok(mtu >= 576 && mtu <= 65536, `${address}: ${mtu}`);
  }
});

test("an address without a route is a NETWORK error with a hint", async () => {
  await assert.rejects(nodeNetwork.route({ host: "255.255.255.255", port: 69 }), (error) => {
    assert.ok(error instanceof TftpError);
    assert.equal(error.code, "NETWORK");
    assert.equal(error.message, "no route to 255.255.255.255");
    assert.ok(error.hint);
    return true;
  });
});

test("a link-local address without its interface has that as its hint", async () => {
  const remote = { host: "fe80::1", port: 69 };
  await assert.rejects(nodeNetwork.route(remote), ({ code, hint }: TftpError) => {
    return code === "NETWORK" && hint === "Name the interface too: fe80::1%eth0 if it is eth0.";
  });
});

test("open gives a socket with the port it asked for", async () => {
  const first = await nodeNetwork.open({ host: "127.0.0.1", port: 0 });
  assert.notEqual(first.local.port, 0);
  await first.close();
});
