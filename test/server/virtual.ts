// A server whose time is moved by hand and whose datagrams are given and taken as values.

import type { Address, DatagramSocket, Network, Storage } from "../../src/ports.ts";
import { completeLimits, type Limits } from "../../src/server/limits.ts";
import { allowAll, type Judge } from "../../src/server/policy.ts";
import { TftpServer } from "../../src/server/server.ts";
import { HandClock, type KeptSocket, keptSocket } from "../transfer/fakes.ts";
import { Events, files } from "./scene.ts";

export interface VirtualServer {
  readonly server: TftpServer;
  readonly clock: HandClock;
  readonly events: Events;
  /** The one that listens. */
  readonly port: DatagramSocket & KeptSocket;
  /** Those of the transfers, in the order of their beginning. */
  readonly sockets: readonly (DatagramSocket & KeptSocket)[];
  /** Gives the listening port a datagram, and lets what follows at once happen. */
  ask(from: Address, datagram: Uint8Array): Promise<void>;
  /** Gives one to the latest transfer of this client. */
  answer(from: Address, datagram: Uint8Array): Promise<void>;
  advanceTo(time: number): Promise<void>;
  /** The hosts and ports of the transfers that run, in order. */
  running(): string[];
}

export function virtualServer(
  limits: Partial<Limits>,
  parts: {
    readonly storage?: Storage;
    readonly judge?: Judge;
    readonly singlePort?: boolean;
    /** Whether more arrives than can be answered. */
    readonly isBusy?: () => boolean;
  } = {},
): VirtualServer {
  const { storage = files(), judge = allowAll, singlePort = false, isBusy = () => false } = parts;
  const clock = new HandClock();
  const events = new Events();
  const sockets: KeptSocket[] = [];
  const network: Network = {
    open: async () => {
      const socket = keptSocket();
      sockets.push(socket);
      return socket;
    },
    resolve: async (host) => [host],
    route: async () => ({ host: "192.0.2.1", mtu: 1500, receiveBufferBytes: 200_000 }),
    mtu: async () => 65_536,
    isBusy,
  };
  const server = new TftpServer({
    ...{ storage, network, clock, judge, singlePort, limits: completeLimits(limits) },
    random: () => 0,
    onEvent: (event) => events.add(event),
  });
  const port = keptSocket();
  server.listen(port);
  const settled = async (): Promise<void> => {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((soon) => setImmediate(soon));
      clock.turn();
    }
  };
  return {
    ...{ server, clock, events, port, sockets },
    ask: (from, datagram) => {
      port.onDatagram(datagram, from);
      return settled();
    },
    answer: (from, datagram) => {
      const isOfClient = (socket: KeptSocket): boolean =>
        socket.sent.some(([, to]) => to.host === from.host && to.port === from.port);
      sockets.findLast(isOfClient)?.onDatagram(datagram, from);
      return settled();
    },
    advanceTo: (time) => {
      clock.advanceTo(time);
      return settled();
    },
    running: () => server.snapshot().map(({ client }) => `${client.host} ${client.port}`),
  };
}
