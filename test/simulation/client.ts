// A client of a world: our own, with its storage, which fetches or brings one file. Whatever it is
// told, it must end, and a file that it calls whole must be whole.

import { ask } from "../../src/client/ask.ts";
import type { ClientParts } from "../../src/client/attempt.ts";
import type { TransferOptions } from "../../src/client/transfer-options.ts";
import { TftpError } from "../../src/core/errors.ts";
import type { Millis, Mode } from "../../src/core/packet.ts";
import type { Network } from "../../src/ports.ts";
import type { Disk, DiskSink } from "./disk.ts";
import { type Host, serverName } from "./fabric.ts";
import type { VirtualClock } from "./virtual-clock.ts";

export interface ClientPlan {
  readonly op: "rrq" | "wrq";
  readonly filename: string;
  readonly mode: Mode;
  /** What the file holds; undefined: there is none of that name. */
  readonly content: Buffer | undefined;
  readonly options: TransferOptions;
  readonly startMillis: Millis;
  /** Counted from the start. */
  readonly abortMillis?: Millis;
  readonly dieMillis?: Millis;
}

export interface ClientSurroundings {
  readonly clock: VirtualClock;
  readonly host: Host;
  readonly disk: Disk;
  /** What the server has stored under a name. */
  readonly stored: (name: string) => Uint8Array | undefined;
  readonly jitter: number;
  readonly note: (fault: string) => void;
}

export class Client {
  readonly plan: ClientPlan;
  /** "whole", or the code of the error. */
  ending: string | undefined;
  durationMillis: Millis = 0;
  readonly #around: ClientSurroundings;
  /** The ports that it has asked from. */
  readonly ports = new Set<number>();
  #sink: DiskSink | undefined;
  #stores = false;

  constructor(plan: ClientPlan, around: ClientSurroundings) {
    this.plan = plan;
    this.#around = around;
  }

  /** The file that was asked for is stored here. */
  get committed(): boolean {
    return this.#stores;
  }

  async run(): Promise<void> {
    const { clock, note } = this.#around;
    const { startMillis } = this.plan;
    if (startMillis > 0) await clock.after(startMillis);
    try {
      await this.#ask();
      this.ending = "whole";
      this.#checkWhole();
    } catch (thrown) {
      this.ending = thrown instanceof TftpError ? thrown.code : String(thrown);
      if (!(thrown instanceof TftpError)) note(`a client threw ${thrown}`);
    }
    this.durationMillis = clock.now() - startMillis;
  }

  async #ask(): Promise<void> {
    const { clock, host, disk, jitter } = this.#around;
    const { op, filename, mode, content, options, abortMillis, dieMillis } = this.plan;
    const parts: ClientParts = { clock, network: this.#network(), random: () => jitter };
    const target = { host: serverName, port: 69, filename, mode };
    let { signal } = options;
    if (abortMillis !== undefined) {
      const controller = new AbortController();
      clock.at(clock.now() + abortMillis, () => controller.abort());
      signal = controller.signal;
    }
    if (dieMillis !== undefined) {
      clock.at(clock.now() + dieMillis, () => {
        host.alive = false;
      });
    }
    const wishes = signal ? { ...options, signal } : options;
    if (op === "wrq") {
      const source = disk.source(content as Buffer);
      await ask(parts, target, { op, source }, wishes);
    } else {
      this.#sink = disk.sink((whole) => this.#checkFetched(whole));
      await ask(parts, target, { op, sink: this.#sink }, wishes);
    }
  }

  #network(): Network {
    const { host } = this.#around;
    return {
      open: async (local, options) => {
        const socket = await host.open(local, options);
        this.ports.add(socket.local.port);
        return socket;
      },
      resolve: (name) => host.resolve(name),
      route: () => host.route(),
      mtu: () => host.mtu(),
    };
  }

  #checkFetched(whole: Uint8Array): void {
    this.#stores = true;
    const { content, filename } = this.plan;
    if (content?.equals(whole)) return;
    this.#around.note(
      `${filename} was fetched with ${whole.length} bytes that are not its ${content?.length}`,
    );
  }

  #checkWhole(): void {
    const { op, filename, content } = this.plan;
    const { note, stored } = this.#around;
    if (op === "rrq" && !this.committed) note(`${filename} was fetched, but is not stored`);
    if (op === "wrq") {
      const there = stored(filename);
      if (!there || !content?.equals(there)) note(`${filename} was brought, but is not there`);
    }
  }
}
