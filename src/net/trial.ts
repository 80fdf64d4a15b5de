// Whether to try what does not always pay: the less it does, the more rarely.

/** What does not pay is left out so often at most before it is tried again. */
const pauseMax = 64;

export class Trial {
  #pause = 1;
  #skip = 0;

  isDue(): boolean {
    if (this.#skip === 0) return true;
    this.#skip -= 1;
    return false;
  }

  told(paid: boolean): void {
    this.#pause = paid ? 1 : Math.min(2 * this.#pause, pauseMax);
    this.#skip = this.#pause - 1;
  }
}
