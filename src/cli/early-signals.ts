// What signals mean to a server has no meaning before it is there; without a handler the system or
// Node would end the process, or open a debugger. It must not know what they mean.

const signals = ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const;

/** From the first moment on: most of a start is loading. */
export function refuseEarlySignals(): void {
  for (const signal of signals) process.on(signal, refuse);
}

/** Others heed them by now. */
export function endEarlySignals(): void {
  for (const signal of signals) process.off(signal, refuse);
}

function refuse(signal: NodeJS.Signals): void {
  console.error(`${signal} came before this serves; send it again.`);
}
