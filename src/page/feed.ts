// What the server tells the page: the state when it is opened, and what happens from then on.

export interface RunningTransfer {
  readonly id: string;
  readonly op: "get" | "put";
  readonly filename: string;
  readonly client: string;
  readonly bytes: number;
  readonly size: number | null;
  readonly bytesPerSecond: number;
  readonly blksize: number;
  readonly windowsize: number;
  readonly resent: number;
  readonly family: string | null;
  readonly startedAt: number;
}

export interface Entry {
  readonly id: string;
  readonly op: "get" | "put";
  readonly filename: string;
  readonly client: string;
  readonly clientPort: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: string;
  readonly bytes: number;
  readonly size: number | null;
  readonly durationMillis: number;
  readonly blksize: number | null;
  readonly windowsize: number | null;
  readonly resent: number;
  readonly duplicates: number;
  readonly roundTripMillis: number | null;
  readonly family: string | null;
  readonly error: string | null;
  readonly why: string | null;
  readonly remedy: string | null;
}

/** One second: [time, bytes sent to clients, bytes received]. */
export type Sample = readonly [at: number, sent: number, received: number];

export interface State {
  readonly version: string;
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly uploads: "off" | "create" | "overwrite";
  history: Entry[];
  samples: Sample[];
  transfers: readonly RunningTransfer[];
  more: number;
}

interface Tick {
  readonly transfers: readonly RunningTransfer[];
  readonly more: number;
  readonly ended: readonly Entry[];
  readonly sample: Sample | null;
}

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
    state = await getJson<State>("/api/state");
    reader.onLink("live");
    reader.onState(state, "all");
  };
  events.onerror = () => reader.onLink("lost");
  events.onmessage = ({ data }) => {
    if (!state) return;
    const tick: Tick = JSON.parse(data);
    state.transfers = tick.transfers;
    state.more = tick.more;
    const known = new Set(state.history.slice(0, 100).map(({ id }) => id));
    const ended = tick.ended.filter(({ id }) => !known.has(id));
    state.history = [...[...ended].reverse(), ...state.history].slice(0, entriesMax);
    if (tick.sample && tick.sample[0] !== state.samples.at(-1)?.[0]) {
      state.samples = [...state.samples, tick.sample].slice(-samplesMax);
    }
    reader.onState(state, ended);
  };
}
