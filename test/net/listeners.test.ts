// One socket for each address, on loopback and, where that is allowed, in a network namespace.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mock, test } from "node:test";
import { promisify } from "node:util";
import { TftpError } from "../../src/core/errors.ts";
import { Listeners, type ListenOptions, localAddresses } from "../../src/net/listeners.ts";
import { nodeNetwork } from "../../src/net/node-network.ts";
import type { Address, DatagramSocket, Network } from "../../src/ports.ts";

const run = promisify(execFile);

function options(some: Partial<ListenOptions>): ListenOptions & { opened: DatagramSocket[] } {
  const opened: DatagramSocket[] = [];
  return {
    hosts: ["127.0.0.1", "::1"],
    port: 0,
    network: nodeNetwork,
    onSocket: (socket) => opened.push(socket),
    onProblem: assert.fail,
    opened,
    ...some,
  };
}

/** A network that fails as `fail` says and remembers what is open. */
function brokenNetwork(fail: (local: Address) => string | undefined): Network & { open: unknown } {
  return {
    ...nodeNetwork,
    open: async (local) => {
      const code = fail(local);
      if (code === undefined) return nodeNetwork.open(local);
      throw new TftpError("NETWORK", `${code} ${local.host}`, { cause: { code } });
    },
  };
}

test("named hosts listen on one port, each with a socket of its own", async () => {
  const wanted = options({ hosts: ["127.0.0.1", "::1", "127.0.0.2", "::1"] });
  const listeners = await Listeners.open(wanted);
  const { addresses } = listeners;
  assert.deepEqual(
    addresses.map(({ host }) => host),
    ["127.0.0.1", "::1", "127.0.0.2"],
  );
  assert.equal(new Set(addresses.map(({ port }) => port)).size, 1);
  assert.deepEqual(
    wanted.opened.map((socket) => socket.local),
    addresses,
  );
  await listeners.close();
  await listeners.close();
});

test("a named host may be written in any way", async () => {
  const hosts = ["::ffff:127.0.0.1", "127.0.0.1", "0:0::1", "::1"];
  const listeners = await Listeners.open(options({ hosts }));
  const heard = listeners.addresses.map(({ host }) => host);
  assert.deepEqual(heard, ["127.0.0.1", "::1"]);
  await listeners.close();
});

test("closed listeners free their ports", async () => {
  const first = await Listeners.open(options({ hosts: ["0.0.0.0", "::"] }));
  const { port } = first.addresses[0] as Address;
  await first.close();
  const second = await Listeners.open(options({ hosts: ["0.0.0.0", "::"], port }));
  assert.equal(second.addresses.length, 2);
  await second.close();
});

test("one named host that fails fails all, and leaves nothing open", async () => {
  const sockets: DatagramSocket[] = [];
  const network: Network = {
    ...nodeNetwork,
    open: async (local) => {
      const socket = await nodeNetwork.open(local);
      sockets.push(socket);
      return socket;
    },
  };
  const wanted = options({ hosts: ["127.0.0.1", "198.51.100.7"], network });
  await assert.rejects(Listeners.open(wanted), /no address 198\.51\.100\.7/);
  assert.equal(wanted.opened.length, 0);
  const again = await nodeNetwork.open((sockets[0] as DatagramSocket).local);
  await again.close();
});

test("a free port that is taken on the next address is given up for another one", async () => {
  let taken = 0;
  const network = brokenNetwork(({ host }) =>
    host === "::1" && (taken += 1) < 3 ? "EADDRINUSE" : undefined,
  );
  const listeners = await Listeners.open(options({ network }));
  assert.equal(listeners.addresses.length, 2);
  assert.equal(taken, 3);
  await listeners.close();
});

test("no host at all is an error with a hint", async () => {
  await assert.rejects(Listeners.open(options({ hosts: [] })), (error) => {
    assert.ok(error instanceof TftpError);
    assert.match(error.hint ?? "", /0\.0\.0\.0/);
    return true;
  });
});

test("an address that fails among every address is told once, and is no obstacle", async () => {
  const problems: string[] = [];
  const network = brokenNetwork(({ host }) => (host === "::1" ? "EACCES" : undefined));
  const listeners = await Listeners.open(
    options({ hosts: "every", network, onProblem: ({ message }) => problems.push(message) }),
  );
  assert.deepEqual(problems, ["EACCES ::1"]);
  const expected = localAddresses().filter((host) => host !== "::1");
  assert.deepEqual(
    listeners.addresses.map(({ host }) => host),
    expected,
  );
  await listeners.close();
});

