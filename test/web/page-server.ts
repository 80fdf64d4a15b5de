// A server with a page, and questions to it.

import { mkdir, symlink, writeFile } from "node:fs/promises";
import { request as ask } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { folder, type Serving, serving } from "../cli/command.ts";

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** What no page has, though each object of the language has it. */
export const foreignPaths: readonly string[] = [
  ...["/api/constructor", "/api/toString", "/api/__proto__", "/api/valueOf"],
  ...["/api/transfers/1/constructor", "/api/transfers/1/__proto__"],
];

/** Unlike fetch it sends any Host and any path. */
export function http(base: string, path: string, asked: Asked = {}): Promise<Answer> {
  const { hostname: host, port } = new URL(base);
  const { method = "GET", headers = {}, body } = asked;
  return new Promise((done, failed) => {
    const sent = ask({ host, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        done({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    sent.on("error", failed).end(body);
  });
}

export interface Web extends Serving {
  /** Of the page, ends with a slash. */
  readonly page: string;
  readonly root: string;
}

/** A folder with a few files, and the page of its server. */
export async function web(t: TestContext, args: readonly string[] = []): Promise<Web> {
  const root = await folder(t);
  await writeFile(join(root, "a.txt"), "hello");
  await writeFile(join(root, ".secret"), "no");
  await mkdir(join(root, "boot"));
  await symlink("/etc", join(root, "out"));
  const server = await serving(t, [root, "--web", "127.0.0.1:0", ...args]);
  const [, page = ""] = await server.printed(/Watch it on (http:\S+)/);
  return { ...server, page, root };
}

/** What the page itself would send. */
export function ownPut(body: string): Asked {
  return { method: "PUT", headers: { "x-tidewire": "1" }, body };
}
