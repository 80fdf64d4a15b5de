// What a page is told while it is open.

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import type { Past } from "../../src/observe/history.ts";
import type { Observer } from "../../src/observe/observer.ts";
import { Totals } from "../../src/observe/totals.ts";
import { Unanswered } from "../../src/observe/unanswered.ts";
import { Live } from "../../src/web/live.ts";
import type { Request } from "../../src/web/visit.ts";

test("what ended last is told before the stream ends", async () => {
  let end = (_past: Past): void => {};
  const observer = {
    onEnded: (read: typeof end) => void (end = read),
    unanswered: new Unanswered(),
  };
  const live = new Live({
    observer: observer as unknown as Observer,
    totals: new Totals(),
    snapshot: () => [],
    standing: () => ({ addresses: [], uploads: "off" }),
  });
  const response = Object.assign(new PassThrough(), { headersSent: false, writeHead() {} });
  live.join({ request: { method: "GET" } as Request, response });
  end({ entry: { id: "7" } } as unknown as Past);
  live.close();
  const told = (await response.toArray()).join("");
  assert.match(told, /"transfers":\[\].*"ended":\[\{"id":"7"\}\]/);
});
