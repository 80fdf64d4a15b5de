// Plays the script of a device: in virtual time against our server, or, with TIDEWIRE_PLAY, over
// loopback against a real one (scripts/devices.mjs does so and writes down who passes).

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { directory, type MemoryStorage, memory, type ServerEvent, serve } from "../../src/index.ts";
import { folder } from "../interop/exchange.ts";
import { Device, NotApplicable } from "./line.ts";
import { RealStage, startForeign } from "./real.ts";
import { World, type WorldOptions } from "./world.ts";

export interface Setting extends Partial<WorldOptions> {
  readonly files?: { readonly [name: string]: Uint8Array | string };
  readonly uploads?: "create" | "overwrite";
  /** Why the script makes no sense against another server than ours in virtual time. */
  readonly simulatedOnly?: string;
  /** What our server must have told, and hold, in the end. */
  readonly after?: (ended: Ended) => void;
}

export interface Ended {
  readonly world: World;
  readonly events: readonly ServerEvent[];
  readonly endings: readonly string[];
  readonly stored: ReadonlyMap<string, Uint8Array>;
}

/** So ended the transfers, each of a client of this family. */
export const endedAs =
  (family: string, ...endings: readonly string[]) =>
  ({ events, endings: found }: Ended): void => {
    assert.deepEqual(found, endings);
    for (const event of events) {
      if (event.kind === "ended") assert.equal(event.transfer.family, family);
    }
  };

const timeout = 60_000;

export function device(
  name: string,
  setting: Setting,
  script: (device: Device, world: World) => Promise<void>,
): void {
  const against = process.env.TIDEWIRE_PLAY;
  if (!against) test(name, { timeout }, () => playInVirtualTime(setting, script));
  else {
    const skip = setting.simulatedOnly ?? false;
    test(name, { timeout: 5 * timeout, skip }, (t) =>
      playOverLoopback(t, against, setting, (device) => {
        return script(device, undefined as unknown as World);
      }),
    );
  }
}

async function playInVirtualTime(
  setting: Setting,
  script: (device: Device, world: World) => Promise<void>,
): Promise<void> {
  const kept: MemoryStorage = memory(
    setting.files,
    setting.uploads ? { uploads: setting.uploads } : {},
  );
  const world = new World({ storage: kept, ...setting });
  await world.play(Device.on(world).then((device) => script(device, world)));
  const { events } = world;
  const endings = events.flatMap((event) => (event.kind === "ended" ? [event.ending] : []));
  setting.after?.({ world, events, endings, stored: kept.files });
}

async function playOverLoopback(
  t: TestContext,
  against: string,
  setting: Setting,
  script: (device: Device) => Promise<void>,
): Promise<void> {
  if (against === "dnsmasq" && setting.uploads) return t.skip("no uploads");
  const root = await folder(t);
  for (const [name, content] of Object.entries({ ready: "ready", ...setting.files })) {
    const path = join(root, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content, { mode: 0o666 });
  }
  const host = "127.0.0.1";
  if (against === "tidewire") {
    const { limits, judge, uploads = "off" } = setting;
    const given = { ...(limits ? { limits } : {}), ...(judge ? { judge } : {}) };
    const server = await serve({ storage: directory(root, { uploads }), host, port: 69, ...given });
    t.after(() => server.close());
  } else await startForeign(t, against, root, setting.limits?.blksizeMax);
  const stage = new RealStage(t, { host, port: 69 }, against !== "tidewire");
  await script(await Device.on(stage)).catch((thrown: unknown) => {
    if (!(thrown instanceof NotApplicable)) throw thrown;
    t.skip(thrown.message);
  });
}
