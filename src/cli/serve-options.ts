// What `tidewire serve` takes: its options, and what they say about limits.
// It must not know how a server is run.

import type { Command } from "commander";
import { defaultLimits, type Limits, type PortRange, type ServeOptions } from "../index.ts";
import { type AccessFlags, accessLimits, addAccessOptions } from "./access.ts";
import { addHookOptions, type HookFlags } from "./hooks.ts";
import type { LogForm } from "./log.ts";
import { addManifestOptions, type ManifestFlags } from "./manifest.ts";
import {
  choiceOption,
  numberOption,
  retriesOption,
  rolloverOption,
  timeoutOption,
} from "./options.ts";
import { addPrivilegeOptions, type PrivilegeFlags } from "./privileges.ts";
import { tidPortsOption } from "./tid-ports.ts";
import { addWatchOptions, type WatchFlags } from "./watching.ts";

export interface ServeFlags
  extends AccessFlags,
    PrivilegeFlags,
    ManifestFlags,
    WatchFlags,
    HookFlags {
  readonly config?: string;
  readonly watchConfig?: boolean;
  readonly listen?: readonly string[];
  readonly port?: number;
  readonly uploads?: "off" | "create" | "overwrite";
  readonly dotFiles?: boolean;
  readonly blksizeMax?: number;
  readonly windowsizeMax?: number;
  /** In seconds. */
  readonly timeout?: number;
  readonly retries?: number;
  readonly transfersMax?: number;
  readonly transfersMaxPerClient?: number;
  readonly rollover?: 0 | 1;
  readonly singlePort?: boolean;
  readonly workers?: number;
  readonly tidPorts?: PortRange;
  readonly fragments?: boolean;
  readonly dscp?: number;
  readonly log?: LogForm;
  readonly verbose?: boolean;
  readonly audit?: string;
}

/** Of each pair only one can be given. */
export const exclusive: readonly (readonly [keyof ServeFlags, keyof ServeFlags])[] = [
  ["singlePort", "tidPorts"],
  ["allowRoot", "user"],
];

/** A flag as it is typed and as a configuration names it: `upload-dir` of `uploadDir`. */
export function settingName(flag: string): string {
  return flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

export function addServeOptions(command: Command): Command {
  const { blksizeMax, windowsizeMax, transfersMax, transfersMaxPerClient } = defaultLimits;
  command
    .argument("[DIR]", "the folder to serve (default: the current one)")
    .option("--config <FILE>", "TOML file with these options as names; the command line wins")
    .option("--watch-config", "read it again when it changes, not only at SIGHUP")
    .option(
      "--listen <ADDR[:PORT]>",
      "repeatable; IPv6 as [::1]:69 (default: all addresses)",
      (address: string, before: readonly string[] = []) => [...before, address],
    )
    .addOption(
      numberOption("--port <N>", "UDP port, 0 for any free one (default: 69)", [0, 65_535]),
    )
    .option("--single-port", "answer from the port that was asked, for firewalls and NAT")
    .addOption(tidPortsOption())
    .option("--fragments", "agree to blocks larger than a packet of the interface")
    .addOption(numberOption("--dscp <N>", "IP precedence of all answers (Linux)", [0, 63]))
    .addOption(
      numberOption("--workers <N>", "processes that share the port (default: 1)", [1, 256]),
    )
    .addOption(
      choiceOption("--uploads <POLICY>", "off, create or overwrite (default: off)", [
        "off",
        "create",
        "overwrite",
      ]),
    )
    .option("--dot-files", "serve names that begin with a dot, too")
    .addOption(
      numberOption("--blksize-max <N>", `largest block (default: ${blksizeMax})`, [8, 65_464]),
    )
    .addOption(
      numberOption(
        "--windowsize-max <N>",
        `largest window (default: ${windowsizeMax})`,
        [1, 65_535],
      ),
    )
    .addOption(timeoutOption())
    .addOption(retriesOption())
    .addOption(
      numberOption("--transfers-max <N>", `transfers at once (default: ${transfersMax})`, [1, 1e6]),
    )
    .addOption(
      numberOption(
        "--transfers-max-per-client <N>",
        `the same for one address (default: ${transfersMaxPerClient})`,
        [1, 1e6],
      ),
    )
    .addOption(rolloverOption());
  addAccessOptions(command)
    .addOption(
      choiceOption("--log <FORM>", "pretty, json or off (default: pretty)", [
        "pretty",
        "json",
        "off",
      ]),
    )
    .option("--verbose", "also log how transfers begin, and stray packets")
    .option("--audit <FILE>", "append a JSON line for each upload, with its digest");
  addPrivilegeOptions(command);
  addManifestOptions(command);
  addHookOptions(command);
  addWatchOptions(command);
  for (const [one, other] of exclusive) {
    command.options.find((option) => option.attributeName() === other)?.conflicts(one);
  }
  return command;
}

/** What of the network is not as it is by default. */
export function networkOptions(flags: ServeFlags): Partial<ServeOptions> {
  const { tidPorts, fragments, dscp } = flags;
  return {
    ...(tidPorts === undefined ? {} : { tidPorts }),
    ...(fragments === undefined ? {} : { fragments }),
    ...(dscp === undefined ? {} : { dscp }),
  };
}

export function limitsOf(flags: ServeFlags): Partial<Limits> {
  const { timeout, ...rest } = flags;
  const names = [
    "blksizeMax",
    "windowsizeMax",
    "retries",
    "transfersMax",
    "transfersMaxPerClient",
    "rollover",
  ] as const;
  const given = names.filter((name) => rest[name] !== undefined).map((name) => [name, rest[name]]);
  return {
    ...accessLimits(flags),
    ...Object.fromEntries(given),
    ...(timeout === undefined ? {} : { timeoutMillis: timeout * 1000 }),
  };
}
