// Fetches a large file chunk by chunk, with progress and a time limit.
// Run: node examples/fetch-with-progress.mjs
import { createHash, randomBytes } from "node:crypto";
import { get, memory, serve } from "tidewire";

const image = randomBytes(3_000_000);
const server = await serve({ storage: memory({ image }), host: "127.0.0.1", port: 0 });

let quarter = 1;
const download = get(`tftp://127.0.0.1:${server.address.port}/image`, {
  signal: AbortSignal.timeout(10_000),
  onProgress: ({ bytes, size }) => {
    if (size === undefined || bytes < (size * quarter) / 4) return;
    console.log(`${Math.floor((100 * bytes) / size)} %`);
    quarter = Math.floor((4 * bytes) / size) + 1;
  },
});
const hash = createHash("sha256");
for await (const chunk of download) hash.update(chunk); // the server waits while we work
console.log(hash.digest("hex") === createHash("sha256").update(image).digest("hex"));

await server.close();
