/** What the log and the client are told of requests that met with a bug or with a wrong token: the same id. */
import assert from "node:assert/strict";
import { configureSync, type LogRecord, resetSync } from "@logtape/logtape";
import { FailedRequest } from "../../src/core/failed_request.ts";
import { HOLD_AFTER_MS } from "../../src/http/held_answer.ts";
import { flush } from "../support/engine.ts";
import { makeService, type TestService } from "../support/http.ts";
import { tokensOf } from "../support/tokens.ts";

async function logged(work: () => Promise<unknown>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  configureSync({
    reset: true,
    sinks: { list: (record) => void records.push(record) },
    loggers: [{ category: ["bulkhead"], sinks: ["list"], lowestLevel: "trace" }],
  });
  try {
    await work();
  } finally {
    resetSync();
  }
  return records;
}

function broken(): TestService {
  const service = makeService();
  service.executor.answer = () => {
    throw new Error("a secret of the code");
  };
  return service;
}

Deno.test("failed request: a bug in a run has the caller's correlation id, in the answer and in the log", async () => {
  const service = broken();
  const body = { target: "10.0.0.5", correlation_id: "mine" };
  const records = await logged(async () => {
    const response = await service.ask("POST /tools/probe/execute", { body });
    const problem = await response.json();
    assert.deepEqual([response.status, problem.correlation_id, problem.error_type], [500, "mine", "unknown"]);
    assert.doesNotMatch(JSON.stringify(problem), /a secret of the code/);
  });
  const [error] = records.filter(({ level }) => level === "error");
  assert.equal(error?.properties.correlation_id, "mine");
  assert.match(String(error?.properties.error), /a secret of the code[^]*at /);
  for (const { properties } of records) assert.equal(properties.correlation_id, "mine");
});

Deno.test("failed request: the log has the id of a run, too, whose answer was held open", async () => {
  const service = makeService();
  const { promise, reject } = Promise.withResolvers<never>();
  service.executor.answer = () => promise;
  const records = await logged(async () => {
    const body = { target: "10.0.0.5", correlation_id: "mine" };
    const coming = service.ask("POST /tools/probe/execute", { body, isUnread: true });
    await flush();
    service.clock.advance(HOLD_AFTER_MS);
    const response = await coming;
    reject(new Error("a secret of the code"));
    await assert.rejects(response.text());
  });
  const [error] = records.filter(({ level }) => level === "error");
  assert.equal(error?.properties.correlation_id, "mine");
  assert.match(String(error?.properties.error), /a secret of the code[^]*at /);
});

Deno.test("failed request: over MCP, too, and the client learns only that there was a bug", async () => {
  const service = broken();
  const headers = { accept: "application/json, text/event-stream" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } };
  const initialize = { jsonrpc: "2.0", id: 0, method: "initialize", params };
  const opened = await service.ask("POST /mcp", { body: initialize, headers });
  await opened.text();
  const session = { ...headers, "mcp-session-id": opened.headers.get("mcp-session-id")! };
  const call = { name: "probe", arguments: { target: "10.0.0.5", correlation_id: "mine" } };
  const records = await logged(async () => {
    const body = { jsonrpc: "2.0", id: 1, method: "tools/call", params: call };
    const answer = await (await service.ask("POST /mcp", { body, headers: session })).text();
    assert.match(answer, /-32603/);
    assert.doesNotMatch(answer, /a secret of the code/);
  });
  const [error] = records.filter(({ level }) => level === "error");
  assert.equal(error?.properties.correlation_id, "mine");
  assert.match(String(error?.properties.error), /a secret of the code/);
  await service.ask("DELETE /mcp", { headers: session });
});

Deno.test("failed request: what the log is to have of errors of any kind", () => {
  assert.deepEqual(FailedRequest.about("text"), { error: "text" });
  const plain = new Error("plain");
  assert.deepEqual(FailedRequest.about(plain), { error: plain.stack });
  assert.deepEqual(FailedRequest.about(new FailedRequest("id", plain)), {
    correlation_id: "id",
    error: plain.stack,
  });
  assert.equal(new FailedRequest("id", plain).message, "plain");
  assert.equal(new FailedRequest("id", 5).message, "5");
});

Deno.test("wrong token: the id in the answer is the one in the log", async () => {
  const tokens = await tokensOf({ r: ["read"] });
  const service = makeService({ http: { tokens: () => tokens } });
  let id: unknown;
  const records = await logged(async () => {
    const headers = { authorization: "Bearer not-one-of-them" };
    id = (await (await service.ask("GET /tools", { headers })).json()).correlation_id;
  });
  assert.deepEqual(records.map(({ message, properties }) => [message.join(""), properties.correlation_id]), [
    ["wrong token", id],
  ]);
});
