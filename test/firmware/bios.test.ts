// What a PC with a BIOS boots from the network: iPXE in its network card, PXELINUX, then GRUB.

import assert from "node:assert/strict";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { folder } from "../interop/exchange.ts";
import { noise } from "../loopback/pair.ts";
import { assertSums, grubProgram, layGrub } from "./grub.ts";
import { card, Machine, type Needs, server, startDhcp, testWithMachine } from "./machine.ts";

const pxelinux = "/usr/lib/PXELINUX/pxelinux.0";
const ldlinux = "/usr/lib/syslinux/modules/bios/ldlinux.c32";
const needs: Needs = {
  programs: ["qemu-system-x86_64", grubProgram],
  files: [pxelinux, ldlinux, "/usr/lib/ipxe/qemu/pxe-virtio.rom", "/usr/lib/grub/i386-pc"],
};

const script = `#!ipxe
initrd tftp://${server}/large
initrd tftp://${server}/empty
initrd tftp://${server}/nothing-here || echo not there
imgstat
imgfree
chain tftp://${server}/pxelinux.0
`;
const menu = "DEFAULT grub\nLABEL grub\n  KERNEL grub.bin\n";

testWithMachine("iPXE, PXELINUX and GRUB boot one after the other", needs, async (net, t) => {
  const root = await folder(t);
  await layGrub(root, server, ["i386-pc-pxe", "pxe"]);
  await writeFile(join(root, "boot.ipxe"), script);
  await writeFile(join(root, "large"), noise(3_000_000));
  await writeFile(join(root, "empty"), "");
  await mkdir(join(root, "pxelinux.cfg"));
  await writeFile(join(root, "pxelinux.cfg/default"), menu);
  await copyFile(pxelinux, join(root, "pxelinux.0"));
  await copyFile(ldlinux, join(root, "ldlinux.c32"));
  const log = await net.serve("server", root, "--listen", server);
  const range = ["--dhcp-range=10.0.0.50,10.0.0.60", `--dhcp-boot=boot.ipxe,,${server}`];
  await startDhcp(net, ...range);
  const pc = ["-boot", "n", "-m", "256", "-machine", "graphics=off"];
  const machine = new Machine(net, "qemu-system-x86_64", [...pc, "-device", card]);
  await machine.until("not there");
  const images = await machine.until("pxelinux.0");
  assert.match(images, /large : 3000000 bytes/);
  assert.match(images, /empty : 0 bytes/);
  await assertSums(machine);
  for (const [family, file] of [
    ["ipxe", "boot.ipxe"],
    ["ipxe", "large"],
    ["ipxe", "pxelinux.0"],
    ["pxelinux", "ldlinux.c32"],
    ["pxelinux", "grub.bin"],
    ["grub", "/grub/grub.cfg"],
    ["grub", "/file-1000003"],
  ] as const) {
    await log.next("ended", { family, file, outcome: "completed" });
  }
});
