// All that a server listens on, whoever has bound it: opened together, handed on to another process
// or closed together. It must not know what is listened for.

import { TftpError } from "../core/errors.ts";
import type { Address, DatagramSocket, Network } from "../ports.ts";
import type { Answering } from "./broadcasts.ts";
import type { BoundSocket, HandedOver } from "./handed-over.ts";
import { InheritedListeners } from "./inherited.ts";
import { type Link, nameOf } from "./link.ts";
import { Listeners, noAddress } from "./listeners.ts";
import { MovableSockets, type Sight } from "./movable.ts";

/** As in ServeOptions. */
export interface Where {
  readonly host?: string | readonly string[];
  readonly port?: number;
  readonly listen?: readonly Address[];
  readonly inherited?: readonly number[];
  readonly handedOver?: HandedOver;
  readonly reusePort?: boolean;
  readonly tap?: Sight;
}

/** What is done with the sockets; as in ListenOptions. */
export interface Hearer {
  onSocket(socket: DatagramSocket): void;
  onBroadcast(socket: DatagramSocket, answering: Answering): void;
  onProblem(error: TftpError): void;
}

/** What runs behind the doors while they move. */
export interface Moving {
  /** Whether it needs the doors. */
  readonly bound: boolean;
  /** New requests are passed on from now on; returns whose packets are still for it. */
  passOn(pass: (datagram: Uint8Array, from: Address, at: Address) => void): readonly Address[];
  end(graceMillis: number): void;
}

type Listening = Pick<Listeners, "addresses" | "bound" | "close">;

export class Doors {
  readonly #listeners: Listening[] = [];
  readonly #sockets: MovableSockets;
  readonly #handedOver: HandedOver | undefined;

  private constructor(network: Network, { handedOver, tap }: Where) {
    this.#handedOver = handedOver;
    this.#sockets = new MovableSockets(network, handedOver, tap);
  }

  /** Throws TftpError. */
  static async open(where: Where, network: Network, hearer: Hearer): Promise<Doors> {
    const doors = new Doors(network, where);
    try {
      await doors.#open(where, hearer);
      return doors;
    } catch (thrown) {
      await doors.close();
      throw thrown;
    }
  }

  get addresses(): readonly Address[] {
    return this.#listeners.flatMap((each) => each.addresses);
  }

  get bound(): readonly BoundSocket[] {
    return this.#listeners.flatMap((each) => each.bound);
  }

  /** Whether what runs in the process before this one needs them. */
  get needed(): boolean {
    return this.#handedOver?.owing.bound ?? false;
  }

  /** Resolves when they are closed here, and all else goes by the link. */
  async handOn(link: Link, moving: Moving): Promise<void> {
    this.#sockets.moveTo(link, (graceMillis) => moving.end(graceMillis));
    link.onClosed = () => {
      if (moving.bound) moving.end(0);
    };
    await this.close();
    const own = moving.passOn((datagram, from, at) => {
      link.send({ kind: "heard", at: nameOf(at), datagram, from });
    });
    const { peers = [], bound = false } = this.#handedOver?.owing ?? {};
    const all = [...own.map(nameOf), ...peers];
    link.send({ kind: "yours", peers: all, bound: moving.bound || bound });
  }

  /** Resolves when the process before this one needs them no more; it has `graceMillis`. */
  async release(graceMillis: number): Promise<void> {
    await this.#handedOver?.end(graceMillis);
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((each) => each.close()));
  }

  async #open(where: Where, hearer: Hearer): Promise<void> {
    const { inherited, reusePort = false } = where;
    const { network } = this.#sockets;
    if (inherited) {
      const add = (socket: DatagramSocket): DatagramSocket => this.#sockets.add(socket);
      this.#listeners.push(await InheritedListeners.open(inherited, add, hearer.onSocket));
    }
    for (const { hosts, port } of whereToListen(where)) {
      const how = { hosts, port, network, reusePort, ...hearer };
      this.#listeners.push(await Listeners.open(how));
    }
    if (this.addresses.length === 0) throw noAddress();
  }
}

function whereToListen(
  where: Where,
): { readonly hosts: readonly string[] | "every"; readonly port: number }[] {
  if (where.inherited) return [];
  if (where.listen) return where.listen.map(({ host, port }) => ({ hosts: [host], port }));
  const { host = "every", port = 69 } = where;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TftpError("INVALID_ARGUMENT", `there is no port ${port}`);
  }
  return [{ hosts: host === "every" || typeof host !== "string" ? host : [host], port }];
}
