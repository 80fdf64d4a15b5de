// Rules by client address, direction and name, and how hostile names fare against them.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type JudgedRequest, parseRule, type Rule, rules, TftpError } from "../../src/index.ts";
import { addressBytes, inRange, parseRange, prefixOf } from "../../src/server/address.ts";
import { glob, plainName } from "../../src/server/glob.ts";
import { Device, rrq, wrq } from "./device.ts";
import { files, scene, stillServes } from "./scene.ts";

type Op = "read" | "write";

function asked(op: Op, host: string, filename: string): JudgedRequest {
  const client = { host, port: 2000 };
  return { op: op === "read" ? "rrq" : "wrq", filename, client, mode: "octet", options: new Map() };
}

function verdict(list: readonly (Rule | string)[], op: Op, host: string, name: string): string {
  return rules(list)(asked(op, host, name)).kind;
}

test("the first rule that matches decides, and what none matches is allowed", () => {
  const list = ["allow read 10.1.0.0/16", "refuse 10.0.0.0/8", "ignore write"];
  assert.equal(verdict(list, "read", "10.1.2.3", "x"), "allow");
  assert.equal(verdict(list, "write", "10.1.2.3", "x"), "refuse");
  assert.equal(verdict(list, "read", "10.2.2.3", "x"), "refuse");
  assert.equal(verdict(list, "write", "192.0.2.1", "x"), "ignore");
  assert.equal(verdict(list, "read", "192.0.2.1", "x"), "allow");
  assert.equal(verdict([], "write", "192.0.2.1", "x"), "allow");
});

test("a refusal is ERROR 2", () => {
  const found = rules(["refuse"])(asked("read", "192.0.2.1", "x"));
  assert.ok(found.kind === "refuse");
  assert.equal(found.error.wireCode, 2);
});

const ranges: readonly (readonly [range: string, inside: string[], outside: string[]])[] = [
  ["192.0.2.0/24", ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.7"], ["192.0.3.0", "::1"]],
  ["192.0.2.128/25", ["192.0.2.128"], ["192.0.2.127"]],
  ["192.0.2.1", ["192.0.2.1", "::ffff:c000:201"], ["192.0.2.2"]],
  ["0.0.0.0/0", ["255.255.255.255"], ["2001:db8::1"]],
  ["::/0", ["::1", "2001:db8::1", "fe80::1%eth0"], ["192.0.2.1", "::ffff:192.0.2.1"]],
  ["2001:db8::/33", ["2001:db8:7fff::1"], ["2001:db8:8000::"]],
  ["fe80::/10", ["fe80::1%eth0", "febf::%2"], ["fec0::"]],
  ["::ffff:0:0/96", ["192.0.2.1"], ["::1"]],
  ["::ffff:192.0.2.0/120", ["192.0.2.9"], ["192.0.3.9"]],
];
for (const [range, inside, outside] of ranges) {
  test(`${range} holds ${inside} and not ${outside}`, () => {
    const list = [`refuse ${range}`];
    for (const host of inside) assert.equal(verdict(list, "read", host, "x"), "refuse", host);
    for (const host of outside) assert.equal(verdict(list, "read", host, "x"), "allow", host);
  });
}

test("what is no address is in no range", () => {
  const wrong = [
    "",
    "1.2.3",
    "256.1.1.1",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "g::",
    "1.2.3.4%eth0",
    ":",
    "1.2.3.4::",
  ];
  for (const text of [...wrong, "1:2:3:4:5:6:7:8:9", "::1.2.3.4:5", "12345::"]) {
    assert.equal(addressBytes(text), undefined, text);
  }
  for (const text of ["1.2.3.4/33", "::/129", "1.2.3.4/", "::ffff:0:0/95", "fe80::1%eth0/64"]) {
    assert.equal(parseRange(text), undefined, text);
  }
});

test("every address is in each range that begins with its own bits", () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(address, fc.nat(128), (host, bits) => {
      const bytes = addressBytes(host);
      assert.ok(bytes, host);
      assert.ok(inRange(bytes, { bytes, prefixBits: Math.min(bits, bytes.length * 8) }));
    }),
  );
});

