// What went wrong: for a person one sentence, one hint and an exit status, for a program the fields
// of a JSON object. Never a stack trace, unless TIDEWIRE_DEBUG is set.

import { inspect } from "node:util";
import type { TftpError } from "../index.ts";
import { painter } from "./paint.ts";
import { visible } from "./visible.ts";

export interface Failure {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** 0: only help was asked for. 2: wrong usage. 1: the rest. */
export function exitStatus(thrown: unknown): 0 | 1 | 2 {
  if (isCommanderError(thrown)) return thrown.exitCode === 0 ? 0 : 2;
  return isTftpError(thrown) && thrown.code === "INVALID_ARGUMENT" ? 2 : 1;
}

/** On standard error. Says nothing where help was shown instead. */
export function tellFailure(thrown: unknown): void {
  if (exitStatus(thrown) === 0) return;
  const { message, hint } = failureOf(thrown);
  const paint = painter(process.stderr);
  const lines = [`${paint("red", "tidewire:")} ${sentence(message)}`];
  if (hint) lines.push(`${paint("dim", "Hint:")} ${sentence(hint)}`);
  if (process.env.TIDEWIRE_DEBUG) lines.push(inspect(thrown));
  process.stderr.write(`${lines.join("\n")}\n`);
}

/** A sentence with its full stop, and nothing in it that a terminal would obey. */
export function sentence(text: string): string {
  const shown = visible(text);
  return /[.!?]$/.test(shown) ? shown : `${shown}.`;
}

/** `EACCES` and its like: from the error, or from what caused it. */
export function systemCode(thrown: unknown): string | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ("syscall" in error && "code" in error) return String(error.code);
  }
  return undefined;
}

/** As every line of JSON has them; what is not known is null. */
export function errorFields(error: TftpError): object {
  const { code, message, origin, wireCode, hint } = error;
  return { code, message, origin, wireCode, system: systemCode(error) ?? null, hint: hint ?? null };
}

function failureOf(thrown: unknown): Failure {
  if (isCommanderError(thrown)) return usageFailure(thrown);
  if (isTftpError(thrown)) return thrown;
  if ((thrown as NodeJS.ErrnoException | undefined)?.syscall === "uv_cwd") {
    return {
      message: "the current folder no longer exists",
      hint: "Change to one that does.",
    };
  }
  return {
    message: `something went wrong that should not: ${(thrown as Error)?.message ?? thrown}`,
    hint: "Set TIDEWIRE_DEBUG=1 to see where, and please report it.",
  };
}

function usageFailure(error: CommanderError): Failure {
  if (error.code === "commander.help") {
    return {
      message: "no command is given",
      hint: "Write tidewire serve, check, get or put; --help tells more.",
    };
  }
  const [first = "", second = ""] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = /^\((Did you mean .*)\)$/.exec(second)?.[1];
  if (error.code === "commander.conflictingOption") {
    return { message: first, hint: "Leave one of them out." };
  }
  return { message: first, hint: suggestion ?? helpHint };
}

const helpHint = "Run the command with --help to see what it takes.";

interface CommanderError extends Error {
  readonly code: string;
  readonly exitCode: number;
}

/** By name, not by class: neither the parser nor the library has to be loaded for this. */
function isCommanderError(thrown: unknown): thrown is CommanderError {
  return (
    thrown instanceof Error && String((thrown as CommanderError).code).startsWith("commander.")
  );
}

function isTftpError(thrown: unknown): thrown is TftpError {
  return thrown instanceof Error && thrown.name === "TftpError";
}
