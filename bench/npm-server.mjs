// npm's `tftp` as a server process of its own: node npm-server.mjs FOLDER-OF-THE-PACKAGE DIR PORT.
// It is told the largest window of the benchmark; its own default is 4.

import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, root, port] = process.argv.slice(2);
const tftp = createRequire(join(folder, "package.json"))("tftp");
const server = tftp.createServer({
  host: "127.0.0.1",
  port: Number(port),
  root,
  denyPUT: true,
  windowSize: 256,
  blockSize: 65_464,
});
// Without listeners its errors, such as a client that went away, end the process.
server.on("error", () => {});
server.on("request", (request) => request.on("error", () => {}));
server.listen();
