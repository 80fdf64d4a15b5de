// What the server tells the page: the state when it is opened, and what happens from then on.

import type { Entry, State, Tick } from "../web/messages.ts";
import { visible } from "./words.ts";

export interface FeedReader {
  /** The state was loaded anew, or has changed by these entries. */
  onState(state: State, ended: readonly Entry[] | "all"): void;
  onLink(link: "live" | "lost"): void;
}

const entriesMax = 500;
const samplesMax = 300;
const againMillis = 2000;

export async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(visible((await response.text()).trim()));
  return response.json();
}

/** Follows the server, also when it was away. */
export function follow(reader: FeedReader): void {
  let state: State | undefined;
  /** Ended while the state was under way, and perhaps not in it. */
  const early: Entry[] = [];
  let isLost = false;
  const events = new EventSource("/api/events");
  // A browser asks again by itself only where it got no answer, not where it got a wrong one.
  const lose = (): void => {
    if (isLost) return;
    isLost = true;
    events.close();
    reader.onLink("lost");
    setTimeout(follow, againMillis, reader);
  };
  events.onerror = lose;
  events.onopen = async () => {
    const loaded = await getJson<State>("/api/state").catch(lose);
    if (!loaded || isLost) return;
    state = { ...loaded, history: withNewer(loaded.history, unknownTo(loaded.history, early)) };
    reader.onLink("live");
    reader.onState(state, "all");
  };
  events.onmessage = ({ data }) => {
    const tick: Tick = JSON.parse(data);
    if (!state) {
      early.push(...tick.ended);
      return;
    }
    const { transfers, more, unanswered, sample, standing } = tick;
    const ended = unknownTo(state.history, tick.ended);
    const history = withNewer(state.history, ended);
    const isNew = sample && sample[0] !== state.samples.at(-1)?.[0];
    const samples = isNew ? [...state.samples, sample].slice(-samplesMax) : state.samples;
    state = { ...state, ...standing, transfers, more, unanswered, history, samples };
    reader.onState(state, ended);
  };
}

function unknownTo(history: readonly Entry[], ended: readonly Entry[]): readonly Entry[] {
  const known = new Set(history.map(({ id }) => id));
  return ended.filter(({ id }) => !known.has(id));
}

/** The newest first; `ended` has them last. */
function withNewer(history: readonly Entry[], ended: readonly Entry[]): readonly Entry[] {
  return [...[...ended].reverse(), ...history].slice(0, entriesMax);
}
