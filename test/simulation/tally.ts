// What a number of simulated runs came to. Several can be added up.

export class Tally {
  seeds = 0;
  transfers = 0;
  events = 0;
  worstDataPerBlock = 0;
  worstMillis = 0;
  readonly counts = new Map<string, number>();

  add(name: string, count: number): void {
    if (count > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + count);
  }

  addFaults(place: string, faults: object): void {
    for (const [name, count] of Object.entries(faults)) this.add(`${place}: ${name}`, count);
  }

  merge(other: Tally): void {
    this.seeds += other.seeds;
    this.transfers += other.transfers;
    this.events += other.events;
    this.worstDataPerBlock = Math.max(this.worstDataPerBlock, other.worstDataPerBlock);
    this.worstMillis = Math.max(this.worstMillis, other.worstMillis);
    for (const [name, count] of other.counts) this.add(name, count);
  }
}
