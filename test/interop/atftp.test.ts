// atftp's client against our server: block sizes, windows, tsize and timeout.

import assert from "node:assert/strict";
import { brings, fetches, type Move, type Served, served } from "./exchange.ts";
import { run, testWith } from "./peers.ts";

function client(program: string, way: "get" | "put", to: Served, wish: readonly string[]): Move {
  const { host, port } = to.address;
  const options = wish.flatMap((option) => ["--option", option]);
  const flag = way === "get" ? "-g" : "-p";
  return (remote, local) => {
    return run(program, [...options, flag, "-r", remote, "-l", local, host, `${port}`]);
  };
}

const cases: readonly (readonly [wish: string[], blksize: number, windowsize: number])[] = [
  [[], 512, 1],
  [["blksize 1428"], 1428, 1],
  [["blksize 8192", "tsize 0", "timeout 3"], 8192, 1],
  [["windowsize 8"], 512, 8],
  [["blksize 1428", "windowsize 16"], 1428, 16],
];
for (const [wish, blksize, windowsize] of cases) {
  testWith("atftp", `atftp with "${wish.join(", ")}" fetches and brings`, async (t, program) => {
    const here = await served(t);
    await fetches(here, client(program, "get", here, wish));
    await brings(here, client(program, "put", here, wish));
    assert.ok(here.ended.length > 0);
    for (const transfer of here.ended) {
      assert.deepEqual([transfer.blksize, transfer.windowsize], [blksize, windowsize]);
    }
  });
}

testWith("atftp", "atftp fetches and brings over IPv6", async (t, program) => {
  const here = await served(t, "::1");
  await fetches(here, client(program, "get", here, ["blksize 1428"]));
  await brings(here, client(program, "put", here, ["blksize 1428"]));
});
