// A Sender and a Receiver alone, without sockets and promises: many more transfers a second, and
// every mark of both machines can be looked at in every step.

import { TftpError } from "../../src/core/errors.ts";
import type { Millis, Packet } from "../../src/core/packet.ts";
import { drawLine } from "./draws.ts";
import type { Conditions, LineFaults } from "./line.ts";
import { Pair, type Run, type Scenario } from "./pair.ts";
import { Random } from "./random.ts";
import { dataPerBlockMax, hardshipsOf } from "./referee.ts";
import { broken, must } from "./rule.ts";
import { type Delay, noDelay, ReceivingStation, SendingStation } from "./station.ts";
import type { Tally } from "./tally.ts";

/** Throws when a rule was broken. */
export function runMachines(seed: number, tally: Tally): void {
  const random = new Random(seed);
  const scenario = draw(seed, random, tally.lines);
  const pair = new Pair(scenario);
  const abortAt = random.chance(0.05) ? random.upTo(500) : Number.POSITIVE_INFINITY;
  const forges = random.chance(0.1);
  const watch = new Watch(pair);
  let forged = 0;
  pair.onStep = (now) => {
    watch.check();
    if (now >= abortAt) abortOnce(pair, random);
    if (forges && random.chance(0.2)) forged += forge(pair, random, now);
    return now >= abortAt || forges;
  };
  const run = pair.run();
  const ended = checkEnd(run, abortAt < run.finalMillis || scenario.mayFail);
  const perBlock = run.dataSent / (scenario.file.blocks + 8);
  const { toReceiver, toSender, windowsize = 1 } = scenario;
  const most = dataPerBlockMax(windowsize, hardshipsOf([toReceiver, toSender]));
  if (perBlock > most) broken(`${perBlock.toFixed(1)} DATA a block`);
  if (abortAt === Infinity && !forges && nothingIsLost(scenario)) {
    const again = run.dataSent - scenario.file.blocks;
    must(again >= 0 && again <= run.requestsAgain, "in lock-step no DATA goes out twice");
  }
  tally.transfers += 1;
  tally.add(ended, 1);
  tally.add("datagrams out of nowhere: forged", forged);
  tally.worstDataPerBlock = Math.max(tally.worstDataPerBlock, perBlock);
  tally.worstMillis = Math.max(tally.worstMillis, run.finalMillis);
}

/** However often packets are doubled: a repeated ACK sends nothing in lock-step. */
function nothingIsLost({ windowsize = 1, receiverDelay, toReceiver, toSender }: Drawn): boolean {
  const loses = ({ lossRatio, damageRatio, burst, partitions, queueMax }: Conditions) =>
    lossRatio || damageRatio || burst || partitions || queueMax;
  return windowsize === 1 && receiverDelay === noDelay && !loses(toReceiver) && !loses(toSender);
}

/** How the Receiver ended, who has the file or has not. */
function checkEnd({ sender, receiver, errorsSent }: Run, mayFail: boolean): string {
  const [sent, received] = [sender?.machine.outcome, receiver?.machine.outcome];
  if (!mayFail) {
    must(errorsSent === 0, "no ERROR is sent");
    if (!received?.ok) broken(`the Receiver ended with ${received?.error.code}`);
    must(sent !== undefined, "the Sender has ended");
    // The Receiver stays for a lost last ACK, but all of its repeats may be lost as well.
    if (!sent.ok && sent.error.code !== "TIMED_OUT") broken(`the Sender ended: ${sent.error.code}`);
  }
  if (received?.ok || sent?.ok) must(receiver?.whole === true, "the file is whole");
  if (received?.ok) return "machines: whole";
  const failed = received ?? sent;
  return failed && !failed.ok ? `machines: ${failed.error.code}` : "machines: never begun";
}

type Drawn = Scenario & { readonly mayFail: boolean };

function draw(seed: number, random: Random, faults: LineFaults): Drawn {
  if (random.chance(rollOverRatio)) return rollOver(seed, random, faults);
  const windowsize = random.pick(windows);
  const slowTimeout = random.chance(0.1) ? { timeoutSeconds: 1 + random.below(2) } : {};
  const [there, back] = drawLines(random);
  const mayFail = [there, back].some(({ partitions, burst, queueMax }) =>
    Boolean(partitions || burst || queueMax),
  );
  return {
    seed,
    direction: random.pick(["read", "write"] as const),
    file: {
      blocks: 1 + random.below(random.chance(0.005) ? 200 : random.pick(fewBlocks)),
      lastBytes: random.below(8),
    },
    ...(windowsize !== undefined && { windowsize, ...slowTimeout }),
    rollover: random.pick([0, 1] as const),
    toReceiver: there,
    toSender: back,
    senderDelay: drawDelay(random, seed + 3_000_003),
    receiverDelay: drawDelay(random, seed + 4_000_003),
    patience: { timeoutMillis: 1000, attempts: 24, jitter: random.next() },
    mayFail,
    faults,
  };
}

