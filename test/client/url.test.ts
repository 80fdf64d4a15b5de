// The URLs of RFC 3617, and what is none.

import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTftpUrl, type Target } from "../../src/client/tftp-url.ts";
import { get, put, type TftpError } from "../../src/index.ts";

type Row = readonly [url: string, host: string, port: number, filename: string, mode?: "netascii"];

const good: readonly Row[] = [
  ["tftp://192.0.2.1/boot.img", "192.0.2.1", 69, "boot.img"],
  ["TFTP://Server.Example/boot.img", "Server.Example", 69, "boot.img"],
  ["tftp://server:6969/a/b/c", "server", 6969, "a/b/c"],
  ["tftp://server//etc/motd", "server", 69, "/etc/motd"],
  ["tftp://[2001:db8::1]/x", "2001:db8::1", 69, "x"],
  ["tftp://[2001:db8::1]:1069/x", "2001:db8::1", 1069, "x"],
  ["tftp://[fe80::1%eth0]/x", "fe80::1%eth0", 69, "x"],
  ["tftp://[fe80::1%25eth0]:69/x", "fe80::1%eth0", 69, "x"],
  ["tftp://server/with%20space", "server", 69, "with space"],
  ["tftp://server/with space", "server", 69, "with space"],
  ["tftp://server/gr%C3%BC%C3%9Fe", "server", 69, "grüße"],
  ["tftp://server/grüße", "server", 69, "grüße"],
  ["tftp://server/100%25", "server", 69, "100%"],
  ["tftp://server/a?b#c", "server", 69, "a?b#c"],
  ["tftp://server/a:b@c", "server", 69, "a:b@c"],
  ["tftp://server/x;mode=octet", "server", 69, "x"],
  ["tftp://server/x;mode=netascii", "server", 69, "x", "netascii"],
  ["tftp://server/x;MODE=NetASCII", "server", 69, "x", "netascii"],
  ["tftp://server/x;y;mode=netascii", "server", 69, "x;y", "netascii"],
  ["tftp://server/x%3Bmode=netascii", "server", 69, "x;mode=netascii"],
];

for (const [url, host, port, filename, mode = "octet"] of good) {
  test(`${url} is understood`, () => {
    const target: Target = { host, port, filename, mode };
    assert.deepEqual(parseTftpUrl(url), target);
  });
}

const bad: readonly string[] = [
  "",
  "boot.img",
  "http://server/x",
  "tftp:server/x",
  "tftp:///x",
  "tftp://server",
  "tftp://server/",
  "tftp://server:/x",
  "tftp://server:0/x",
  "tftp://server:65536/x",
  "tftp://server:6x/x",
  "tftp://2001:db8::1/x",
  "tftp://[]/x",
  "tftp://user@server/x",
  "tftp://server/%",
  "tftp://server/%zz",
  "tftp://server/%ff",
  "tftp://server/a%00b",
  "tftp://server/x;mode=mail",
  "tftp://server/x;mode=",
  "tftp://server/;mode=octet",
  "tftp://server/x;mode=netascii/y",
];

for (const url of bad) {
  test(`"${url}" is refused with a hint, before anything is sent`, async () => {
    assert.throws(() => get(url), { name: "TftpError", code: "INVALID_ARGUMENT" });
    await assert.rejects(put(url, new Uint8Array()), ({ code, hint }) => {
      return code === "INVALID_ARGUMENT" && hint !== undefined;
    });
  });
}

const reasons: readonly (readonly [url: string, why: RegExp, hint: RegExp])[] = [
  ["http://server/x", /not of the form tftp:\/\/HOST\[:PORT\]\/NAME/, /like tftp:/],
  ["tftp://server", /it names no file/, /like tftp:/],
  ["tftp://user:secret@server/x", /TFTP knows no users/, /before the @/],
  ["tftp://server/%zz", /percent sign/, /%25/],
  ["tftp://server/x;mode=mail", /there is no mode "mail"/, /;mode=octet or ;mode=netascii/],
];

for (const [url, why, fix] of reasons) {
  test(`"${url}" is refused with its own reason and remedy`, () => {
    assert.throws(
      () => parseTftpUrl(url),
      ({ message, hint = "" }: TftpError) => why.test(message) && fix.test(hint),
    );
  });
}

test("a stream is let go where the URL is none", async () => {
  let left = 0;
  const stream = {
    [Symbol.iterator]: () => ({
      next: () => assert.fail("nothing is to be read"),
      return: () => {
        left += 1;
        return { done: true, value: undefined };
      },
    }),
  };
  await assert.rejects(put("tftp://server/", stream as never), { code: "INVALID_ARGUMENT" });
  assert.equal(left, 1);
});

test("a URL object is as good as a text", async () => {
  const url = new URL("tftp://127.0.0.1:9/x;mode=mail");
  assert.throws(() => get(url), /there is no mode "mail"/);
});
