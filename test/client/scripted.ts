// A scripted TFTP server: takes one request after the other, answers each from a port of its own.

import type { TestContext } from "node:test";
import type { Request } from "../../src/core/packet.ts";
import type { Address } from "../../src/ports.ts";
import { type Arrived, Device, valuesOf } from "../server/device.ts";

/** One request, and the transfer's own end of the server. */
export interface Asked {
  readonly request: Request;
  readonly options: { readonly [name: string]: string };
  readonly client: Address;
  readonly tid: Device;
  send(datagram: Uint8Array): Promise<void>;
}

export class Scripted {
  readonly #test: TestContext;
  readonly port: Device;

  static async open(t: TestContext, host?: string, port?: number): Promise<Scripted> {
    return new Scripted(t, await Device.open(t, host, port));
  }

  private constructor(t: TestContext, port: Device) {
    this.#test = t;
    this.port = port;
  }

  url(name = "boot.img"): string {
    const { host, port } = this.port.address;
    return `tftp://${host.includes(":") ? `[${host}]` : host}:${port}/${name}`;
  }

  /** The next request. */
  async asked(op: "rrq" | "wrq"): Promise<Asked> {
    const { packet, from } = (await this.port.expect(op)) as Arrived & { packet: Request };
    const tid = await Device.open(this.#test, this.port.address.host);
    return {
      request: packet,
      options: valuesOf(packet.options),
      client: from,
      tid,
      send: (datagram) => tid.send(datagram, from),
    };
  }
}
