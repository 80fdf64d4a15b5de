// Which storage a name belongs to, for whom.

import assert from "node:assert/strict";
import { test } from "node:test";
import { memory } from "../../src/storage/memory.ts";
import { mounts } from "../../src/storage/mounts.ts";

const storage = memory();

/** Where a client's names lead. */
function places(host: string, names: readonly string[], list: readonly string[]): string[] {
  const found = mounts(
    list.map((text) => {
      const [at = "", clients] = text.split(" for ");
      return { text, at, storage, ...(clients === undefined ? {} : { clients }) };
    }),
  );
  return names.map((name) => {
    const place = found.find(name, { host, port: 2000 });
    return `${place.name} in ${place.mount.text}`;
  });
}

test("the longest mount decides, and a folder's own name is none of its names", () => {
  const list = ["/", "boot", "boot/arm"];
  assert.deepEqual(places("192.0.2.7", ["boot/arm/a", "/boot//a", "boot", "bootx/a"], list), [
    "a in boot/arm",
    "a in boot",
    "boot in /",
    "bootx/a in /",
  ]);
});

test("a backslash separates in a mount as it does in a name", () => {
  assert.deepEqual(places("192.0.2.7", ["boot/arm/a", "boot\\arm\\a"], ["/", "boot\\arm"]), [
    "a in boot\\arm",
    "a in boot\\arm",
  ]);
});

test("nothing is mounted where no name can lead", () => {
  for (const at of ["..", "a/./b", "C:/boot", "a\u0001", "a".repeat(256), ".tidewire-x.part"]) {
    assert.throws(() => mounts([{ at, storage }]), { code: "INVALID_ARGUMENT" }, at);
  }
  assert.deepEqual(places("192.0.2.7", [".d/a", "C:/x/a"], ["/", ".d", "x"]), [
    "a in .d",
    "a in x",
  ]);
});

test("an IPv4 client is in no IPv6 network, unless that is one of IPv4 addresses", () => {
  const six = ["/", "/ for ::/0"];
  assert.deepEqual(places("192.0.2.7", ["a"], six), ["a in /"]);
  assert.deepEqual(places("2001:db8::7", ["a"], six), ["a in / for ::/0"]);
  const mapped = ["/", "/ for ::ffff:192.0.2.0/120"];
  assert.deepEqual(places("192.0.2.7", ["a"], mapped), ["a in / for ::ffff:192.0.2.0/120"]);
  assert.deepEqual(places("2001:db8::7", ["a"], mapped), ["a in /"]);
});

test("a mount for these clients comes before one for all, wherever it stands", () => {
  const list = ["/", "/ for 192.0.2.0/24", "boot", "boot for fe80::/10"];
  assert.deepEqual(places("192.0.2.7", ["a", "boot/a"], list), [
    "a in / for 192.0.2.0/24",
    "a in boot",
  ]);
  assert.deepEqual(places("fe80::7%eth0", ["a", "boot/a"], list), [
    "a in /",
    "a in boot for fe80::/10",
  ]);
});

test("a folder's own path in front of a name leads around no mount", () => {
  const found = mounts([
    { at: "/", dir: "/x/root", text: "root", storage },
    { at: "/", dir: "/x/other", text: "other", clients: "192.0.2.0/24", storage },
    { at: "boot", dir: "/x/boot", text: "boot", storage },
    { at: "boot/arm", dir: "/x/arm", text: "arm", storage },
  ]);
  for (const [name, place, host = "198.51.100.1"] of [
    ["/x/root/a", "/x/root/a in root"],
    ["x/root/boot/v", "v in boot"],
    ["\\\\x\\root\\boot/arm/v", "v in arm"],
    ["boot/x/boot/arm/v", "v in arm"],
    ["/x/root/boot/x/boot/arm/v", "v in arm"],
    ["/x/root/boot", "/x/root/boot in root"],
    ["/x/other/boot/v", "/x/other/boot/v in root"],
    ["/x/other/boot/v", "v in boot", "192.0.2.7"],
  ] as const) {
    const { mount, name: rest } = found.find(name, { host, port: 2000 });
    assert.equal(`${rest} in ${mount.text}`, place, name);
  }
});
