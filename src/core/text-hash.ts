// A number of 32 bits for a text, where a collision does no harm. Pure.

/** With a secret `seed` it is not to be foreseen by those who would like to be taken for others. */
export function textHash(text: string, seed: number): number {
  let hash = seed;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 15;
  }
  return hash;
}
