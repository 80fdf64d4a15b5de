// What the process before this one has left to it: listening sockets, and the ports of the page.
// How it travels: descriptors from the parent process, named in one variable of the environment.

import { closeSync } from "node:fs";
import { type Address, type BoundSocket, HandedOver } from "../index.ts";
import { ProcessLink } from "./process-link.ts";

/** As the environment carries it; descriptors are those of the new process. */
export interface Estate {
  readonly sockets: readonly BoundSocket[];
  /** Of the page and the metrics, by the address that was asked for. */
  readonly pages: readonly PageSocket[];
  /** systemd has bound the sockets, so no flag names them. */
  readonly activated: boolean;
}

export interface PageSocket extends Address {
  readonly fd: number;
}

export const estateName = "TIDEWIRE_HANDED_OVER";

export class Heritage {
  readonly handedOver: HandedOver;
  /** Where systemd wanted it to listen. */
  readonly activated: readonly Address[] | undefined;
  readonly #pages: PageSocket[];
  readonly #link = new ProcessLink(process);

  constructor({ sockets, pages, activated }: Estate) {
    this.handedOver = new HandedOver(sockets, this.#link);
    this.activated = activated ? sockets.map(({ local }) => local) : undefined;
    this.#pages = [...pages];
  }

  /** A descriptor that listens on this TCP address, once. */
  pageAt({ host, port }: Address): number | undefined {
    const at = this.#pages.findIndex((page) => page.host === host && page.port === port);
    return at < 0 ? undefined : this.#pages.splice(at, 1)[0]?.fd;
  }

  /** Serves from now on, and closes what nobody has asked for. */
  async begin(): Promise<void> {
    for (const { fd } of this.#pages.splice(0)) closeSync(fd);
    this.#link.ref();
    await this.handedOver.begin();
    this.#link.unref();
  }
}

/** Whether there is somebody to follow. */
export function isHeir(): boolean {
  return process.env[estateName] !== undefined;
}

/** Takes the variable out of the environment. Undefined where there is nobody to follow. */
export function heritage(): Heritage | undefined {
  const text = process.env[estateName];
  delete process.env[estateName];
  return text === undefined ? undefined : new Heritage(JSON.parse(text));
}
