// Verifies webhooks with the Standard Webhooks package and prints one line of JSON for each.
//   node receiver.mjs FOLDER_OF_NODE_MODULES
// Secrets come on standard input, one line of JSON each time they change: {"secrets": [...], "status": 204}
import http from "node:http";
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(process.argv[2] + "/");
const { Webhook } = require("standardwebhooks");
let secrets = [];
let status = 204;

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const wanted = JSON.parse(line);
  secrets = wanted.secrets ?? secrets;
  status = wanted.status ?? status;
  console.log(JSON.stringify({ set: true }));
}).on("close", () => process.exit());

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString("utf8");
    const verified = secrets.map((secret) => {
      try {
        new Webhook(secret).verify(body, request.headers);
        return true;
      } catch (error) {
        return String(error);
      }
    });
    console.log(JSON.stringify({ id: request.headers["webhook-id"], verified, status, event: JSON.parse(body) }));
    response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
