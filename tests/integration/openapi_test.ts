/** What a server says of its routes, held against what it answers over a real socket. */
import assert from "node:assert/strict";
import { Validator } from "@seriousme/openapi-schema-validator";
import { AnswerCheck } from "../support/answers.ts";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";
import { argumentsFor, holding, letGo, standIn, until } from "./support/reloading.ts";

/** Its programs are stand-ins, which the executable may not start. */
const options = { ignore: BINARY !== null };

const CONFIG = `
auth: { tokens_file: tokens }
security: { allow_intrusive: true, confirm_intrusive: true }
tools: { exclude: ["off"] }
server: { max_body_bytes: 1024 }
`;

/** What a request is, beside its route. */
interface Asked {
  readonly as?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

Deno.test("each answer of a real server is one that its own description has", options, async () => {
  using folder = new TestFolder();
  standIn(folder, "good", "echo good");
  standIn(folder, "bad", "exit 1", "breaker: { failure_threshold: 1 }");
  standIn(folder, "off", "echo off");
  standIn(folder, "intruding", "echo in", "intrusive: true");
  folder.write(
    "tools/gone.yaml",
    "name: gone\ntitle: G\ndescription: G\ncommand: /nowhere/gone\n",
  );
  const { isRunning } = holding(folder, "done", "concurrency: 1\nmax_queue: 0");
  const scopes = { all: "read,execute,admin", reader: "read", runner: "execute" };
  folder.write(
    "tokens",
    Object.entries(scopes).map(([name, list]) => `${name} ${list} ${secretOf(name)}\n`).join(""),
    0o600,
  );
  await using server = await startHttp(argumentsFor(folder, CONFIG));

  const send = async (route: string, { as = "all", body, headers = {} }: Asked = {}) => {
    const [method, path] = route.split(" ") as [string, string];
    const response = await fetch(server.url + path, {
      method,
      headers: {
        ...(as === null ? {} : bearer(as)),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const isStream = response.headers.get("content-type") === "text/event-stream";
    const text = isStream ? "" : await response.text();
    if (isStream) await response.body?.cancel();
    return { method, path, response, text };
  };
  const asked = await send("GET /openapi.json");
  const document = JSON.parse(asked.text);
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert(valid, JSON.stringify(errors));

  const described = new AnswerCheck(document);
  const expect = async (status: number, route: string, options: Asked = {}) => {
    const { method, path, response, text } = await send(route, options);
    assert.equal(response.status, status, `${route}: ${text}`);
    described.check(method, path, { status, headers: response.headers, text });
  };
  const execute = (tool: string) => `POST /tools/${tool}/execute`;

  // Every route that takes nothing but a GET, as it is told of, and HEAD where that is answered likewise.
  const plain = Object.keys(document.paths).filter((path) =>
    document.paths[path].get && !/\{|mcp/.test(path)
  );
  for (const path of plain) {
    const isStream = "text/event-stream" in (document.paths[path].get.responses[200].content ?? {});
    const status = path === "/health" ? (await send(`GET ${path}`)).response.status : 200;
    await expect(status, `GET ${path}`);
    if (!isStream) await expect(status, `HEAD ${path}`);
    const { security } = document.paths[path].get;
    if (security.length === 1) {
      await expect(401, `GET ${path}`, { as: null });
      await expect(403, `GET ${path}`, { as: security[0].bearer[0] === "read" ? "runner" : "reader" });
      await expect(400, `GET ${path}?no_such_thing=1`);
    }
    await expect(403, `GET ${path}`, { headers: { origin: "http://evil.example" } });
    await expect(405, `DELETE ${path}`);
  }
  await expect(404, "GET /nowhere");
  await expect(200, "GET /tools/good");
  await expect(404, "GET /tools/nothing");

  await expect(200, execute("good"), { body: { correlation_id: "a" } });
  await expect(400, execute("good"), { body: { target: 5 } });
  await expect(400, execute("good"), { body: "{" });
  await expect(400, `${execute("good")}?x=1`, { body: {} });
  await expect(401, execute("good"), { body: {}, as: null });
  await expect(403, execute("good"), { body: {}, as: "reader" });
  await expect(403, execute("intruding"), { body: {} });
  await expect(404, execute("nothing"), { body: {} });
  await expect(409, execute("off"), { body: {} });
  await expect(413, execute("good"), { body: { extra_args: "x".repeat(2000) } });
  await expect(503, execute("gone"), { body: {} });
  await expect(200, execute("bad"), { body: {} });
  await expect(503, execute("bad"), { body: {} });
  const held = send(execute("hold"), { body: {} });
  await until("a run of hold", isRunning);
  await expect(429, execute("hold"), { body: {} });
  letGo(folder);
  assert.equal((await held).response.status, 200);

  for (const change of ["disable", "enable", "breaker/reset"]) {
    await expect(200, `POST /tools/bad/${change}`, { body: {} });
    await expect(400, `POST /tools/bad/${change}`, { body: { x: 1 } });
    await expect(403, `POST /tools/bad/${change}`, { body: {}, as: "runner" });
    await expect(404, `POST /tools/nothing/${change}`, { body: {} });
    await expect(413, `POST /tools/bad/${change}`, { body: "x".repeat(2000) });
  }

  const protocol = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "t", version: "1" },
  };
  const initialize = { jsonrpc: "2.0", id: 1, method: "initialize", params: protocol };
  const accept = { accept: "application/json, text/event-stream" };
  await expect(200, "POST /mcp", { body: initialize, headers: accept });
  await expect(406, "POST /mcp", { body: initialize });
  await expect(400, "POST /mcp", { body: "{", headers: accept });
  await expect(400, "GET /mcp");
  await expect(413, "POST /mcp", { body: "x".repeat(2000), headers: accept });
  await expect(404, "DELETE /mcp", { headers: { "mcp-session-id": "nobody" } });
  await expect(401, "POST /mcp", { body: initialize, as: null });
  await expect(405, "PUT /mcp", { body: {} });

  // Too many wrong tokens, last: of them, ten are let by.
  for (let count = 0; count < 12; count++) await send("GET /tools", { headers: bearer("nobody") });
  await expect(429, "GET /tools", { headers: bearer("nobody") });

  // What the table of outcomes has and one server can be made to answer was answered.
  const outcomes = [200, 400, 401, 403, 404, 409, 413, 429, 503];
  for (const status of outcomes) {
    const route = `POST /tools/{name}/execute ${status}`;
    assert(described.seen.has(route), `${route} was not seen`);
  }
});
