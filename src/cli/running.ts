// The transfers that run, as lines for the log, when somebody asks by a signal.

import type { Server, TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import { bytesText, durationText } from "./units.ts";
import { visibleName } from "./visible.ts";
import { transferNumber, workerNumber } from "./worker.ts";

/** Also of a server that has closed: a signal that nobody hears ends a process. */
export function tellAtSignal(server: Server, tell: (line: string) => void): void {
  process.on("SIGUSR1", () => {
    for (const line of runningLines(server.snapshot())) tell(line);
  });
}

function runningLines(running: readonly TransferInfo[]): readonly string[] {
  const where = workerNumber === undefined ? "" : ` in worker ${workerNumber}`;
  if (running.length === 0) return [`No transfer runs${where}.`];
  return running.map((transfer) => {
    const { id, client, filename, bytes, size, durationMillis, resent } = transfer;
    const total = size === undefined ? "" : ` of ${bytesText(size)}`;
    const what = `${opOf(transfer)} ${visibleName(filename)}`;
    const facts = `${bytesText(bytes)}${total} in ${durationText(durationMillis)}`;
    const who = `${client.host} port ${client.port}`;
    return `Running ${transferNumber(id)}: ${who} ${what}, ${facts}, ${resent} resent.`;
  });
}
