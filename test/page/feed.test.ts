// How the page follows a server, without a browser.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { follow } from "../../src/page/feed.ts";
import type { Entry, State, Tick } from "../../src/web/messages.ts";

class Events {
  static latest: Events;
  onopen: () => Promise<void> = async () => {};
  onmessage: (message: { readonly data: string }) => void = () => {};

  constructor() {
    Events.latest = this;
  }
}

function withGlobal(t: TestContext, name: string, value: unknown): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name);
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  t.after(() => {
    if (before) Object.defineProperty(globalThis, name, before);
    else Reflect.deleteProperty(globalThis, name);
  });
}

const entry = (id: string): Entry => ({ id }) as Entry;
const nothing = { transfers: [], more: 0, unanswered: 0, standing: null, sample: null };

test("what ends while the state is under way is in the history, once", async (t) => {
  const state = { ...nothing, history: [entry("1")], samples: [] } as unknown as State;
  let answer = (_response: Response): void => {};
  withGlobal(t, "EventSource", Events);
  withGlobal(t, "fetch", () => new Promise<Response>((resolve) => (answer = resolve)));
  let shown: readonly string[] = [];
  follow({
    onState: ({ history }) => (shown = history.map(({ id }) => id)),
    onLink: () => {},
  });
  const events = Events.latest;
  const opened = events.onopen();
  const tick: Tick = { ...nothing, ended: [entry("1"), entry("2")] };
  events.onmessage({ data: JSON.stringify(tick) });
  answer(Response.json(state));
  await opened;
  assert.deepEqual(shown, ["2", "1"]);
});
