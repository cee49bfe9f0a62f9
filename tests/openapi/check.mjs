// Lints an OpenAPI document (Redocly's recommended rules) and holds answers of the service against it.
//   node check.mjs NODE_MODULES_FOLDER OPENAPI_FILE ANSWERS_FILE
// ANSWERS_FILE: JSON lines {"method", "path", "status", "body"}; path is that of the document.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, openapi, answers] = process.argv.slice(2);
const require = createRequire(folder + "/");
const { lint, createConfig } = require("@redocly/openapi-core");
const Ajv = require("ajv/dist/2020").default;
const addFormats = require("ajv-formats").default;

let failures = 0;
const fail = (text) => {
  ++failures;
  console.error(text);
};

const config = await createConfig({
  extends: ["recommended"],
  rules: {
    "operation-4xx-response": "error",
    "operation-2xx-response": "off", // a WebSocket begins with 101
    "tag-description": "off",
    "no-server-example.com": "off",
    "no-ambiguous-paths": "off",
    "info-license": "error",
    "no-empty-servers": "error",
  },
});
for (const problem of await lint({ ref: openapi, config })) {
  const where = problem.location?.[0]?.pointer ?? "";
  const line = `${problem.severity} ${problem.ruleId} ${where}: ${problem.message}`;
  if (problem.severity === "error") fail(line);
  else console.log(line);
}

const document = JSON.parse(readFileSync(openapi, "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema(document, "api");
let checked = 0;
for (const line of readFileSync(answers, "utf8").split("\n").filter(Boolean)) {
  const { method, path, status, body } = JSON.parse(line);
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (!operation) {
    fail(`${method} ${path} is not in the document`);
    continue;
  }
  const known = status >= 400 ? `${Math.floor(status / 100)}XX` : String(status);
  const response = operation.responses[known];
  if (!response) {
    fail(`${method} ${path}: the document has no answer ${status}`);
    continue;
  }
  if (status === 204) continue;
  const ref = status >= 400
    ? "api#/components/schemas/Problem"
    : "api" + Object.values(response.content)[0].schema.$ref;
  const validate = ajv.compile({ $ref: ref });
  ++checked;
  if (!validate(body)) {
    fail(`${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body).slice(0, 500)}`);
  }
}
console.log(`${checked} answers held against the document`);
process.exit(failures ? 1 : 0);
