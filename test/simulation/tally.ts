// What a number of simulated runs came to. Several can be added up.

import { type LineFaults, noFaults } from "./line.ts";

export class Tally {
  seeds = 0;
  transfers = 0;
  /** Those of the transfers that had a whole server, sockets and disks. */
  inWorlds = 0;
  events = 0;
  worstDataPerBlock = 0;
  worstMillis = 0;
  /** What became of packets between two machines alone. */
  readonly lines: LineFaults = noFaults();
  readonly counts = new Map<string, number>();

  add(name: string, count: number): void {
    if (count > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  addFaults(place: string, faults: object): void {
    for (const [name, count] of Object.entries(faults)) this.add(`${place}: ${name}`, count);
  }

  /** Also what has come from another thread. */
  merge(other: Tally): void {
    this.seeds += other.seeds;
    this.transfers += other.transfers;
    this.inWorlds += other.inWorlds;
    this.events += other.events;
    this.worstDataPerBlock = Math.max(this.worstDataPerBlock, other.worstDataPerBlock);
    this.worstMillis = Math.max(this.worstMillis, other.worstMillis);
    this.addFaults("network", other.lines);
    for (const [name, count] of other.counts) this.add(name, count);
  }
}
