// A server whose files are made at the moment they are asked for: each phone gets its own
// configuration, named after its MAC address. Run: node examples/generated-configs.mjs
import { generated, get, serve, TftpError } from "tidewire";

const phones = new Map([["001122334455", { extension: "201", label: "Reception" }]]);

const storage = generated(({ name, client }) => {
  const mac = /^SEP([0-9A-F]{12})\.cnf\.xml$/i.exec(name)?.[1];
  if (mac === undefined) return undefined; // file not found
  const phone = phones.get(mac);
  if (!phone) throw new TftpError("ACCESS_VIOLATION", "this phone is not registered");
  return `<device for="${client.host}"><line>${phone.extension} ${phone.label}</line></device>\n`;
});

const server = await serve({ storage, host: "127.0.0.1", port: 0 });
const base = `tftp://127.0.0.1:${server.address.port}`;

console.log(await get(`${base}/SEP001122334455.cnf.xml`).text());
try {
  await get(`${base}/SEPFFFFFFFFFFFF.cnf.xml`).text();
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
await server.close();
