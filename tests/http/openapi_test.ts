import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import * as z from "zod";
import { REFUSAL_ANSWERS } from "../../src/core/refusal.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { wholeNumber } from "../../src/http/query.ts";
import { type Route, withQuery } from "../../src/http/route.ts";
import { ROUTES } from "../../src/http/routes.ts";
import { problemSchema } from "../../src/http/schemas.ts";
import { makeService } from "../support/http.ts";
import { bearer, tokensOf } from "../support/tokens.ts";

// deno-lint-ignore no-explicit-any -- read as a client does, which knows no types of ours
type Document = any;

function documentOf(routes: readonly Route[]): Document {
  return JSON.parse(JSON.stringify(openApiDocument(routes)));
}

const whole = documentOf(ROUTES);

/** A route as other code may write one. */
const runs: Route = {
  path: "/runs/{id}",
  methods: ["GET"],
  summary: "One run",
  scope: "read",
  ...withQuery(
    z.strictObject({
      offset: wholeNumber(0, 9).default(3).describe("Where to begin"),
      tool: z.string().exactOptional(),
      stream: z.enum(["stdout", "stderr"]),
    }),
    (_context, _parts, _caller, query) => Response.json(query),
  ),
  answers: {
    200: { description: "All", content: z.strictObject({ id: z.uuid() }) },
    206: { description: "A part", content: "application/octet-stream", headers: ["content-range"] },
    404: { description: "No such run", content: problemSchema },
    405: { description: "Not so", headers: ["allow"] },
  },
};

Deno.test("openapi: an independent validator takes the document, with every route and with few", async () => {
  for (const document of [whole, documentOf(ROUTES.slice(0, 3)), documentOf([...ROUTES, runs])]) {
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    assert(valid, JSON.stringify(errors));
  }
  const broken = { ...structuredClone(whole), paths: { "tools": {} } };
  assert.equal((await new Validator().validate(broken)).valid, false, "it takes anything");
});

Deno.test("openapi: every route and method is there, once, under a name of its own", () => {
  const told = Object.entries<Document>(whole.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
  );
  const routed = ROUTES.flatMap(({ path, methods }) => methods.map((method) => `${method} ${path}`));
  assert.deepEqual(told.sort(), routed.sort());
  const names = Object.values<Document>(whole.paths).flatMap((item) =>
    Object.values<Document>(item).map(({ operationId }) => operationId)
  );
  assert.equal(new Set(names).size, routed.length);
  assert(names.includes("postToolsNameExecute"), names.join());
});

Deno.test("openapi: every reference leads somewhere, and every schema that has a name is referred to", () => {
  const referred = new Set(JSON.stringify(whole).match(/#\/components\/schemas\/[A-Za-z]+/g));
  const named = Object.keys(whole.components.schemas).map((name) => `#/components/schemas/${name}`);
  assert.deepEqual([...referred].sort(), named.sort());
  assert.doesNotMatch(JSON.stringify(whole), /"\$(schema|id)":|9007199254740991|undefined/);
});

Deno.test("openapi: what a route takes follows from its scope", () => {
  for (const { path, methods, scope, details } of ROUTES) {
    for (const method of methods) {
      const { security, responses } = whole.paths[path][method.toLowerCase()];
      const optional = details === undefined ? [] : [{}, { bearer: [details] }];
      assert.deepEqual(security, scope === null ? optional : [{ bearer: [scope] }], path);
      for (const status of [401, 429]) assert.equal(status in responses, scope !== null, `${path} ${status}`);
      assert(responses[403].description.includes("Host"), path);
      assert("500" in responses);
    }
  }
  assert.equal(whole.components.securitySchemes.bearer.scheme, "bearer");
});

Deno.test("openapi: the answers to a run are those of the table of outcomes", () => {
  const { responses, requestBody } = whole.paths["/tools/{name}/execute"].post;
  for (const [condition, { httpStatus, title }] of Object.entries(REFUSAL_ANSWERS)) {
    assert(responses[httpStatus].description.includes(title), condition);
  }
  assert.deepEqual(Object.keys(responses), [
    "200",
    "400",
    "401",
    "403",
    "404",
    "408",
    "409",
    "413",
    "429",
    "500",
    "503",
  ]);
  assert.equal(requestBody.required, true);
  assert.deepEqual(requestBody.content["application/json"].schema, {
    $ref: "#/components/schemas/RunRequest",
  });
  assert.equal(whole.paths["/tools/{name}/enable"].post.requestBody.required, false);
  for (const status of [429, 503]) assert("retry-after" in responses[status].headers);
});

Deno.test("openapi: a route that other code writes is told in full", () => {
  const { get } = documentOf([runs]).paths["/runs/{id}"];
  assert.deepEqual(get.parameters, [
    {
      name: "id",
      in: "path",
      required: true,
      description: "The run's id",
      schema: { type: "string", format: "uuid" },
    },
    {
      name: "offset",
      in: "query",
      required: false,
      description: "Where to begin",
      schema: { type: "integer", minimum: 0, maximum: 9, default: 3 },
    },
    { name: "tool", in: "query", required: false, schema: { type: "string" } },
    { name: "stream", in: "query", required: true, schema: { type: "string", enum: ["stdout", "stderr"] } },
  ]);
  assert.equal(get.requestBody, undefined);
  assert.equal(get.responses[400].description, "The query is not valid");
  assert.deepEqual(get.responses[200].content["application/json"].schema, {
    type: "object",
    properties: { id: { type: "string", format: "uuid" } },
    required: ["id"],
    additionalProperties: false,
  });
  assert.deepEqual(Object.keys(get.responses[206].headers), ["content-range"]);
  assert.deepEqual(get.responses[206].content, { "application/octet-stream": {} });
  assert.equal(get.responses[405].content, undefined);
});

Deno.test("openapi: a path with a part that nothing describes is a bug", () => {
  assert.throws(() => openApiDocument([{ ...runs, path: "/x/{y}" }]), /nothing describes \{y\}/);
});

Deno.test("openapi: a server tells of the routes that it has, to those who may read", async () => {
  const tokens = await tokensOf({ r: ["read"], x: ["execute"] });
  const metrics = () => "";
  const service = makeService({ http: { tokens: () => tokens, metrics } });
  const asked = await service.ask("GET /openapi.json", { headers: bearer("r") });
  assert.equal(asked.headers.get("content-type"), "application/json");
  const text = await asked.text();
  const { paths } = JSON.parse(text);
  assert("/metrics" in paths && "/openapi.json" in paths && !("/config" in paths), Object.keys(paths).join());
  assert.equal((await service.ask("GET /openapi.json", { headers: bearer("x") })).status, 403);
  const head = await service.ask("HEAD /openapi.json", { headers: bearer("r") });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  // It is made once.
  assert.equal(await (await service.ask("GET /openapi.json", { headers: bearer("r") })).text(), text);
});
