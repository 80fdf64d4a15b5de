// A client that takes its time, as an old boot ROM does: something to watch on the server's page.
// Run: node examples/slow-client.mjs [URL]
import { setTimeout } from "node:timers/promises";
import { get, memory, serve } from "tidewire";

const [url] = process.argv.slice(2);
const storage = memory({ image: new Uint8Array(20_000) });
const own = url ? undefined : await serve({ storage, host: "127.0.0.1", port: 0 });
const from = url ?? `tftp://127.0.0.1:${own.address.port}/image`;

const startedAt = performance.now();
let bytes = 0;
let shown = 0;
const onProgress = ({ bytes: so, size }) => {
  const percent = Math.floor((10 * so) / size) * 10;
  if (percent > shown) console.log(`${(shown = percent)} %`);
};
for await (const chunk of get(from, { blksize: 1000, windowsize: 1, onProgress })) {
  bytes += chunk.length;
  await setTimeout(100); // the server hears the ACK after this
}
console.log(`${bytes} bytes in ${Math.round((performance.now() - startedAt) / 1000)} s`);
await own?.close();
