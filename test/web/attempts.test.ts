// Whom wrong passwords lock out, and whom not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Attempts } from "../../src/web/attempts.ts";

function guess(attempts: Attempts, host: string, times = 30): void {
  for (let at = 0; at < times; at++) if (attempts.mayTry(host)) attempts.count(host, false);
}

function guessingCrowd(attempts: Attempts): void {
  for (let at = 0; at < 3000; at++) guess(attempts, `10.7.${at >> 8}.${at & 255}`);
}

test("a host that guesses is locked out", () => {
  const attempts = new Attempts();
  guess(attempts, "192.0.2.1", 29);
  assert.equal(attempts.mayTry("192.0.2.1"), true);
  guess(attempts, "192.0.2.1", 1);
  assert.equal(attempts.mayTry("192.0.2.1"), false);
});

test("all addresses of one owner are one", () => {
  const attempts = new Attempts();
  for (let at = 0; at < 30; at++) attempts.count(`2001:db8::1:${at.toString(16)}`, false);
  assert.equal(attempts.mayTry("2001:db8:0:0:5::1"), false);
  assert.equal(attempts.mayTry("2001:db8:0:0:ffff:2:3:4"), false);
});

test("a crowd that guesses locks out few others", () => {
  const attempts = new Attempts();
  for (let at = 0; at < 1001; at++) attempts.count(`10.8.${at >> 8}.${at & 255}`, false);
  guess(attempts, "192.0.2.66");
  const others = Array.from({ length: 100 }, (_, at) => `192.0.3.${at}`);
  assert.ok(others.filter((host) => attempts.mayTry(host)).length > 50);
});

test("the machine itself is one, however many addresses it has", () => {
  const attempts = new Attempts();
  for (let at = 0; at < 30; at++) attempts.count(`127.0.0.${at}`, false);
  for (const host of ["127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
    assert.equal(attempts.mayTry(host), false, host);
  }
});

test("who had the right password gets in whatever a crowd guesses", () => {
  const attempts = new Attempts();
  attempts.count("192.0.2.9", true);
  guessingCrowd(attempts);
  assert.equal(attempts.mayTry("192.0.2.9"), true);
  guess(attempts, "192.0.2.9");
  assert.equal(attempts.mayTry("192.0.2.9"), false, "it may not guess either");
});

test("so does who is on the machine itself", () => {
  for (const host of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
    const attempts = new Attempts();
    guessingCrowd(attempts);
    assert.equal(attempts.mayTry(host), true, host);
    guess(attempts, host);
    assert.equal(attempts.mayTry(host), false, "it may not guess either");
  }
});
