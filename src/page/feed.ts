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
  /** Ticks before it may be another server's than those that were seen last. */
  let state: State | undefined;
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
    state = loaded;
    reader.onLink("live");
    reader.onState(state, "all");
  };
  events.onmessage = ({ data }) => {
    if (!state) return;
    const tick: Tick = JSON.parse(data);
    const { transfers, more, sample, standing } = tick;
    const known = new Set(state.history.slice(0, 100).map(({ id }) => id));
    const ended = tick.ended.filter(({ id }) => !known.has(id));
    const history = [...[...ended].reverse(), ...state.history].slice(0, entriesMax);
    const isNew = sample && sample[0] !== state.samples.at(-1)?.[0];
    const samples = isNew ? [...state.samples, sample].slice(-samplesMax) : state.samples;
    state = { ...state, ...standing, transfers, more, history, samples };
    reader.onState(state, ended);
  };
}
