// The log of a server: a reader of its events that makes one line of each, for people or as JSON.
// Names and texts of clients are not to be trusted: see visible.ts.

import type { Diagnosis, RefusedRequest, ServerEvent, TftpError, TransferInfo } from "../index.ts";
import { sentence, systemCode } from "./failure.ts";
import { describeRun, Misses, type Run } from "./misses.ts";
import { type Colour, type Paint, plain } from "./paint.ts";
import { bytesText, durationText, rateText, speed } from "./units.ts";
import { visible, visibleJson, visibleName } from "./visible.ts";

export type LogForm = "pretty" | "json" | "off";

export interface LogOptions {
  readonly form: LogForm;
  /** Also the beginning of each transfer, and packets that belong to none. */
  readonly verbose: boolean;
  readonly paint?: Paint;
  readonly write: (line: string) => void;
}

export interface ServerLog {
  (event: ServerEvent): void;
  /** Writes what is held back. */
  flush(): void;
}

export function serverLog(options: LogOptions): ServerLog {
  const { form, verbose, paint = plain, write } = options;
  const tell = (event: ServerEvent): void => {
    write(form === "json" ? jsonLine(event, new Date()) : prettyLine(event, new Date(), paint));
  };
  const misses = new Misses({
    onRun: (run) => (run.misses === 1 ? tell(run.first) : write(runLine(run, new Date(), paint))),
    later: (wake, millis) => {
      const timer = setTimeout(wake, millis).unref();
      return () => clearTimeout(timer);
    },
  });
  const log = (event: ServerEvent): void => {
    if (form === "off") return;
    // For programs every event is a line of its own.
    if (form === "pretty" && misses.take(event)) return;
    const told = event.kind === "started" ? event.diagnosis : event.kind !== "stray";
    if (verbose || told) tell(event);
  };
  return Object.assign(log, { flush: () => misses.flush() });
}

/** A client's search for names that are not there. */
function runLine(run: Run, now: Date, paint: Paint = plain): string {
  const time = paint("dim", now.toTimeString().slice(0, 8));
  const text = `${who(run.first.request)} ${describeRun(run)}`;
  return `${time} ${paint(run.found === undefined ? "yellow" : "dim", text)}`;
}

export function prettyLine(event: ServerEvent, now: Date, paint: Paint = plain): string {
  const time = paint("dim", now.toTimeString().slice(0, 8));
  const [text, colour] = describe(event);
  return `${time} ${colour ? paint(colour, text) : text}`;
}

function describe(event: ServerEvent): readonly [text: string, colour?: Colour] {
  switch (event.kind) {
    case "started":
      return [
        `${request(event.transfer)} started${ofSize(event.transfer)}${advice(event.diagnosis)}`,
        event.diagnosis ? "yellow" : "dim",
      ];
    case "ended":
      return describeEnd(event);
    case "refused":
      return [
        `${request(event.request)} refused: ${reason(event.error)}${advice(event.diagnosis)}`,
        "yellow",
      ];
    case "ignored":
      return [`${request(event.request)} not answered${because(event.error)}`, "yellow"];
    case "stray":
      return [
        `${event.from.host} port ${event.from.port}: stray packet: ${visible(event.reason)}`,
        "dim",
      ];
    case "listening":
      return [`listening on ${event.address.host} port ${event.address.port}`, "dim"];
    case "problem":
      return [
        `problem: ${sentence(reason(event.error))} ${visible(event.error.hint ?? "")}`.trim(),
        "red",
      ];
  }
}

type Ended = Extract<ServerEvent, { kind: "ended" }>;

function describeEnd({
  ending,
  transfer,
  error,
  diagnosis,
}: Ended): readonly [text: string, colour?: Colour] {
  const what = request(transfer);
  const facts = factsOf(transfer);
  const { bytes, size } = transfer;
  const progress = `after ${bytesText(bytes)}${size === undefined ? "" : ` of ${bytesText(size)}`}`;
  switch (ending) {
    case "completed":
      return [`${what} ${moved(transfer)} (${facts})`];
    case "unconfirmed":
      return [`${what} ${moved(transfer)} (${facts}, last ACK missing)`];
    case "probe":
      return [
        `${what} asked only for the size${size === undefined ? "" : `, ${bytesText(size)}`}`,
        "dim",
      ];
    case "aborted":
      return [
        `${what} stopped by the client ${progress}${because(error)} (${facts})${advice(diagnosis)}`,
        "yellow",
      ];
    case "replaced":
      return [`${what} begun anew by the client ${progress} (${facts})`, "yellow"];
    case "elsewhere":
      return [`${what} asked by broadcast and took nothing from us`, "dim"];
    case "failed":
      return [`${what} failed ${progress}${because(error)} (${facts})${advice(diagnosis)}`, "red"];
  }
}

