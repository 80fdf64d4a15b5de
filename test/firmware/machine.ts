// A computer without a disk, played by QEMU, whose firmware boots from our server: the programs
// that run in real devices, on a network of the test's own. Its console is text.

import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { find, type Peer } from "../interop/peers.ts";
import { type Plan, type TestNetwork, testInNetwork } from "../network/hosts.ts";

export const server = "10.0.0.2";
export const server6 = "fd00::2";

/** The network card of a machine; QEMU's has iPXE in it. */
export const card = "virtio-net-pci,netdev=cable";

const patienceMillis = 60_000;

export interface Needs {
  readonly programs: readonly Peer[];
  /** Files of Debian's packages. */
  readonly files: readonly string[];
}

/** A test with a host "server", to whose device tap0 a machine can be joined. */
export function testWithMachine(
  name: string,
  { programs, files }: Needs,
  body: (net: TestNetwork, t: TestContext) => Promise<void>,
): void {
  const absent = files.find((file) => !existsSync(file));
  const required = process.env.TIDEWIRE_PEERS === "required";
  // No package brings it: where a machine has none, this cannot be had.
  if (!existsSync("/dev/net/tun")) test(name, { skip: "needs /dev/net/tun" });
  else if (absent && !required) test(name, { skip: `${absent} is not installed here` });
  else testInNetwork(name, { ...plan, programs: ["dnsmasq", "nft", ...programs] }, body);
}

const plan: Plan = {
  hosts: ["server"],
  setup: [
    "ip -n $server tuntap add tap0 mode tap",
    `ip -n $server address add ${server}/24 dev tap0`,
    `ip -n $server address add ${server6}/64 dev tap0 nodad`,
    "ip -n $server link set tap0 up",
  ],
};

/** Tells the machine its address, and what to boot. */
export function startDhcp(net: TestNetwork, ...options: readonly string[]): Promise<void> {
  const plain = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root"];
  const own = ["--pid-file=", "--leasefile-ro", "--interface=tap0", "--bind-interfaces"];
  const six = options.some((option) => option.includes("option6"));
  return net.start("server", six ? 547 : 67, find("dnsmasq") ?? "", ...plain, ...own, ...options);
}

/** Every thirtieth packet in each direction is lost from now on. */
export async function losePackets(net: TestNetwork): Promise<void> {
  const rules = Object.entries({ output: "oifname", input: "iifname" }).flatMap(
    ([chain, device]) => [
      `chain ip t ${chain} { type filter hook ${chain} priority 0 ; }`,
      `rule ip t ${chain} ${device} tap0 meta l4proto udp numgen inc mod 30 == 7 drop`,
    ],
  );
  const lines = ["table ip t", ...rules];
  await net.shell(lines.map((line) => `ip netns exec $server nft 'add ${line}'`));
}

export class Machine {
  readonly #child: ChildProcess;
  #printed = "";
  #taken = 0;
  #onText: () => void = () => {};

  constructor(net: TestNetwork, program: Peer, args: readonly string[]) {
    const cable = "tap,id=cable,ifname=tap0,script=no,downscript=no";
    const console = ["-nodefaults", "-nographic", "-serial", "stdio"];
    const all = [...console, "-netdev", cable, ...args];
    this.#child = net.spawn("server", find(program) ?? program, all, "pipe");
    this.#child.stdout?.setEncoding("latin1").on("data", (text) => {
      this.#printed += text;
      this.#onText();
    });
    this.#child.stderr?.on("data", (text) => (this.#printed += text));
  }

  /** What the console showed before this came, from where it was read last. */
  async until(text: string): Promise<string> {
    const deadline = AbortSignal.timeout(patienceMillis);
    for (;;) {
      const shown = plain(this.#printed);
      const fresh = shown.slice(this.#taken);
      const at = fresh.indexOf(text);
      if (at >= 0) {
        this.#taken += at + text.length;
        return fresh.slice(0, at);
      }
      await new Promise<void>((resolve, reject) => {
        this.#onText = resolve;
        deadline.onabort = () => reject(new Error(`no "${text}" on the console: ${fresh}`));
      });
    }
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }
}

/** Without what moves the cursor and sets colours. */
function plain(text: string): string {
  return text.replace(/\u001b\[[0-9;?=]*[A-Za-z]/g, "").replaceAll("\r", "");
}
