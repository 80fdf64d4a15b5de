// The log of a server: a reader of its events that makes one line of each, for people or as JSON.
// Names and texts of clients are not to be trusted: see visible.ts.

import type { RefusedRequest, ServerEvent, TftpError, TransferInfo } from "../index.ts";
import { sentence, systemCode } from "./failure.ts";
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

export function serverLog(options: LogOptions): (event: ServerEvent) => void {
  const { form, verbose, paint = plain, write } = options;
  return (event) => {
    if (form === "off" || (!verbose && (event.kind === "started" || event.kind === "stray")))
      return;
    write(form === "json" ? jsonLine(event, new Date()) : prettyLine(event, new Date(), paint));
  };
}

export function prettyLine(event: ServerEvent, now: Date, paint: Paint = plain): string {
  const time = paint("dim", now.toTimeString().slice(0, 8));
  const [text, colour] = describe(event);
  return `${time} ${colour ? paint(colour, text) : text}`;
}

function describe(event: ServerEvent): readonly [text: string, colour?: Colour] {
  switch (event.kind) {
    case "started":
      return [`${request(event.transfer)} started${ofSize(event.transfer)}`, "dim"];
    case "ended":
      return describeEnd(event);
    case "refused":
      return [`${request(event.request)} refused: ${reason(event.error)}`, "yellow"];
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

function describeEnd({ ending, transfer, error }: Ended): readonly [text: string, colour?: Colour] {
  const who = request(transfer);
  const facts = factsOf(transfer);
  const { bytes, size } = transfer;
  const progress = `after ${bytesText(bytes)}${size === undefined ? "" : ` of ${bytesText(size)}`}`;
  switch (ending) {
    case "completed":
      return [`${who} ${moved(transfer)} (${facts})`];
    case "unconfirmed":
      return [`${who} ${moved(transfer)} (${facts}, last ACK missing)`];
    case "probe":
      return [
        `${who} asked only for the size${size === undefined ? "" : `, ${bytesText(size)}`}`,
        "dim",
      ];
    case "aborted":
      return [`${who} stopped by the client ${progress}${because(error)} (${facts})`, "yellow"];
    case "replaced":
      return [`${who} begun anew by the client ${progress} (${facts})`, "yellow"];
    case "elsewhere":
      return [`${who} asked by broadcast and took nothing from us`, "dim"];
    case "failed":
      return [`${who} failed ${progress}${because(error)} (${facts})`, "red"];
  }
}

function request({ client, op, filename }: RefusedRequest): string {
  return `${client.host} ${verb(op)} ${visibleName(filename)}`;
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
      return { ...requestFields(event.request), error: errorFields(event.error) };
    case "stray":
      return { ...clientFields(event.from), reason: event.reason };
    case "listening":
      return { address: event.address.host, port: event.address.port };
    case "problem":
      return { error: errorFields(event.error) };
  }
}

function transferFields(event: Extract<ServerEvent, { transfer: TransferInfo }>): object {
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
    outcome: event.kind === "ended" ? event.ending : null,
    error: errorFields(event.kind === "ended" ? event.error : undefined),
  };
}

function requestFields({ client, op, filename }: RefusedRequest): object {
  return { ...clientFields(client), op: verb(op), file: filename };
}

function clientFields({ host, port }: { readonly host: string; readonly port: number }): object {
  return { client: host, clientPort: port };
}

function errorFields(error: TftpError | undefined): object | null {
  if (!error) return null;
  const { code, message, origin, wireCode, hint } = error;
  return { code, message, origin, wireCode, system: systemCode(error) ?? null, hint: hint ?? null };
}
