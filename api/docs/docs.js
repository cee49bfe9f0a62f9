"use strict";
(async () => {
  const main = document.getElementById("main");
  const index = document.getElementById("index");
  const element = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  let api;
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(answer.status + " " + answer.statusText);
    api = await answer.json();
  } catch (error) {
    main.replaceChildren(element("p", "openapi.json could not be read: " + error.message));
    return;
  }

  const resolve = (schema) => {
    for (let i = 0; schema && schema.$ref && i < 8; ++i) {
      schema = schema.$ref.slice(2).split("/").reduce((at, part) => at && at[part], api);
    }
    return schema || {};
  };
  const typeOf = (schema) => {
    const name = schema.$ref ? schema.$ref.split("/").pop() : "";
    const found = resolve(schema);
    if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
    if (found.type === "array") return "array of " + typeOf(found.items || {});
    if (found.anyOf) return found.anyOf.map(typeOf).join(" or ");
    const type = Array.isArray(found.type) ? found.type.join(" or ") : found.type || "any";
    return name && type === "object" ? name : type;
  };
  const limits = (schema) => {
    const found = resolve(schema);
    const words = [];
    for (const key of ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "format", "default"])
      if (found[key] !== undefined) words.push(key + " " + found[key]);
    return words.join(", ");
  };
  const table = (rows) => {
    const made = element("table");
    for (const row of rows) {
      const line = made.appendChild(element("tr"));
      line.appendChild(element("td")).appendChild(element("code", row[0]));
      for (const cell of row.slice(1)) line.appendChild(element("td", cell));
    }
    return made;
  };
  const members = (schema, depth = 0) => {
    const found = resolve(schema);
    const box = element("div");
    if (found.description) box.appendChild(element("p", found.description));
    const required = new Set(found.required || []);
    const properties = Object.entries(found.properties || {});
    if (properties.length) {
      box.appendChild(table(properties.map(([name, value]) => [
        name + (required.has(name) ? " *" : ""), typeOf(value),
        [value.description || resolve(value).description, limits(value)].filter(Boolean).join("; ")])));
    }
    for (const [name, value] of properties) {
      const inner = resolve(value).type === "array" ? resolve(resolve(value).items || {}) : resolve(value);
      if (depth < 3 && inner.properties) {
        const details = box.appendChild(element("details"));
        details.appendChild(element("summary", name));
        details.appendChild(members(inner, depth + 1));
      }
    }
    const examples = found.examples || [];
    for (const example of examples) box.appendChild(element("pre", JSON.stringify(example, null, 2)));
    return box;
  };

  main.replaceChildren(element("h2", api.info.title + " " + api.info.version), element("p", api.info.description));
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags[0];
      if (tag === "documents") continue;
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push({ path, method, operation });
    }
  }
  for (const [tag, operations] of groups) {
    index.appendChild(element("h2", tag));
    const list = index.appendChild(element("ul"));
    main.appendChild(element("h2", tag));
    for (const { path, method, operation } of operations) {
      const id = operation.operationId;
      list.appendChild(element("li")).appendChild(element("a", operation.summary, { href: "#" + id }));
      const section = main.appendChild(element("section", undefined, { id }));
      const title = section.appendChild(element("h3"));
      title.appendChild(element("span", method.toUpperCase(), { class: "method" }));
      title.appendChild(element("code", path));
      section.appendChild(element("p", operation.summary + ". " + (operation.description || "")));
      if (operation.parameters) {
        section.appendChild(table(operation.parameters.map((p) => [
          p.name + (p.required ? " *" : ""), p.in + ", " + typeOf(p.schema),
          [p.description, limits(p.schema)].filter(Boolean).join("; ")])));
      }
      const show = (name, content) => {
        const types = Object.keys(content || {});
        if (!types.length || !content[types[0]].schema) return;
        const details = section.appendChild(element("details"));
        details.appendChild(element("summary", name + ": " + types.join(", ")));
        details.appendChild(members(content[types[0]].schema));
      };
      if (operation.requestBody) show("Body", operation.requestBody.content);
      for (const [status, response] of Object.entries(operation.responses)) show("Answer " + status, resolve(response).content);
    }
  }
  if (location.hash) {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) target.scrollIntoView();
  }
})();
