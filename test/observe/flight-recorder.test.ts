// Which packets are kept, of whom, and how many.

import assert from "node:assert/strict";
import { test } from "node:test";
import { TftpError, type TransferInfo } from "../../src/index.ts";
import { FlightRecorder } from "../../src/observe/flight-recorder.ts";
import { PacketRecord } from "../../src/observe/packet-record.ts";

const client = { host: "192.0.2.7", port: 2000 };
const listening = { host: "192.0.2.1", port: 69 };
const local = { host: "192.0.2.1", port: 40_000 };
const request = Buffer.from("\0\x01a\0octet\0");
const ack = (block: number) => new Uint8Array([0, 4, block >> 8, block]);

function transferOf(id: number): TransferInfo {
  const facts = { blksize: 512, windowsize: 1, bytes: 0, durationMillis: 1, resent: 0 };
  const rest = { mode: "octet", duplicates: 0, options: false, startedAt: 0 } as const;
  return { id, op: "rrq", filename: "a", client, local, ...facts, ...rest };
}

function recorder(bytesMax = 1e6): FlightRecorder {
  return new FlightRecorder({ whole: false, bytesMax, now: () => 5 });
}

function ports(record: PacketRecord | undefined): number[] {
  return [...(record?.packets() ?? [])].map(({ localPort }) => localPort);
}

test("the request and the transfer are one record, each with its own port", () => {
  const flights = recorder();
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  flights.sent(new Uint8Array(1032), 516, local, client);
  flights.received(ack(1), local, client);
  assert.deepEqual(ports(flights.record(1)), [69, 40_000, 40_000, 40_000]);
  assert.deepEqual(
    [...flights.record(1)!.packets()].map(({ sent, length }) => [sent, length]),
    [
      [false, request.length],
      [true, 516],
      [true, 516],
      [false, 4],
    ],
  );
});

test("a refused request keeps its two packets; an ignored one nothing", () => {
  const flights = recorder();
  const asked = { op: "rrq", filename: "a", client } as const;
  const error = new TftpError("FILE_NOT_FOUND", "file not found");
  flights.received(request, listening, client);
  flights.sent(new Uint8Array([0, 5, 0, 1, 0]), 5, listening, client);
  flights.handleEvent({ kind: "refused", request: asked, error }, -1);
  assert.equal(flights.record(-1)?.total, 2);
  const { bytes } = flights;
  flights.received(request, listening, { ...client, port: 9 });
  flights.handleEvent(
    { kind: "ignored", request: { ...asked, client: { ...client, port: 9 } } },
    0,
  );
  assert.equal(flights.bytes, bytes);
});

test("a client that begins anew has two records, and both have the request", () => {
  const flights = recorder();
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(2) }, 2);
  flights.handleEvent({ kind: "ended", ending: "replaced", transfer: transferOf(1) }, 1);
  flights.received(ack(1), local, client);
  assert.equal(flights.record(1)?.total, 2);
  assert.deepEqual(ports(flights.record(2)), [69, 40_000]);
});

test("a request from the port of an ended transfer begins a new record", () => {
  const flights = recorder();
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  flights.handleEvent({ kind: "ended", ending: "completed", transfer: transferOf(1) }, 1);
  flights.received(ack(1), local, client); // late, and still its own
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(2) }, 2);
  assert.equal(flights.record(1)?.total, 2);
  assert.equal(flights.record(2)?.total, 1);
});

test("packets of strangers and of nobody cost nothing", () => {
  const flights = recorder();
  flights.received(ack(1), listening, client);
  flights.sent(ack(1), 4, listening, client);
  assert.equal(flights.bytes, 0);
});

test("memory is bounded: ended transfers go first, then the middle of the long one", () => {
  const flights = recorder(40_000);
  for (const id of [1, 2]) {
    flights.received(request, listening, { ...client, port: 3000 + id });
    const transfer = { ...transferOf(1), client: { ...client, port: 3000 + id } };
    flights.handleEvent({ kind: "started", transfer }, id);
    flights.handleEvent({ kind: "ended", ending: "completed", transfer }, id);
  }
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(9) }, 9);
  for (let block = 0; block < 5000; block++) flights.received(ack(block), local, client);
  assert.ok(flights.bytes <= 40_000);
  assert.equal(flights.record(1), undefined);
  const record = flights.record(9)!;
  assert.equal(record.total, 5001);
  assert.ok(record.dropped > 3000);
  const kept = [...record.packets()];
  assert.equal(kept[0]?.bytes[1], 1, "the request is still there");
  assert.deepEqual(kept.at(-1)?.bytes, ack(4999));
});

test("requests that never become anything are forgotten after a while", () => {
  const flights = recorder();
  for (let port = 1; port < 5000; port++) flights.received(request, listening, { ...client, port });
  assert.ok(flights.bytes < 1024 * 4000);
});

test("beyond the budget packets are kept without their content", () => {
  const budget = { bytes: 0, bytesMax: 8300 };
  const record = new PacketRecord(budget, true);
  const data = new Uint8Array(4000).fill(1);
  data.set([0, 3, 0, 1]);
  for (let at = 0; at < 5; at++) record.add(data, true, 1, at);
  const lengths = [...record.packets()].map(({ bytes }) => bytes.length);
  assert.deepEqual(lengths, [4000, 4000, 4, 4, 4]);
  record.forgetContent();
  assert.ok(
    [...record.packets()].every(({ bytes, length }) => bytes.length === 4 && length === 4000),
  );
  record.release();
  assert.equal(budget.bytes, 0);
});
