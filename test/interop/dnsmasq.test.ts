// Our client against dnsmasq, which serves at port 69 only: both run in a network of their own.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { folder } from "./exchange.ts";
import { find, run, testWith } from "./peers.ts";

const inside = fileURLToPath(new URL("dnsmasq-inside.js", import.meta.url));

testWith("dnsmasq", "dnsmasq gives every size, with options and without", async (t, program) => {
  const root = await folder(t);
  const unshare = find("unshare") ?? "unshare";
  const namespace = process.getuid?.() === 0 ? ["--net"] : ["--net", "--map-root-user"];
  try {
    await run(unshare, [...namespace, "true"]);
  } catch (cause) {
    if (process.env.TIDEWIRE_PEERS === "required") throw cause;
    return t.skip("no network namespace can be made here");
  }
  const printed = await run(unshare, [...namespace, process.execPath, inside, program, root]);
  assert.match(printed, /all sizes are whole/);
});
