// Where the single-file executable begins.

import { main } from "./main.ts";

// Whoever starts it again, as a worker or a successor, names it once more as its own script.
const args = process.argv.slice(2);
void main(args[0] === process.argv[1] ? args.slice(1) : args);
