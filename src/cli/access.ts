// The options of `tidewire serve` that say who may do what, how much and how fast.

import type { Command } from "commander";
import { defaultLimits, type Judge, type Limits, parseRule, type Rule, rules } from "../index.ts";
import { bytesOption, numberOption, wrongUsage } from "./options.ts";

export interface AccessFlags {
  readonly rule?: readonly Rule[];
  readonly uploadNames?: readonly string[];
  readonly uploadDir?: string;
  readonly rushTransfersMax?: number;
  readonly queueMax?: number;
  readonly requestsPerSecondPerClient?: number;
  readonly requestsPerSecondPerPrefix?: number;
  readonly errorsPerSecond?: number;
  readonly bytesPerSecond?: number;
  readonly bytesPerSecondPerTransfer?: number;
  readonly uploadBytesMax?: number;
  readonly uploadTotalBytesMax?: number;
  /** In seconds. */
  readonly transferTimeMax?: number;
}

const countMax = 1e6;
const rateMin = 1000;
const secondsMax = 30 * 24 * 3600;

export function addAccessOptions(command: Command): Command {
  const { queueMax, rushTransfersMax, errorsPerSecond } = defaultLimits;
  return command
    .option(
      "--rule <RULE>",
      'repeatable, the first that matches decides: "refuse write 10.0.0.0/8 *.cfg"',
      (text: string, before: readonly Rule[] = []) => [...before, parseRule(text)],
    )
    .option(
      "--upload-names <PATTERN>",
      "repeatable: names that may be uploaded (default: all)",
      (pattern: string, before: readonly string[] = []) => [...before, pattern],
    )
    .option("--upload-dir <DIR>", "where uploads go (default: the served folder)")
    .addOption(bytesOption("--upload-bytes-max <N>", "largest upload, such as 10M or 1G"))
    .addOption(
      bytesOption(
        "--upload-total-bytes-max <N>",
        "the same for all uploads until the process ends",
      ),
    )
    .addOption(
      numberOption(
        "--rush-transfers-max <N>",
        `transfers at once while the processor is busy (default: ${rushTransfersMax})`,
        [1, countMax],
      ),
    )
    .addOption(
      numberOption("--queue-max <N>", `requests that wait for a place (default: ${queueMax})`, [
        0,
        countMax,
      ]),
    )
    .addOption(
      bytesOption("--bytes-per-second <N>", "largest rate of sending, such as 10M", rateMin),
    )
    .addOption(
      bytesOption("--bytes-per-second-per-transfer <N>", "the same for one transfer", rateMin),
    )
    .addOption(
      numberOption("--requests-per-second-per-client <N>", "those beyond it are not answered", [
        1,
        countMax,
      ]),
    )
    .addOption(
      numberOption("--requests-per-second-per-prefix <N>", "the same for a /24 or /64", [
        1,
        countMax,
      ]),
    )
    .addOption(
      numberOption(
        "--errors-per-second <N>",
        `refusals that are sent (default: ${errorsPerSecond})`,
        [0, countMax],
      ),
    )
    .addOption(
      numberOption("--transfer-time-max <SECONDS>", "longest transfer (default: 86400)", [
        1,
        secondsMax,
      ]),
    );
}

export function accessLimits(flags: AccessFlags): Partial<Limits> {
  const names = [
    "rushTransfersMax",
    "queueMax",
    "requestsPerSecondPerClient",
    "requestsPerSecondPerPrefix",
    "errorsPerSecond",
    "bytesPerSecond",
    "bytesPerSecondPerTransfer",
    "uploadBytesMax",
    "uploadTotalBytesMax",
  ] as const;
  const given = names.filter((name) => flags[name] !== undefined);
  const { transferTimeMax } = flags;
  return {
    ...Object.fromEntries(given.map((name) => [name, flags[name]])),
    ...(transferTimeMax === undefined ? {} : { transferMillisMax: transferTimeMax * 1000 }),
  };
}

/** The rules, and within them the names that may be uploaded. */
export function accessJudge({ rule = [], uploadNames }: AccessFlags): Judge {
  const byRules = rules(rule);
  if (!uploadNames) return byRules;
  const byNames = rules([
    ...uploadNames.map((names): Rule => ({ verdict: "allow", op: "write", names })),
    { verdict: "refuse", op: "write" },
  ]);
  return (request) => {
    const verdict = byRules(request);
    return verdict.kind === "allow" ? byNames(request) : verdict;
  };
}

/** What takes uploads: the server's own folder, and that or any mount. */
export interface Takers {
  readonly own: boolean;
  readonly any: boolean;
}

/** Throws TftpError INVALID_ARGUMENT where options speak of uploads that nothing takes. */
export function checkUploadFlags(flags: AccessFlags, { own, any }: Takers): void {
  const options = [
    ["--upload-names", flags.uploadNames, any],
    ["--upload-dir", flags.uploadDir, own],
    ["--upload-total-bytes-max", flags.uploadTotalBytesMax, any],
  ] as const;
  for (const [option, value, isTaken] of options) {
    if (value === undefined || isTaken) continue;
    throw wrongUsage(
      `${option} is given, but uploads are off`,
      "Add --uploads create or --uploads overwrite.",
    );
  }
}
