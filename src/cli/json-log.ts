// The log of a server for programs: one JSON object a line, by pino. Names do not change; what is
// not known is null. No text of a client can look like a second line or field.

import { type DestinationStream, pino } from "pino";
import type { Diagnosis, RefusedRequest, ServerEvent, TftpError, TransferInfo } from "../index.ts";
import { opOf } from "../observe/op.ts";
import type { PageUpload } from "../web/files.ts";
import { errorFields } from "./failure.ts";
import { visibleLine } from "./visible.ts";

export interface JsonLogOptions {
  /** Also the beginning of each transfer, and packets that belong to none. */
  readonly verbose: boolean;
  /** Which of several processes; its transfers count from 1. */
  readonly worker?: number | undefined;
  readonly to: DestinationStream;
}

export interface JsonLog {
  (event: ServerEvent): void;
  pageUpload(upload: PageUpload): void;
}

export function jsonLog({ verbose, worker, to }: JsonLogOptions): JsonLog {
  const settings = {
    level: verbose ? "debug" : "info",
    base: worker === undefined ? null : { worker },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  };
  const logger = pino(settings, { write: (line) => to.write(visibleLine(line)) });
  const log = (event: ServerEvent): void =>
    logger[levelOf(event)]({ event: event.kind, ...fieldsOf(event) });
  const pageUpload = (upload: PageUpload): void =>
    logger[upload.error ? "warn" : "info"]({ event: "upload", ...pageUploadFields(upload) });
  return Object.assign(log, { pageUpload });
}

function levelOf(event: ServerEvent): "debug" | "info" | "warn" | "error" {
  switch (event.kind) {
    case "started":
      return event.diagnosis ? "warn" : "debug";
    case "stray":
      return "debug";
    case "listening":
      return "info";
    case "ended":
      return event.ending === "failed" || event.ending === "aborted" ? "warn" : "info";
    case "refused":
    case "ignored":
      return "warn";
    case "problem":
      return "error";
  }
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
        error: errorOf(event.error),
        ...diagnosisFields(event.kind === "refused" ? event.diagnosis : undefined),
        ...(event.kind === "ignored" ? { reason: event.reason ?? null } : {}),
      };
    case "stray":
      return { ...clientFields(event.from), reason: event.reason };
    case "listening":
      return { address: event.address.host, port: event.address.port };
    case "problem":
      return { error: errorOf(event.error) };
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
    millis: tenths(transfer.durationMillis),
    blksize: transfer.blksize,
    windowsize: transfer.windowsize,
    resent: transfer.resent,
    duplicates: transfer.duplicates,
    sha256: transfer.sha256 ?? null,
    outcome: event.kind === "ended" ? event.ending : null,
    error: errorOf(event.kind === "ended" ? event.error : undefined),
    ...diagnosisFields(event.diagnosis),
  };
}

/** What is of packets is left out: it has none. */
function pageUploadFields(upload: PageUpload): object {
  const { client, name: filename, bytes, durationMillis, sha256, error } = upload;
  return {
    via: "page",
    ...requestFields({ op: "wrq", client, filename }),
    bytes,
    millis: tenths(durationMillis),
    sha256: sha256 ?? null,
    outcome: error ? "failed" : "completed",
    error: errorOf(error),
  };
}

function tenths(millis: number): number {
  return Math.round(millis * 10) / 10;
}

function diagnosisFields(diagnosis: Diagnosis | undefined): object {
  return { cause: diagnosis?.cause ?? null, advice: diagnosis?.advice ?? null };
}

function requestFields(request: RefusedRequest): object {
  const { client, family, filename } = request;
  return { ...clientFields(client), family: family ?? null, op: opOf(request), file: filename };
}

function clientFields({ host, port }: { readonly host: string; readonly port: number }): object {
  return { client: host, clientPort: port };
}

function errorOf(error: TftpError | undefined): object | null {
  return error ? errorFields(error) : null;
}
