// Publishes what happens in a server on channels of node:diagnostics_channel, for those who embed
// it, and to OpenTelemetry where somebody traces. Where nobody listens it costs one look.

import { type Channel, channel } from "node:diagnostics_channel";
import type { ServerEvent } from "../server/events.ts";
import type { Registered, spans as Spans } from "./spans.ts";

/** The message is the event itself. */
const channels: { readonly [kind in ServerEvent["kind"]]: Channel } = {
  started: channel("tidewire:transfer.started"),
  ended: channel("tidewire:transfer.ended"),
  refused: channel("tidewire:request.refused"),
  ignored: channel("tidewire:request.ignored"),
  stray: channel("tidewire:packet.stray"),
  listening: channel("tidewire:server.listening"),
  problem: channel("tidewire:server.problem"),
};

/** Where the API package keeps the tracer that somebody registered: whoever traces has done so
 * before the program begins, and nobody else has to wait for a module to load. */
const openTelemetry = Symbol.for("opentelemetry.js.api.1");
const common = globalThis as { readonly [openTelemetry]?: Registered };

export async function publisher(): Promise<(event: ServerEvent) => void> {
  const registered = common[openTelemetry];
  const trace = registered && (await loadSpans(registered));
  if (!trace) return publish;
  return (event) => {
    publish(event);
    trace(event);
  };
}

async function loadSpans(registered: Registered): Promise<ReturnType<typeof Spans>> {
  const { spans } = await import("./spans.ts");
  return spans(registered);
}

/** A subscriber that throws does so on its own: Node reports it apart. */
function publish(event: ServerEvent): void {
  const to = channels[event.kind];
  if (to?.hasSubscribers) to.publish(event);
}
