// Fetches one configuration backup: the server is read-only and takes exactly the upload that it
// expects. Run: node examples/expected-upload.mjs
import { memory, put, serve } from "tidewire";

const server = await serve({ storage: memory(), host: "127.0.0.1", port: 0 });

const backup = server.expectUpload({
  name: "switch-07.cfg",
  client: "127.0.0.1",
  sizeMax: 1_000_000,
  lifetimeMillis: 60_000,
});

// What a switch would do with "copy running-config tftp:", once it is told to.
const config = new TextEncoder().encode("hostname switch-07\ninterface vlan 1\n");
const url = `tftp://127.0.0.1:${server.address.port}/switch-07.cfg`;
await put(url, config);

const { name, client, size, sha256, bytes } = await backup;
console.log(`${name}: ${size} bytes from ${client.host}, SHA-256 ${sha256.slice(0, 16)}...`);
console.log(new TextDecoder().decode(bytes));

await put(url, config).catch((error) => console.log(`Once more: ${error.message}`));
await server.close();