const windows = [undefined, 1, 1, 2, 4, 4, 8, 16, 33, 64];
/** Mostly short files: a thousand of them find more than a long one. */
const fewBlocks = [2, 2, 2, 3, 3, 6, 20];

/** Mostly the same both ways. One in fifty peers dies at some time. */
function drawLines(random: Random): readonly [Conditions, Conditions] {
  const there = drawLine(random);
  const back = random.chance(0.1) ? drawLine(random) : there;
  if (!random.chance(0.02)) return [there, back];
  const death = { partitions: [[random.upTo(300), Number.POSITIVE_INFINITY]] } as const;
  return random.chance(0.5)
    ? [{ ...there, ...death }, back]
    : [
        { ...there, ...death },
        { ...back, ...death },
      ];
}

/** As a file of more than 65535 blocks takes as long as thousands, one in so many has them. */
const rollOverRatio = 1 / 50_000;

function rollOver(seed: number, random: Random, faults: LineFaults): Drawn {
  const lossRatio = random.pick([0, 0.001]);
  const conditions: Conditions = { latencyMillis: 1, lossRatio };
  return {
    seed,
    direction: random.pick(["read", "write"] as const),
    file: { blocks: 0xffff + random.below(500), lastBytes: random.below(8) },
    windowsize: random.pick([1, 16, 64]),
    rollover: random.pick([0, 1] as const),
    toReceiver: conditions,
    toSender: conditions,
    patience: { timeoutMillis: 1000, attempts: 24, jitter: random.next() },
    mayFail: false,
    faults,
  };
}

/** Storage is fast, slow, or fast with long pauses. */
function drawDelay(random: Random, seed: number): Delay {
  const slowMillis: Millis = random.pick([0, 0, 3, 30]);
  const pauseMillis: Millis = random.pick([0, 0, 0, 3000]);
  if (slowMillis === 0 && pauseMillis === 0) return noDelay;
  const own = new Random(seed);
  return (purpose) => {
    const pauses = purpose === "commit" || own.chance(0.01);
    return own.upTo(slowMillis) + (pauses ? own.upTo(pauseMillis) : 0);
  };
}

/** Our side gives up: cancelled, or its storage failed. */
function abortOnce(pair: Pair, random: Random): void {
  const stations = ours(pair);
  if (stations.some((station) => station.machine.outcome)) return;
  const code = random.pick(["ABORTED", "STORAGE", "DISK_FULL"] as const);
  random.pick(stations).machine.abort(new TftpError(code, "the transfer ends here"));
}

/** A packet in the name of the peer, of a block that is far from the window: it changes nothing. */
function forge(pair: Pair, random: Random, now: Millis): number {
  const target = random.pick(ours(pair));
  if (!target.machine.answered) return 0;
  const here = target instanceof SendingStation ? target.machine.acked : target.machine.received;
  const block = (here + 0x2000 + random.below(0xc000)) & 0xffff;
  const packets: readonly Packet[] = [
    { op: "ack", block },
    { op: "data", block, payload: new Uint8Array(random.below(9)) },
    { op: "oack", options: new Map() },
    { op: "invalid", reason: "forged", request: false },
  ];
  target.handlePacket(random.pick(packets), now);
  return 1;
}

function ours({ sender, receiver }: Pair): (SendingStation | ReceivingStation)[] {
  return [sender, receiver].filter(
    (station) => station instanceof SendingStation || station instanceof ReceivingStation,
  );
}

/** What must hold after every step. */
class Watch {
  readonly #pair: Pair;
  #acked = -1;
  #received = -1;

  constructor(pair: Pair) {
    this.#pair = pair;
  }

  check(): void {
    const { sender, receiver } = this.#pair;
    if (!(sender instanceof SendingStation && receiver instanceof ReceivingStation)) return;
    const { acked, wanted, last } = sender.machine;
    const { received, outcome } = receiver.machine;
    must(!sender.machine.outcome || !sender.machine.nextTimeout, "the end stops the timer");
    must(outcome?.ok !== false || !receiver.machine.nextTimeout, "a failure does as well");
    must(acked >= this.#acked && received >= this.#received, "marks only rise");
    must(acked <= Math.max(0, received), "nothing is acknowledged that was not received");
    must(last === undefined || wanted <= last, "nothing is wanted beyond the last block");
    this.#acked = acked;
    this.#received = received;
  }
}
