// What the server tells the page: the state when it is opened, and what happens from then on.

import type { Entry, State, Tick } from "../web/messages.ts";

export interface FeedReader {
  /** The state was loaded anew, or has changed by these entries. */
  onState(state: State, ended: readonly Entry[] | "all"): void;
  onLink(link: "live" | "lost"): void;
}

const entriesMax = 500;
const samplesMax = 300;

export async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path);
  if (!response.ok) throw new Error((await response.text()).trim());
  return response.json();
}

/** Follows the server, also when it was away. */
export function follow(reader: FeedReader): void {
  let state: State | undefined;
  const events = new EventSource("/api/events");
  events.onopen = async () => {
    state = undefined; // ticks may be another server's until all is loaded anew
    state = await getJson<State>("/api/state");
    reader.onLink("live");
    reader.onState(state, "all");
  };
  events.onerror = () => reader.onLink("lost");
  events.onmessage = ({ data }) => {
    if (!state) return;
    const tick: Tick = JSON.parse(data);
    const { transfers, more, sample } = tick;
    const known = new Set(state.history.slice(0, 100).map(({ id }) => id));
    const ended = tick.ended.filter(({ id }) => !known.has(id));
    const history = [...[...ended].reverse(), ...state.history].slice(0, entriesMax);
    const isNew = sample && sample[0] !== state.samples.at(-1)?.[0];
    const samples = isNew ? [...state.samples, sample].slice(-samplesMax) : state.samples;
    state = { ...state, transfers, more, history, samples };
    reader.onState(state, ended);
  };
}
