// Who is here, by name, where thousands come and go. It must not know who they are.

/** A Map that has lived long leaves, each time it is rebuilt, its last state behind in memory that
 * is rarely collected, and with it all that it held. So the map holds places, and who leaves,
 * leaves an empty one. */
export class Roster<K, T extends object> {
  readonly #places = new Map<K, { taken: T | undefined }>();

  get size(): number {
    return this.#places.size;
  }

  get(key: K): T | undefined {
    return this.#places.get(key)?.taken;
  }

  /** Whoever was there before has left. */
  set(key: K, value: T): void {
    this.delete(key);
    this.#places.set(key, { taken: value });
  }

  delete(key: K): void {
    const place = this.#places.get(key);
    if (!place) return;
    place.taken = undefined;
    this.#places.delete(key);
  }

  /** In the order in which they came; some may leave meanwhile. */
  *values(): Generator<T> {
    for (const { taken } of this.#places.values()) if (taken) yield taken;
  }
}
