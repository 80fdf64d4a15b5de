// Takes configuration backups that switches upload, keeps them in memory and says what came from
// whom. Run: node examples/collect-backups.mjs
import { memory, put, serve } from "tidewire";

const storage = memory({}, { uploads: "create" });
const server = await serve({
  storage,
  host: "127.0.0.1",
  port: 0,
  limits: { uploadBytesMax: 1_000_000 },
  judge: ({ op, filename }) =>
    op === "wrq" && filename.endsWith(".cfg") ? { kind: "allow" } : { kind: "ignore" },
  onEvent: (event) => {
    if (event.kind !== "ended" || event.ending !== "completed") return;
    const { filename, bytes, client } = event.transfer;
    console.log(`${filename}: ${bytes} bytes from ${client.host}`);
  },
});

// What a switch would do with "copy running-config tftp:".
const config = new TextEncoder().encode("hostname switch-07\ninterface vlan 1\n");
await put(`tftp://127.0.0.1:${server.address.port}/switch-07.cfg`, config);

console.log(new TextDecoder().decode(storage.files.get("switch-07.cfg")));
await server.close();
