// Says that a run broke a rule. As rules are looked at in every step, a message that names numbers
// is only made once one is broken.

export function must(holds: boolean, rule: string): asserts holds {
  if (!holds) broken(rule);
}

export function broken(rule: string): never {
  throw new Error(rule);
}
