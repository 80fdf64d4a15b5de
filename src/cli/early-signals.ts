// What signals mean to a server has no meaning before it is there; without a handler the system or
// Node would end the process, or open a debugger. It must not know what they mean.

const signals = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** The result ends it, when others heed them. */
export function refuseEarlySignals(tell: (line: string) => void): () => void {
  const refuse = (signal: NodeJS.Signals): void => {
    tell(`${signal} came before this serves; send it again.`);
  };
  for (const signal of signals) process.on(signal, refuse);
  return () => {
    for (const signal of signals) process.off(signal, refuse);
  };
}
