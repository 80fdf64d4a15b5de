// --tid-ports FIRST-LAST: a range of ports as a firewall's rule would write it.

import { Option } from "commander";
import type { PortRange } from "../index.ts";
import { wrongValue } from "./options.ts";

/** Its value is a PortRange. Throws TftpError INVALID_ARGUMENT. */
export function tidPortsOption(): Option {
  const flags = "--tid-ports <FIRST-LAST>";
  const description = "ports for transfers, for firewalls (default: any free one)";
  return new Option(flags, description).argParser(parseRange);
}

function parseRange(text: string): PortRange {
  const [, first = "0", last = "0"] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? [];
  const range = { first: Number(first), last: Number(last) };
  if (range.first >= 1 && range.first <= range.last && range.last <= 65_535) return range;
  // A number alone may mean a port, or how many.
  const hint = /^\d{1,5}$/.test(text)
    ? `Give the first and the last port: 50000-50999, or ${text}-${text} for one port alone.`
    : "Give two ports, the lower one first: 50000-50999.";
  throw wrongValue("--tid-ports", text, hint);
}
