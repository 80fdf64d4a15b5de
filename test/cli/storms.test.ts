// Many lines at once become one, and no trouble is lost among them.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { countsOf, type Storm, Storms, type Telling } from "../../src/cli/storms.ts";
import { folder, serving } from "./command.ts";

function scene() {
  let now = 0;
  const waiting = new Map<() => void, number>();
  const storms: Storm[] = [];
  const told: string[] = [];
  const under = new Storms({
    onStorm: (storm) => storms.push(storm),
    now: () => now,
    later: (wake, millis) => {
      waiting.set(wake, now + millis);
      return () => waiting.delete(wake);
    },
  });
  const pass = (millis: number): void => {
    now += millis;
    for (const [wake, at] of [...waiting]) {
      if (at > now) continue;
      waiting.delete(wake);
      wake();
    }
  };
  const take = (telling: Omit<Telling, "tell">): void => {
    under.take({ ...telling, tell: () => told.push(telling.sort ?? "") });
  };
  return { under, storms, told, pass, take };
}

const done = (at = 0) => ({ sort: "completed", calm: true, client: `c${at}`, bytes: 10 });
const failed = { sort: "failed (timed out)", calm: false, client: "c1" };

test("what comes at the pace of a reader is told as it comes", () => {
  const { told, storms, pass, take } = scene();
  for (let at = 0; at < 300; at++) {
    take(done(at));
    pass(200);
  }
  assert.equal(told.length, 300);
  assert.equal(storms.length, 0);
});

test("a storm is one line with its counts, when it is over", () => {
  const { told, storms, pass, take } = scene();
  for (let at = 0; at < 5000; at++) take(done(at % 100));
  for (let at = 0; at < 7; at++) take(failed);
  assert.equal(told.length, 21, "some lines, and the first failure");
  assert.equal(storms.length, 0);
  pass(1000);
  assert.equal(storms.length, 0, "so many came within the last second");
  pass(1000);
  assert.equal(storms.length, 1);
  const storm = storms[0] as Storm;
  assert.deepEqual(countsOf(storm), { total: 4987, text: "4,980 completed, 7 failed (timed out)" });
  assert.deepEqual([storm.clients, storm.bytes, storm.millis], [100, 49_800, 2000]);
  pass(5000);
  take(done());
  assert.equal(told.length, 22, "then all is as before");
});

test("each kind of trouble is told whole once", () => {
  const { told, take } = scene();
  for (let at = 0; at < 40; at++) take(done());
  for (let at = 0; at < 40; at++) take(failed);
  for (let at = 0; at < 40; at++) take({ sort: "refused (busy)", calm: false });
  assert.deepEqual(told.slice(20), ["failed (timed out)", "refused (busy)"]);
});

test("a storm without end is a line every ten seconds", () => {
  const { told, storms, pass, take } = scene();
  for (let second = 0; second < 60; second++) {
    for (let at = 0; at < 500; at++) take(done());
    pass(1000);
  }
  assert.equal(told.length, 20);
  assert.equal(storms.length, 6);
});

test("what is gathered is told at the end", () => {
  const { under, storms, take } = scene();
  for (let at = 0; at < 30; at++) take(done());
  under.flush();
  under.flush();
  assert.equal(storms.length, 1);
});

test("two thousand requests at a real server are some lines", async (t) => {
  const root = await folder(t);
  await writeFile(join(root, "a"), "content");
  const { url, child, printed, output, ended } = await serving(t, [root]);
  const port = Number(new URL(url).port);
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  t.after(() => socket.close());
  await once(socket, "listening");
  let answers = 0;
  const all = new Promise<void>((resolve) => {
    socket.on("message", () => {
      answers += 1;
      if (answers === 2000) resolve();
      else ask();
    });
  });
  const ask = (): void => socket.send("\x00\x02up\x00octet\x00", port, "127.0.0.1");
  for (let at = 0; at < 20; at++) ask();
  await all;
  child.kill("SIGTERM");
  await printed(/ storm: 1,9\d\d requests of 1 client in .*: 1,9\d\d refused \(access violation\)/);
  await ended;
  assert.ok(output().split("\n").length < 50, output());
});
