// The command `tidewire`: finds the command that is meant, loads it and nothing else, and turns
// what goes wrong into a sentence and an exit status: 0 done, 1 it failed, 2 wrong usage.

import { ownVersion } from "../web/own-files.ts";
import { refuseEarlySignals } from "./early-signals.ts";

/** Sets the exit status of the process; throws nothing. */
export async function main(args: readonly string[]): Promise<void> {
  // A reader that leaves early (`| head`) is no failure of ours; who must know of it listens too.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  if (args[0] === "serve") refuseEarlySignals();
  else failWhereUnwritten();
  process.on("uncaughtException", (thrown) => void fail(thrown).finally(() => process.exit()));
  try {
    if (args[0] === "--version") console.log(ownVersion());
    else await run(args);
  } catch (thrown) {
    await fail(thrown);
  }
}

async function run(args: readonly string[]): Promise<void> {
  const { programFor } = await import("./program.ts");
  const program = await programFor((name) => args.includes(name));
  program.version(ownVersion(), "--version", "print the version");
  await program.parseAsync(args, { from: "user" });
}

/** What is printed is the result, but for a server, whose work goes on. */
function failWhereUnwritten(): void {
  process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    process.once("exit", () => {
      if (process.exitCode) return; // something else was told
      process.exitCode = 1;
      process.stderr.write(
        `tidewire: the result cannot be written to standard output (${code}).\n` +
          "Hint: Make room where it goes, or let it go somewhere else.\n",
      );
    });
  });
}

async function fail(thrown: unknown): Promise<void> {
  process.exitCode = 1;
  try {
    // Bare as it is, it comes from loading one of our own files.
    if (isOutOfFiles(thrown)) throw thrown;
    const { exitStatus, tellFailure } = await import("./failure.ts");
    process.exitCode = exitStatus(thrown);
    tellFailure(thrown);
  } catch (unable) {
    // Thrown from here it would come back as uncaught, without end.
    process.stderr.write(isOutOfFiles(unable) ? outOfFiles : notLoaded(codeOf(unable)));
  }
}

function isOutOfFiles(thrown: unknown): boolean {
  return ["EMFILE", "ENFILE"].includes(codeOf(thrown));
}

function codeOf(thrown: unknown): string {
  return (thrown as NodeJS.ErrnoException | undefined)?.code ?? "unknown";
}

const outOfFiles =
  "tidewire: too many open files.\nHint: Raise the limit on open files (ulimit -n, LimitNOFILE).\n";

function notLoaded(code: string): string {
  return (
    `tidewire: it failed, and what would say why cannot be loaded (${code}).\n` +
    "Hint: Reinstall it.\n"
  );
}
