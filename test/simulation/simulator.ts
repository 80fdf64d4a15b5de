// Runs one seed after the other, some worlds at a time: each does one step in a turn of the event
// loop, so that all that a step sets off has settled before the next.

import { runMachines } from "./machines.ts";
import { Random } from "./random.ts";
import { Tally } from "./tally.ts";
import { World } from "./world.ts";

export interface SimulatorOptions {
  /** The first, and how far from one to the next. */
  readonly seed: number;
  readonly step: number;
  /** It stops after so many seeds, or when so much time is over. */
  readonly runs?: number;
  readonly seconds?: number;
  readonly trace?: (line: string) => void;
}

export class SeedFailed extends Error {
  readonly seed: number;

  constructor(seed: number, cause: unknown) {
    super(`Seed ${seed} failed: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.seed = seed;
  }
}

/** The one command that runs just this seed. */
export function replayCommand(seed: number): string {
  return `npm run simulate -- --seed ${seed} --runs 1 --trace`;
}

/** Worlds that are under way at once: turns of the event loop are dear. */
const worldsAtOnce = 8;
/** Machines alone settle at once, and so take no turn each. */
const machinesInTurn = 50;
/** Most seeds are two machines alone; a world has six clients and costs as much as fifty. */
const worldRatio = 0.02;

export class Simulator {
  readonly tally: Tally = new Tally();
  readonly #options: SimulatorOptions;
  readonly #until: number;
  #begun = 0;
  #resolve: () => void = () => {};
  #reject: (reason: unknown) => void = () => {};
  #lanes = 0;
  #stopped = false;
  /** Whose step was the last. */
  #current = 0;

  constructor(options: SimulatorOptions) {
    this.#options = options;
    this.#until = performance.now() + (options.seconds ?? Infinity) * 1000;
  }

  /** Throws SeedFailed. */
  async run(): Promise<void> {
    const onRejection = (reason: unknown): void => this.#fail(this.#current, reason);
    process.on("unhandledRejection", onRejection);
    try {
      await new Promise<void>((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
        this.#lanes = worldsAtOnce;
        for (let lane = 0; lane < worldsAtOnce; lane++) setImmediate(() => this.#next());
      });
    } finally {
      process.off("unhandledRejection", onRejection);
    }
  }

  #next(): void {
    for (let runs = 0; runs < machinesInTurn; runs++) {
      const seed = this.#begin();
      if (seed === undefined) return;
      this.#current = seed;
      try {
        if (isWorld(seed)) {
          this.#runWorld(seed);
          return;
        }
        runMachines(seed, this.tally);
        this.tally.seeds += 1;
      } catch (thrown) {
        this.#fail(seed, thrown);
        return;
      }
    }
    setImmediate(() => this.#next());
  }

  /** The seed of the next run; undefined: it was the last. */
  #begin(): number | undefined {
    const { seed, step, runs = Infinity } = this.#options;
    if (this.#stopped || this.#begun >= runs || performance.now() >= this.#until) {
      this.#lanes -= 1;
      if (this.#lanes === 0) this.#resolve();
      return undefined;
    }
    this.#begun += 1;
    return seed + (this.#begun - 1) * step;
  }

  #runWorld(seed: number): void {
    const world = new World(seed, this.#options.trace);
    const step = (): void => {
      this.#current = seed;
      try {
        if (this.#stopped) this.#next();
        else if (world.step()) setImmediate(step);
        else {
          this.tally.seeds += 1;
          world.count(this.tally);
          this.#next();
        }
      } catch (thrown) {
        this.#fail(seed, thrown);
      }
    };
    setImmediate(step);
  }

  #fail(seed: number, thrown: unknown): void {
    this.#stopped = true;
    this.#reject(new SeedFailed(seed, thrown));
  }
}

/** What kind of run it is has nothing to do with what is drawn for it. */
function isWorld(seed: number): boolean {
  return new Random(seed + kindPlace).chance(worldRatio);
}

const kindPlace = 9_000_003;
