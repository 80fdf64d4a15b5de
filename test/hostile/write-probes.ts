// What a server makes of uploads that go wrong, and what stands under the name meanwhile.

import { put } from "../../src/index.ts";
import { data, error, wrq } from "../server/device.ts";
import { all, ask, bad, describe, fileOf, good, type Probe, type Subject, urlOf } from "./probe.ts";
import type { RawClient } from "./raw-client.ts";
import { rolloverFile } from "./read-probes.ts";

const block = Buffer.alloc(512, "n");

const blockZero: Probe = {
  question: "DATA 0 in an upload",
  needsUploads: true,
  run: async (subject, raw) => {
    const first = await ask(subject, raw, wrq("zero"));
    if (first?.packet.op !== "ack") return bad(`refuses the upload: ${describe(first)}`);
    raw.send(data(0, Buffer.alloc(512, "z")), first.from);
    const answers = await all(raw, 500);
    raw.send(data(1, "right"), first.from);
    await raw.next(3000);
    const content = String((await settled(subject, "zero")) ?? "nothing");
    const refused = answers.some(({ packet }) => packet.op === "error");
    if (content === "right") return good("ignored");
    return refused && content === "nothing" ? good("ends it") : bad("damages the file");
  },
};

const rollover: Probe = {
  question: "an upload of 65,541 blocks",
  needsUploads: true,
  run: async (subject) => {
    await put(urlOf(subject, "rolled"), rolloverFile.bytes, { plain: true });
    const content = await settled(subject, "rolled");
    return content && Buffer.compare(content, rolloverFile.bytes) === 0
      ? good("whole")
      : bad("damaged");
  },
};

const visible: Probe = {
  question: "an upload under way: its name in the folder",
  needsUploads: true,
  run: async (subject, raw) => {
    const tid = await halfway(subject, raw, "new");
    const content = await fileOf(subject, "new");
    raw.send(error(0), tid);
    return content === undefined ? good("absent") : bad("half a file");
  },
};

const replaced: Probe = {
  question: "an upload under way: the file it will replace",
  needsUploads: true,
  run: async (subject, raw) => {
    await put(urlOf(subject, "old"), Buffer.alloc(3000, "o"), { plain: true });
    const tid = await halfway(subject, raw, "old");
    const content = await fileOf(subject, "old");
    raw.send(error(0), tid);
    return content?.length === 3000 && content[0] === 111 ? good("whole") : bad("gone");
  },
};

const aborted: Probe = {
  question: "an upload that its client aborts by an ERROR",
  needsUploads: true,
  run: async (subject, raw) => {
    const tid = await halfway(subject, raw, "aborted");
    raw.send(error(0), tid);
    await all(raw, 1500);
    const content = await fileOf(subject, "aborted");
    return content === undefined ? good("leaves nothing") : bad("leaves half a file");
  },
};

/** Ends the server: the last of all. */
const killed: Probe = {
  question: "kill -9 of the server in mid-upload",
  needsUploads: true,
  run: async (subject, raw) => {
    await halfway(subject, raw, "killed");
    await subject.kill();
    const content = await fileOf(subject, "killed");
    return content === undefined ? good("no file of that name") : bad("half a file");
  },
};

/** Brings a few blocks and waits for their ACKs; where the server's end of it is. */
async function halfway(subject: Subject, raw: RawClient, name: string) {
  let answer = await ask(subject, raw, wrq(name));
  if (answer?.packet.op !== "ack") throw new Error(`refuses the upload: ${describe(answer)}`);
  const { from } = answer;
  for (let number = 1; number <= 20; number++) {
    raw.send(data(number, block), from);
    answer = await raw.next(2000);
  }
  return from;
}

/** The content when it no longer changes: the last ACK may come before the last write. */
async function settled(subject: Subject, name: string): Promise<Buffer | undefined> {
  let content = await fileOf(subject, name);
  for (let before = -1; before !== (content?.length ?? 0); content = await fileOf(subject, name)) {
    before = content?.length ?? 0;
    await new Promise((over) => setTimeout(over, 300));
  }
  return content;
}

export const writeProbes: readonly Probe[] = [
  ...[blockZero, rollover, visible, replaced, aborted, killed],
];