function request(asked: RefusedRequest): string {
  return `${who(asked)} ${verb(asked.op)} ${visibleName(asked.filename)}`;
}

function who({ client, family }: RefusedRequest): string {
  return family === undefined ? client.host : `${client.host} (${family})`;
}

function advice(diagnosis: Diagnosis | undefined): string {
  return diagnosis ? `. ${visible(diagnosis.advice)}` : "";
}

function verb(op: "rrq" | "wrq"): "get" | "put" {
  return op === "rrq" ? "get" : "put";
}

function ofSize({ size }: TransferInfo): string {
  return size === undefined ? "" : `, ${bytesText(size)}`;
}

function moved({ bytes, durationMillis }: TransferInfo): string {
  return `${bytesText(bytes)} in ${durationText(durationMillis)}`;
}

function factsOf(transfer: TransferInfo): string {
  const { bytes, durationMillis, blksize, windowsize, resent, mode } = transfer;
  const facts = [
    rateText(speed(bytes, durationMillis)),
    `blksize ${blksize}`,
    `windowsize ${windowsize}`,
    `${resent} resent`,
  ];
  if (mode !== "octet") facts.push(mode);
  if (transfer.sha256) facts.push(`sha256 ${transfer.sha256}`);
  return facts.join(", ");
}

function because(error: TftpError | undefined): string {
  return error ? `: ${reason(error)}` : "";
}

/** What a client wrote stands in quotes; what this system said is named by its code. */
function reason(error: TftpError): string {
  if (error.origin === "remote") return visibleName(error.message).replace(/^[^"].*$/, '"$&"');
  const code = error.code === "FILE_NOT_FOUND" ? undefined : systemCode(error);
  return visible(error.message) + (code ? ` (${code})` : "");
}

/** Keys that do not change; what is not known is null. */
export function jsonLine(event: ServerEvent, now: Date): string {
  return visibleJson({ time: now.toISOString(), event: event.kind, ...fieldsOf(event) });
}

function fieldsOf(event: ServerEvent): object {
  switch (event.kind) {
    case "started":
    case "ended":
      return transferFields(event);
    case "refused":
    case "ignored":
      return {
        ...requestFields(event.request),
        error: errorFields(event.error),
        ...diagnosisFields(event.kind === "refused" ? event.diagnosis : undefined),
      };
    case "stray":
      return { ...clientFields(event.from), reason: event.reason };
    case "listening":
      return { address: event.address.host, port: event.address.port };
    case "problem":
      return { error: errorFields(event.error) };
  }
}

function transferFields(event: Extract<ServerEvent, { readonly transfer: TransferInfo }>): object {
  const { transfer } = event;
  return {
    id: transfer.id,
    ...requestFields(transfer),
    mode: transfer.mode,
    bytes: transfer.bytes,
    size: transfer.size ?? null,
    millis: Math.round(transfer.durationMillis * 10) / 10,
    blksize: transfer.blksize,
    windowsize: transfer.windowsize,
    resent: transfer.resent,
    duplicates: transfer.duplicates,
    sha256: transfer.sha256 ?? null,
    outcome: event.kind === "ended" ? event.ending : null,
    error: errorFields(event.kind === "ended" ? event.error : undefined),
    ...diagnosisFields(event.diagnosis),
  };
}

function diagnosisFields(diagnosis: Diagnosis | undefined): object {
  return { cause: diagnosis?.cause ?? null, advice: diagnosis?.advice ?? null };
}

function requestFields({ client, family, op, filename }: RefusedRequest): object {
  return { ...clientFields(client), family: family ?? null, op: verb(op), file: filename };
}

function clientFields({ host, port }: { readonly host: string; readonly port: number }): object {
  return { client: host, clientPort: port };
}

function errorFields(error: TftpError | undefined): object | null {
  if (!error) return null;
  const { code, message, origin, wireCode, hint } = error;
  return { code, message, origin, wireCode, system: systemCode(error) ?? null, hint: hint ?? null };
}