test("every address is a failure when none can be opened", async () => {
  const network = brokenNetwork(() => "EACCES");
  await assert.rejects(Listeners.open(options({ hosts: "every", network })), /EACCES/);
});

test("a failing address is told once, is tried again, and opens when it can", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const problems: string[] = [];
    let code: string | undefined = "EADDRNOTAVAIL";
    let tries = 0;
    const network = brokenNetwork(({ host }) => {
      if (host !== "::1") return undefined;
      tries += 1;
      return code;
    });
    const onProblem = ({ message }: TftpError): number => problems.push(message);
    const wanted = options({ hosts: "every", network, onProblem });
    const listeners = await Listeners.open(wanted);
    const rescan = async (): Promise<void> => {
      const before = tries;
      while (tries === before) {
        mock.timers.tick(3000);
        await new Promise(setImmediate);
      }
    };
    assert.deepEqual(problems, [], "the kernel may still be checking the address");
    for (let scan = 0; scan < 3; scan += 1) await rescan();
    assert.deepEqual(problems, ["EADDRNOTAVAIL ::1"]);
    code = undefined;
    await rescan();
    while (wanted.opened.at(-1)?.local.host !== "::1") await new Promise(setImmediate);
    await listeners.close();
    mock.timers.tick(9000);
    assert.equal(tries, 5);
  } finally {
    mock.timers.reset();
  }
});

/** Undefined when this user may make one; else why not. */
function noNamespace(): string | undefined {
  const name = `tidewire-may-${process.pid}`;
  try {
    execFileSync("ip", ["netns", "add", name], { stdio: "pipe" });
    execFileSync("ip", ["netns", "delete", name], { stdio: "pipe" });
    return undefined;
  } catch {
    return "needs root and `ip netns`";
  }
}

test("an address that appears gets a socket, one that goes loses it", {
  skip: noNamespace() ?? false,
}, async () => {
  const name = `tidewire-${process.pid}`;
  const net = new URL("../../src/net/", import.meta.url);
  const script = `
    const { execFileSync } = await import("node:child_process");
    const { Listeners } = await import("${net}listeners.js");
    const { nodeNetwork } = await import("${net}node-network.js");
    const ip = (...args) => execFileSync("ip", args);
    const all = [];
    const listeners = await Listeners.open({
      hosts: "every", port: 69, network: nodeNetwork, rescanMillis: 20,
      onSocket: (socket) => all.push(socket.local.host),
      onProblem: () => {}, // a link-local address cannot be bound for a second
    });
    const until = async (condition) => {
      while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const open = () => listeners.addresses.map(({ host }) =>
      host.replace(/^fe80::[0-9a-f:]+/, "fe80::x")).sort().join();
    console.log(open());
    ip("address", "add", "10.9.8.7/32", "dev", "lo");
    ip("link", "set", "wire", "up");
    ip("link", "set", "wire-peer", "up");
    await until(() => listeners.addresses.length === 5);
    console.log(open());
    ip("address", "delete", "10.9.8.7/32", "dev", "lo");
    ip("link", "set", "wire", "down");
    ip("link", "set", "wire-peer", "down");
    await until(() => listeners.addresses.length === 2);
    console.log(open(), all.length);
    await listeners.close();`;
  const inside = (...args: string[]) =>
    run("ip", ["netns", "exec", name, ...args], { timeout: 30_000 });
  await run("ip", ["netns", "add", name]);
  try {
    await inside("ip", "link", "set", "lo", "up");
    await inside("ip", "link", "add", "wire", "type", "veth", "peer", "name", "wire-peer");
    const { stdout } = await inside(process.execPath, "--input-type=module", "--eval", script);
    assert.deepEqual(stdout.trim().split("\n"), [
      "127.0.0.1,::1",
      "10.9.8.7,127.0.0.1,::1,fe80::x%wire,fe80::x%wire-peer",
      "127.0.0.1,::1 5",
    ]);
  } finally {
    await run("ip", ["netns", "delete", name]);
  }
});
