// Sees every datagram that goes through a Network, and changes none. It must not know what the
// datagrams mean, nor who sends them.

import type { Address, DatagramSocket, Network } from "../ports.ts";

/** What is to be seen; what is left out costs nothing. Bytes are only lent for the call. None of
 * these may throw. */
export interface PacketTap {
  /** `run` holds datagrams of `segmentSize` bytes, the last one perhaps shorter. */
  sent?(run: Uint8Array, segmentSize: number, local: Address, to: Address): void;
  received?(datagram: Uint8Array, local: Address, from: Address): void;
  /** A socket was opened, and it was closed. */
  opened?(local: Address): void;
  closed?(local: Address): void;
  /** A way to `remote` was looked up: datagrams to it leave from `host`. */
  routed?(host: string, remote: Address): void;
}

/** The same network, watched. */
export function tappedNetwork(network: Network, tap: PacketTap): Network {
  return {
    open: async (local, options) => watched(await network.open(local, options), tap),
    resolve: (host) => network.resolve(host),
    route: async (remote) => {
      const route = await network.route(remote);
      tap.routed?.(route.host, remote);
      return route;
    },
  };
}

/** The socket itself, so that whatever else it can do stays as it is. */
function watched(socket: DatagramSocket, tap: PacketTap): DatagramSocket {
  const { local } = socket;
  tap.opened?.(local);
  if (tap.closed) watchClose(socket, () => tap.closed?.(local));
  if (tap.sent) {
    const send = socket.send.bind(socket);
    socket.send = (run, segmentSize, to) => {
      tap.sent?.(run, segmentSize, local, to);
      send(run, segmentSize, to);
    };
  }
  if (tap.received) {
    let handle = socket.onDatagram;
    const receive = (datagram: Uint8Array, from: Address): void => {
      tap.received?.(datagram, local, from);
      handle(datagram, from);
    };
    Object.defineProperty(socket, "onDatagram", {
      get: () => receive,
      set: (handler: DatagramSocket["onDatagram"]) => {
        handle = handler;
      },
    });
  }
  return socket;
}

function watchClose(socket: DatagramSocket, onClosed: () => void): void {
  const close = socket.close.bind(socket);
  let told = false;
  socket.close = () => {
    if (!told) onClosed();
    told = true;
    return close();
  };
}
