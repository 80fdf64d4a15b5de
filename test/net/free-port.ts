// A UDP port that nobody has, for who cannot let the kernel choose: below the ports that it gives
// out by itself, so that no socket of another test takes this one before it is used.

import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import type { TestContext } from "node:test";

const lowest = 10_000;
/** Linux gives out from 32,768 on, other systems from 49,152 on. */
const beyond = 32_768;

/** As the command line takes it; free, or held until the test ends. */
export async function freePort(held?: TestContext): Promise<string> {
  for (;;) {
    const port = randomInt(lowest, beyond);
    const socket = createSocket("udp4").bind(port, held ? "127.0.0.1" : "0.0.0.0");
    const bound = await once(socket, "listening").then(
      () => true,
      () => false,
    );
    if (bound && held) held.after(() => socket.close());
    else socket.close();
    if (bound) return String(port);
  }
}
