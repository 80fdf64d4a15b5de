// The reader of a server's events that everything else here hangs on: gives each request an id,
// records its packets, keeps the history, and tells whoever wants to know.

import type { ServerEvent, TransferInfo } from "../server/events.ts";
import { captureOf, type Ends, timelineOf } from "./capture.ts";
import type { FlightRecorder } from "./flight-recorder.ts";
import { History, type HistoryEntry, type Past } from "./history.ts";
import { idOf, numberOf } from "./ids.ts";
import type { PacketRecord } from "./packet-record.ts";
import { Unanswered } from "./unanswered.ts";

export class Observer {
  readonly history: History;
  readonly unanswered: Unanswered = new Unanswered();
  /** Absent where nobody wants packets. */
  readonly #recorder: FlightRecorder | undefined;
  readonly #readers = new Set<(past: Past) => void>();
  /** Before each id, where several servers write into one place. */
  readonly #prefix: string;
  /** What may keep a transfer that runs from its end, by its id; few have any. */
  readonly #warnings = new Map<number, string>();
  #refusals = 0;

  constructor(recorder?: FlightRecorder, prefix = "") {
    this.#recorder = recorder;
    this.history = new History(prefix);
    this.#prefix = prefix;
  }

  handleEvent(event: ServerEvent): void {
    const number = this.#numberOf(event);
    this.#recorder?.handleEvent(event, number);
    if (event.kind === "started") {
      if (event.diagnosis) this.#warnings.set(number, event.diagnosis.advice);
      return; // no more of it is kept, and to ask the time takes some
    }
    if (event.kind === "ended" && this.#warnings.size > 0) this.#warnings.delete(number);
    const now = Date.now();
    if (event.kind === "ignored") this.unanswered.add(event, now);
    const past = this.history.handleEvent(event, number, now);
    if (past) for (const read of this.#readers) read(past);
  }

  /** The result ends it. */
  onEnded(read: (past: Past) => void): () => void {
    this.#readers.add(read);
    return () => this.#readers.delete(read);
  }

  /** What a transfer is called here. */
  idOf({ id }: TransferInfo): string {
    return idOf(id, this.#prefix);
  }

  /** What may keep a transfer that runs from its end. */
  warningOf({ id }: TransferInfo): string | undefined {
    return this.#warnings.get(id);
  }

  /** The packets of a transfer or a refused request. */
  record(id: string): PacketRecord | undefined {
    return this.#recorder?.record(numberOf(id, this.#prefix));
  }

  /** Nobody wants the content of its DATA any more. */
  forgetContent(id: string): void {
    this.#recorder?.forgetContent(numberOf(id, this.#prefix));
  }

  /** The packets of an ended transfer as pcapng. */
  capture(entry: HistoryEntry): Iterable<Uint8Array> | undefined {
    const record = this.record(entry.id);
    return record && captureOf(record, endsOf(entry));
  }

  timeline(entry: HistoryEntry): Iterable<string> | undefined {
    const record = this.record(entry.id);
    return record && timelineOf(record, entry);
  }

  /** 0 where nothing begins or ends. */
  #numberOf(event: ServerEvent): number {
    if (event.kind === "started" || event.kind === "ended") return event.transfer.id;
    if (event.kind !== "refused") return 0;
    this.#refusals += 1;
    return -this.#refusals;
  }
}

/** A refused request does not tell which of our addresses it came to. */
function endsOf({ client, clientPort, localHost }: HistoryEntry): Ends {
  const unknown = client.includes(":") ? "::" : "0.0.0.0";
  return { localHost: localHost ?? unknown, peer: { host: client, port: clientPort } };
}
