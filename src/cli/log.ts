// The log of a server: a reader of its events that makes one line of each for people, or one of
// many; for programs see json-log.ts. Names and texts of clients are not to be trusted.

import type { Diagnosis, RefusedRequest, ServerEvent, TftpError, TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import type { PageUpload } from "../web/files.ts";
import { sentence, systemCode } from "./failure.ts";
import { describeRun, Misses, type Run } from "./misses.ts";
import { type Colour, type Paint, plain } from "./paint.ts";
import { countsOf, numberText, type Storm, Storms, type Telling } from "./storms.ts";
import { bytesText, durationText, rateText, speed } from "./units.ts";
import { visible, visibleName } from "./visible.ts";
import { transferNumber } from "./worker.ts";

export type LogForm = "pretty" | "json" | "off";

export interface LogOptions {
  /** Also the beginning of each transfer, and packets that belong to none. */
  readonly verbose: boolean;
  readonly paint?: Paint;
  readonly write: (line: string) => void;
}

export interface ServerLog {
  (event: ServerEvent): void;
  pageUpload(upload: PageUpload): void;
  /** Writes what is held back. */
  flush(): void;
}

/** Lines for people: a search for names is one of them, and so is what comes all at once. */
export function serverLog({ verbose, paint = plain, write }: LogOptions): ServerLog {
  const later = (wake: () => void, millis: number): (() => void) => {
    const timer = setTimeout(wake, millis).unref();
    return () => clearTimeout(timer);
  };
  const storms = new Storms({
    onStorm: (storm) => write(stormLine(storm, new Date(), paint)),
    now: () => performance.now(),
    later,
  });
  const tell = (event: ServerEvent): void => {
    storms.take({ ...tellingOf(event), tell: () => write(prettyLine(event, new Date(), paint)) });
  };
  const misses = new Misses({
    onRun: (run) => {
      if (run.misses === 1) return tell(run.first);
      const sort = run.found === undefined ? "searched in vain" : "searched";
      const { host: client } = run.first.request.client;
      const line = (): void => write(runLine(run, new Date(), paint));
      storms.take({ sort, client, calm: run.found !== undefined, tell: line });
    },
    later,
  });
  const log = (event: ServerEvent): void => {
    if (misses.take(event)) return;
    const told = event.kind === "started" ? event.diagnosis : event.kind !== "stray";
    if (verbose || told) tell(event);
  };
  const pageUpload = (upload: PageUpload): void => {
    const { client, bytes, error } = upload;
    const sort = error ? `failed (${inWords(error)})` : endings.completed;
    const line = (): void => write(pageUploadLine(upload, new Date(), paint));
    storms.take({ sort, calm: !error, client: client.host, bytes, tell: line });
  };
  const flush = (): void => {
    misses.flush();
    storms.flush();
  };
  return Object.assign(log, { pageUpload, flush });
}

/** What counts of an event where many come at once. */
function tellingOf(event: ServerEvent): Omit<Telling, "tell"> {
  switch (event.kind) {
    case "started":
      return { calm: !event.diagnosis };
    case "listening":
    case "stray":
      return { calm: event.kind === "stray" };
    case "problem":
      return { sort: `problems (${inWords(event.error)})`, calm: false };
    case "refused":
    case "ignored": {
      const { host: client } = event.request.client;
      const sort = event.kind === "refused" ? "refused" : "not answered";
      return {
        sort: event.error ? `${sort} (${inWords(event.error)})` : sort,
        calm: false,
        client,
      };
    }
    case "ended": {
      const { transfer, ending, error } = event;
      const trouble = ending === "failed" || ending === "aborted";
      const sort = trouble && error ? `${ending} (${inWords(error)})` : endings[ending];
      return { sort, calm: !trouble, client: transfer.client.host, bytes: transfer.bytes };
    }
  }
}

const endings: { readonly [ending in Ended["ending"]]: string } = {
  completed: "completed",
  unconfirmed: "completed but for the last ACK",
  probe: "asked for the size",
  aborted: "aborted",
  replaced: "begun anew",
  elsewhere: "answered elsewhere",
  failed: "failed",
};

/** By code, of which there are few: a message may be a client's. */
function inWords({ code }: TftpError): string {
  return code.toLowerCase().replaceAll("_", " ");
}

function stormLine(storm: Storm, now: Date, paint: Paint): string {
  const { total, text } = countsOf(storm);
  const { clients, moreClients, millis, bytes } = storm;
  const who = `${moreClients ? "over " : ""}${numbered(clients, "client")}`;
  const what = `${numbered(total, "request")} of ${who} in ${durationText(millis)}`;
  return `${timeText(now, paint)} storm: ${what}, ${bytesText(bytes)}: ${text}`;
}

function numbered(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A client's search for names that are not there. */
function runLine(run: Run, now: Date, paint: Paint): string {
  const text = `${who(run.first.request)} ${describeRun(run)}`;
  return `${timeText(now, paint)} ${paint(run.found === undefined ? "yellow" : "dim", text)}`;
}

export function prettyLine(event: ServerEvent, now: Date, paint: Paint = plain): string {
  const [text, colour] = describe(event);
  const id = "transfer" in event ? `${paint("dim", idText(event.transfer))} ` : "";
  return `${timeText(now, paint)} ${id}${colour ? paint(colour, text) : text}`;
}

function pageUploadLine(upload: PageUpload, now: Date, paint: Paint): string {
  const { client, name, bytes, durationMillis, sha256, error } = upload;
  const what = `${client.host} (page) put ${visibleName(name)}`;
  const text = error
    ? `${what} failed after ${bytesText(bytes)}${because(error)}`
    : `${what} ${moved(upload)} (${rateText(speed(bytes, durationMillis))}, sha256 ${sha256})`;
  return `${timeText(now, paint)} ${error ? paint("red", text) : text}`;
}

function timeText(now: Date, paint: Paint): string {
  return paint("dim", now.toTimeString().slice(0, 8));
}

/** As on the page and in the names of captures. */
function idText({ id }: TransferInfo): string {
  return `#${transferNumber(id)}`;
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
    case "ignored": {
      const why = event.reason === undefined ? because(event.error) : `: ${visible(event.reason)}`;
      return [`${request(event.request)} not answered${why}`, "yellow"];
    }
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
  return `${who(asked)} ${opOf(asked)} ${visibleName(asked.filename)}`;
}

function who({ client, family }: RefusedRequest): string {
  return family === undefined ? client.host : `${client.host} (${family})`;
}

function advice(diagnosis: Diagnosis | undefined): string {
  return diagnosis ? `. ${visible(diagnosis.advice)}` : "";
}

function ofSize({ size }: TransferInfo): string {
  return size === undefined ? "" : `, ${bytesText(size)}`;
}

function moved({ bytes, durationMillis }: PageUpload | TransferInfo): string {
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
