// Node's own reading of a socket, stopped and started.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { readingOf } from "../../src/net/reading.ts";

test("a socket hears nothing while reading is stopped, and then what has come", async (t) => {
  const [socket, other] = [createSocket("udp4"), createSocket("udp4")];
  t.after(() => {
    socket.close();
    other.close();
  });
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const reading = readingOf(socket);
  assert.ok(reading, "this Node keeps its sockets in another way");
  const heard: string[] = [];
  socket.on("message", (datagram) => {
    heard.push(datagram.toString());
    reading.recvStop();
  });
  for (const word of ["one", "two"]) {
    await new Promise((resolve) => other.send(word, socket.address().port, "127.0.0.1", resolve));
  }
  await once(socket, "message");
  await new Promise(setImmediate);
  assert.deepEqual(heard, ["one"]);
  reading.recvStart();
  await once(socket, "message");
  assert.deepEqual(heard, ["one", "two"]);
});
