// What several servers tell of themselves, as if one had told it.

import { historyMax } from "../observe/history.ts";
import { runningMax, samplesMax } from "./live.ts";
import type { Missing, Running, Sample, State, Tick, Unanswered } from "./messages.ts";

/** So many names are shown. */
export const missingMax = 50;
export const unansweredMax = 50;

/** Of at least one. */
export function joinStates(states: readonly State[]): State {
  const [first] = states as [State];
  const history = states.flatMap((state) => state.history);
  const samples = joinSamples(states.map((state) => state.samples));
  return {
    ...first,
    ...joinRunning(states),
    history: history.sort((a, b) => b.endedAt - a.endedAt).slice(0, historyMax),
    samples: samples.slice(-samplesMax),
  };
}

export function joinRunning(all: readonly Running[]): Running {
  const transfers = all.flatMap((running) => running.transfers);
  const shown = transfers.sort((a, b) => b.startedAt - a.startedAt).slice(0, runningMax);
  const more = all.reduce((sum, running) => sum + running.more, 0);
  const unanswered = all.reduce((sum, running) => sum + running.unanswered, 0);
  return { transfers: shown, more: more + transfers.length - shown.length, unanswered };
}

/** Without the last second, of which not all have told yet. */
export function joinSamples(all: readonly (readonly Sample[])[]): Sample[] {
  const sums = new Map<number, Sample>();
  for (const [at, sent, received] of all.flat()) {
    const [, sentBefore = 0, receivedBefore = 0] = sums.get(at) ?? [];
    sums.set(at, [at, sentBefore + sent, receivedBefore + received]);
  }
  return [...sums.values()].sort(([a], [b]) => a - b).slice(0, -1);
}

export function joinEnded(ticks: readonly Tick[]): Tick["ended"] {
  return ticks.flatMap((tick) => tick.ended).sort((a, b) => a.endedAt - b.endedAt);
}

export function joinMissing(all: readonly (readonly Missing[])[]): Missing[] {
  const names = new Map<string, Missing>();
  for (const each of all.flat()) {
    const before = names.get(each.filename);
    const later = before && before.lastAt > each.lastAt ? before : each;
    names.set(each.filename, { ...later, count: each.count + (before?.count ?? 0) });
  }
  return [...names.values()].sort((a, b) => b.lastAt - a.lastAt).slice(0, missingMax);
}

/** A client comes to one worker after the other. */
export function joinUnanswered(all: readonly (readonly Unanswered[])[]): Unanswered[] {
  const requests = new Map<string, Unanswered>();
  for (const each of all.flat()) {
    const key = JSON.stringify([each.client, each.op, each.filename, each.why]);
    const before = requests.get(key);
    const later = before && before.lastAt > each.lastAt ? before : each;
    requests.set(key, { ...later, count: each.count + (before?.count ?? 0) });
  }
  return [...requests.values()].sort((a, b) => b.lastAt - a.lastAt).slice(0, unansweredMax);
}
