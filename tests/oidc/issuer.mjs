// An issuer with two keys; prints its address, then for each line of claims on standard input a token.
import { createInterface } from "node:readline";
import { OAuth2Server } from "oauth2-mock-server";

const server = new OAuth2Server();
await server.issuer.keys.generate("RS256");
await server.issuer.keys.generate("ES256");
await server.start(0, "127.0.0.1");
server.issuer.url = `http://127.0.0.1:${server.address().port}`;
console.log(server.issuer.url);

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if (asked.new_key) await server.issuer.keys.generate(asked.new_key);
  const keys = server.issuer.keys.toJSON();
  const key = asked.algorithm ? keys.filter((k) => k.alg === asked.algorithm).at(-1) : keys.at(-1);
  const token = await server.issuer.buildToken({
    kid: key.kid,
    scopesOrTransform: (header, payload) => Object.assign(payload, asked.claims),
  });
  console.log(token);
}