test("the prefix of an address is its /24 or /64", () => {
  assert.equal(prefixOf("192.0.2.1"), prefixOf("::ffff:192.0.2.9"));
  assert.equal(prefixOf("2001:db8::1"), prefixOf("2001:db8:0:0:ffff::"));
  assert.notEqual(prefixOf("2001:db8::1"), prefixOf("2001:db8:0:1::1"));
  assert.notEqual(prefixOf("192.0.2.1"), prefixOf("192.0.3.1"));
});

const patterns: readonly (readonly [pattern: string, yes: string[], no: string[]])[] = [
  ["*.cfg", ["a.cfg", "dir/a.cfg", "dir\\B.CFG", ".cfg"], ["a.cfg2", "a.cfg/x"]],
  ["boot/*", ["boot/x", "/boot//x", "./boot/x", "c:\\boot\\x", "y/../boot/x"], ["boot/a/b", "x"]],
  ["boot/**", ["boot/x", "boot/a/b"], ["boots/x"]],
  ["**/x", ["a/x", "a/b/x"], ["x"]],
  ["sw-??.cfg", ["sw-01.cfg"], ["sw-1.cfg", "sw-001.cfg"]],
  ["/boot/a+(b).[c]", ["boot/a+(b).[c]"], ["boot/aab.c"]],
  ["ü*", ["u\u0308x", "Üx"], ["ux"]],
  ["", [""], ["x"]],
];
for (const [pattern, yes, no] of patterns) {
  test(`the pattern "${pattern}" matches ${yes} and not ${no}`, () => {
    for (const name of yes) assert.ok(glob(pattern).matches(plainName(name)), name);
    for (const name of no) assert.ok(!glob(pattern).matches(plainName(name)), name);
  });
}

test("no other way to write a path leads around a refusal", () => {
  const list = ["refuse read keys/*"];
  for (const name of ["keys/a", "/srv/tftp/keys/a", "KEYS\\a", "x/../keys/./a", "//keys//a"]) {
    assert.equal(verdict(list, "read", "192.0.2.1", name), "refuse", name);
  }
  assert.equal(verdict(["allow keys/*", "refuse"], "read", "192.0.2.1", "x/keys/a"), "refuse");
});

test("a pattern takes no longer for a name that was made to be slow", () => {
  const slow = glob("*a*a*a*a*a*a*a*a*b");
  assert.equal(slow.matches("a".repeat(4000)), false);
  const everywhere = glob("**/**/**/**/**/**/**/x");
  assert.equal(everywhere.matches("a/".repeat(2000)), false);
});

test("a rule is read as it is written", () => {
  assert.deepEqual(parseRule("refuse write 10.0.0.0/8 *.cfg"), {
    ...{ verdict: "refuse", op: "write" },
    ...{ clients: "10.0.0.0/8", names: "*.cfg" },
  });
  assert.deepEqual(parseRule("  ignore  "), { verdict: "ignore" });
  assert.deepEqual(parseRule("allow any 10.0.0.1"), { verdict: "allow", names: "10.0.0.1" });
  assert.deepEqual(parseRule("allow fe80::/10"), { verdict: "allow", clients: "fe80::/10" });
  assert.deepEqual(parseRule("allow read read"), { verdict: "allow", op: "read", names: "read" });
  assert.deepEqual(parseRule("allow face.cfg"), { verdict: "allow", names: "face.cfg" });
});

const wrongRules = [
  "",
  "deny",
  "refuse 10.0.0.0/33",
  "refuse 10.0.0",
  "allow ::1%eth0",
  "allow a b",
];
for (const text of wrongRules) {
  test(`"${text}" is no rule, and the hint says what is`, () => {
    assert.throws(
      () => rules([text]),
      (thrown) => thrown instanceof TftpError && thrown.hint !== undefined && !!thrown.message,
    );
  });
}

test("a live server refuses, ignores and serves by its rules", { timeout: 30_000 }, async (t) => {
  const judge = rules(["refuse write *.txt", "ignore read five.*", "allow"]);
  const { to, events } = await scene(t, { storage: files(), judge });
  const device = await Device.open(t);
  await device.send(wrq("up.txt"), to);
  await device.expectError(2);
  await device.send(rrq("five.bin"), to);
  assert.equal((await events.nth("ignored")).reason, 'rule "ignore read five.*"');
  await stillServes(t, to);
  await device.expectSilence();
});
