// A collector of OTLP over HTTP: receiver.mjs NODE_MODULES FAILURES. Decodes what comes with the code generated from the
// official schema, and prints a line of JSON for each request. Answers the first FAILURES requests with 503.
import { createRequire } from "node:module";
import http from "node:http";

const require = createRequire(`${process.argv[2]}/`);
const { opentelemetry } = require("@opentelemetry/otlp-transformer/build/src/generated/root.js");
const Request = opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;
let failures = Number(process.argv[3]);

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces);
    const told = { path: request.url, method: request.method, headers: request.headers, status: 200 };
    if (failures-- > 0) {
      told.status = 503;
    } else {
      try {
        const message = Request.decode(body);
        // What the schema does not know would be lost on the way through it.
        told.unknown = !Buffer.from(Request.encode(message).finish()).equals(body);
        told.wrong = Request.verify(message);
        told.request = Request.toObject(message, { longs: String, enums: String, bytes: String });
      } catch (error) {
        told.status = 400;
        told.wrong = String(error);
      }
    }
    console.log(JSON.stringify(told));
    response.writeHead(told.status, { "Content-Type": "application/x-protobuf" });
    response.end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
