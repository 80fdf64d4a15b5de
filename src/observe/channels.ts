// Publishes what happens in a server on channels of node:diagnostics_channel, for those who embed
// it. Where nobody listens it costs one look.

import { type Channel, channel } from "node:diagnostics_channel";
import type { ServerEvent } from "../server/events.ts";

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

/** A subscriber that throws does so on its own: Node reports it apart. */
export function publish(event: ServerEvent): void {
  const to = channels[event.kind];
  if (to?.hasSubscribers) to.publish(event);
}
