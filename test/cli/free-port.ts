// A UDP port of the loopback address that nobody has.

import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { TestContext } from "node:test";

/** Free, or held until the test ends. */
export async function freePort(held?: TestContext): Promise<string> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  if (held) held.after(() => socket.close());
  else socket.close();
  return String(port);
}
