// Which packets are kept, of whom, and how many.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../../src/core/run.ts";
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
  flights.sent(Run.of(new Uint8Array(1032), 516), local, client);
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
  flights.sent(Run.of(new Uint8Array([0, 5, 0, 1, 0])), listening, client);
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

test("who begins anew after a repeated request has the last one in the new record", () => {
  const flights = recorder();
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  flights.received(request, listening, client); // repeated: the answer was lost
  flights.received(ack(1), local, client);
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "ended", ending: "replaced", transfer: transferOf(1) }, 1);
  flights.handleEvent({ kind: "started", transfer: transferOf(2) }, 2);
  flights.received(ack(2), local, client);
  assert.deepEqual(ports(flights.record(2)), [69, 40_000]);
  assert.deepEqual(ports(flights.record(1)), [69, 69, 40_000, 69]);
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
  flights.sent(Run.of(ack(1)), listening, client);
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

/** One after the other, each from a port of its own, with as many ACKs. */
function storm(flights: FlightRecorder, first: number, count: number, acks = 3): void {
  for (let id = first; id < first + count; id++) {
    const transfer = {
      ...transferOf(id),
      client: { host: "192.0.2.8", port: 1024 + (id % 50_000) },
    };
    flights.received(request, listening, transfer.client);
    flights.handleEvent({ kind: "started", transfer }, id);
    for (let block = 1; block <= acks; block++)
      flights.received(ack(block), local, transfer.client);
    flights.handleEvent({ kind: "ended", ending: "completed", transfer }, id);
  }
}

test("a long transfer keeps its packets while thousands come and go", () => {
  const flights = recorder(200_000);
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  for (let round = 0; round < 20; round++) {
    flights.received(ack(round), local, client);
    storm(flights, 2 + round * 500, 500);
  }
  flights.handleEvent({ kind: "ended", ending: "failed", transfer: transferOf(1) }, 1);
  const kept = [...flights.record(1)!.packets()];
  assert.deepEqual(
    kept.slice(1).map(({ bytes }) => bytes[3]),
    Array.from({ length: 20 }, (_, round) => round),
  );
  assert.deepEqual(Buffer.from(kept[0]!.bytes), request);
  assert.ok(flights.bytes <= 100_000);
});

test("what ended last is kept whole, also where more came than the log holds", () => {
  const flights = recorder(400_000);
  storm(flights, 1, 3000, 10);
  for (const id of [2990, 3000]) assert.equal(flights.record(id)?.total, 11);
  assert.equal(flights.record(1), undefined);
});

test("a request that waits while thousands come and go is part of its transfer", () => {
  const flights = recorder();
  flights.received(request, listening, client);
  storm(flights, 2, 3000);
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  assert.deepEqual(ports(flights.record(1)), [69, 69]);
});

test("a run of blocks is told block by block, without the packets of others between", () => {
  const flights = recorder();
  const other = { ...client, port: 9 };
  flights.received(request, listening, client);
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  const run = new Uint8Array(2 * 516 + 10);
  for (const [at, block] of [0, 1, 2].entries()) run.set([0, 3, 0, block + 1], at * 516);
  flights.sent(Run.of(run, 516), local, client);
  flights.received(ack(7), local, other);
  flights.received(ack(3), local, client);
  assert.deepEqual(
    [...flights.record(1)!.packets()]
      .slice(1)
      .map(({ bytes, length }) => [bytes[1], bytes[3], length]),
    [
      [3, 1, 516],
      [3, 2, 516],
      [3, 3, 10],
      [4, 3, 4],
    ],
  );
});

test("an ACK and the block that answers it are told one after the other", () => {
  let time = 1;
  const flights = new FlightRecorder({ whole: false, bytesMax: 1e6, now: () => time });
  const others = { ...client, host: "192.0.2.8" };
  const data = (block: number, length: number) => {
    return Run.of(Buffer.from([0, 3, block >> 8, block, ...Buffer.alloc(length)]));
  };
  flights.handleEvent({ kind: "started", transfer: transferOf(1) }, 1);
  flights.handleEvent({ kind: "started", transfer: { ...transferOf(2), client: others } }, 2);
  flights.received(ack(1), local, client);
  flights.sent(data(2, 512), local, client);
  flights.received(ack(2), local, client);
  flights.sent(data(9, 512), local, others);
  flights.sent(data(3, 7), local, client);
  flights.received(ack(3), local, client);
  flights.sent(data(4, 0), { ...local, port: 40_001 }, client);
  flights.received(ack(300), local, client);
  time = 2;
  flights.moment();
  flights.sent(data(301, 1), local, client);
  flights.received(ack(301), local, client);
  assert.equal(flights.record(1)?.total, 9);
  flights.sent(data(302, 1), local, client);
  const told = [...flights.record(1)!.packets()].map(({ timeMillis, sent, length, bytes }) => {
    return `${timeMillis} ${sent ? "DATA" : "ACK"} ${bytes[2]! * 256 + bytes[3]!} ${length}`;
  });
  assert.deepEqual(told, [
    ...["1 ACK 1 4", "1 DATA 2 516", "1 ACK 2 4", "1 DATA 3 11", "1 ACK 3 4", "1 DATA 4 4"],
    ...["1 ACK 300 4", "2 DATA 301 5", "2 ACK 301 4", "2 DATA 302 5"],
  ]);
  assert.equal(flights.record(2)?.total, 1);
  assert.deepEqual(ports(flights.record(1)).slice(4, 6), [40_000, 40_001]);
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
