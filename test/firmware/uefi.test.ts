// What a PC with UEFI boots from the network: EDK2's own PXE, then GRUB.

import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { folder } from "../interop/exchange.ts";
import type { TestNetwork } from "../network/hosts.ts";
import { assertSums, grubProgram, layGrub } from "./grub.ts";
import {
  card,
  Machine,
  type Needs,
  server,
  server6,
  startDhcp,
  testWithMachine,
} from "./machine.ts";

const code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const variables = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const needs: Needs = {
  programs: ["qemu-system-x86_64", grubProgram],
  files: [code, variables, "/usr/lib/grub/x86_64-efi"],
};

const four: Way = {
  address: server,
  dhcp: ["--dhcp-range=10.0.0.50,10.0.0.60", `--dhcp-boot=grub.bin,,${server}`],
  without: "IPv6PXESupport",
  blksize: 1468,
};
const six: Way = {
  address: server6,
  dhcp: [
    "--enable-ra",
    "--dhcp-range=fd00::50,fd00::60,64",
    `--dhcp-option=option6:59,tftp://[${server6}]/grub.bin`,
  ],
  without: "IPv4PXESupport",
  blksize: 1228,
};

testWithMachine("UEFI and GRUB boot over IPv4", needs, (net, t) => boots(net, t, four));
testWithMachine("UEFI and GRUB boot over IPv6", needs, (net, t) => boots(net, t, six));

interface Way {
  readonly address: string;
  /** Options of dnsmasq. */
  readonly dhcp: readonly string[];
  /** What EDK2 would try before. */
  readonly without: string;
  readonly blksize: number;
}

async function boots(net: TestNetwork, t: TestContext, way: Way): Promise<void> {
  const { address, dhcp, without, blksize } = way;
  const root = await folder(t);
  const host = address.includes(":") ? `[${address}]` : address;
  await layGrub(root, host, ["x86_64-efi", "efinet"]);
  const log = await net.serve("server", root, "--listen", address);
  await startDhcp(net, ...dhcp);
  const machine = new Machine(net, "qemu-system-x86_64", [
    ...["-M", "q35", "-m", "256"],
    ...flash(`${code},readonly=on`),
    ...flash(await copyOfVariables(t)),
    // Without the iPXE that is in it.
    ...["-device", `${card},romfile=`],
    ...["-fw_cfg", `name=opt/org.tianocore/${without},string=n`],
  ]);
  await assertSums(machine);
  const first = { family: "edk2", file: "grub.bin" };
  await log.next("ended", { ...first, outcome: "probe" });
  await log.next("ended", { ...first, outcome: "completed", blksize, windowsize: 4 });
  await log.next("ended", { family: "grub", file: "/file-1000003", outcome: "completed" });
}

function flash(file: string): string[] {
  return ["-drive", `if=pflash,format=raw,file=${file}`];
}

/** Firmware writes there. */
async function copyOfVariables(t: TestContext): Promise<string> {
  const copy = join(await folder(t), "variables");
  await copyFile(variables, copy);
  return copy;
}
