// What a wrong name may have meant, and why a transfer failed, in words.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError } from "../../src/index.ts";
import { nearNames } from "../../src/observe/near-names.ts";
import { reasonOf } from "../../src/observe/why.ts";

const names = ["boot/vmlinuz", "boot/initrd.img", "vmlinuz-6.1", "pxelinux.cfg/default", "a", "b"];

test("case, another folder and a few wrong letters are near; anything else is not", () => {
  assert.deepEqual(nearNames("BOOT\\VMLINUZ", names), ["boot/vmlinuz"]);
  assert.deepEqual(nearNames("/tftpboot/vmlinuz", names), ["boot/vmlinuz"]);
  assert.deepEqual(nearNames("boot/vmlinux", names), ["boot/vmlinuz"]);
  assert.deepEqual(nearNames("pxelinux.cfg/defautl", names), ["pxelinux.cfg/default"]);
  assert.deepEqual(nearNames("pxelinux.cfg/01-aa", names), []);
});

test("the nearest comes first, and no more than three", () => {
  const many = ["abcd1", "abcd2", "abcd3", "abcd4", "x/abcd", "ABCD"];
  assert.deepEqual(nearNames("abcd", many), ["ABCD", "x/abcd", "abcd1"]);
});

test("a long name costs little", () => {
  const long = "x".repeat(5000);
  assert.deepEqual(nearNames(long, [long, "y".repeat(5000)]), [long]);
});

test("every failure has a reason in words, and a remedy", () => {
  const timedOut = reasonOf({ error: new TftpError("TIMED_OUT", "the peer stopped answering") });
  assert.equal(timedOut?.why, "The client stopped answering.");
  assert.match(timedOut?.remedy ?? "", /cable/);
  const remote = reasonOf({ error: TftpError.remote(3, "no room") });
  assert.equal(remote?.why, "The client ended it: “no room”.");
  const hinted = reasonOf({ error: new TftpError("STORAGE", "broken", { hint: "Mend it." }) });
  assert.equal(hinted?.remedy, "Mend it.");
});

test("a diagnosis knows more than the error", () => {
  const error = new TftpError("TIMED_OUT", "the peer stopped answering");
  const diagnosis = { cause: "no-answer", advice: "Open the firewall." } as const;
  assert.equal(reasonOf({ error, diagnosis })?.remedy, "Open the firewall.");
  assert.equal(reasonOf({}), undefined);
});
