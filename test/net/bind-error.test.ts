// What a person reads when a socket cannot be opened.

import assert from "node:assert/strict";
import { test } from "node:test";
import { bindError } from "../../src/net/bind-error.ts";

const failures: readonly [code: string, message: RegExp, hint: RegExp][] = [
  ["EADDRINUSE", /port 69 is in use on 192\.0\.2\.1/, /stop it or choose another port/],
  ["EACCES", /no permission to use port 69/, /CAP_NET_BIND_SERVICE/],
  ["EADDRNOTAVAIL", /no address 192\.0\.2\.1/, /one of its own addresses/],
  ["EAFNOSUPPORT", /cannot use the address 192\.0\.2\.1/, /IPv4/],
  ["EMFILE", /too many open sockets/, /ulimit -n/],
  ["ENFILE", /too many open sockets/, /of the system/],
  ["EWHATEVER", /192\.0\.2\.1 port 69/, /bind EWHATEVER/],
];

for (const [code, message, hint] of failures) {
  test(`${code} is explained and kept as the cause`, () => {
    const cause = failure(code);
    const error = bindError({ host: "192.0.2.1", port: 69 }, cause);
    assert.equal(error.code, "NETWORK");
    assert.match(error.message, message);
    assert.match(error.hint ?? "", hint);
    assert.equal(error.cause, cause);
  });
}

test("a port that was not named is not told as one in use", () => {
  const { message } = bindError({ host: "192.0.2.1", port: 0 }, failure("EADDRINUSE"));
  assert.equal(message, "no free UDP port is left");
});

test("a link-local address without its interface is told as that", () => {
  const { message, hint } = bindError({ host: "fe80::1", port: 69 }, failure("EINVAL"));
  assert.match(message, /fe80::1 needs its interface/);
  assert.match(hint ?? "", /fe80::1%eth0/);
  assert.match(bindError({ host: "fe80::1%eth0", port: 69 }, failure("EINVAL")).message, /cannot/);
});

for (const host of ["localhost", "[::1]", "127.0.0.1:6969"]) {
  test(`${host} is no address to listen on, whatever the system says`, () => {
    const { message, hint } = bindError({ host, port: 69 }, new Error("bind EINVAL"));
    assert.equal(message, `${host} is no IP address`);
    assert.match(hint ?? "", /such as 127\.0\.0\.1/);
  });
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`bind ${code}`), { code });
}
