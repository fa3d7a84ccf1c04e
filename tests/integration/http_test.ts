/** The HTTP service over a real socket. */
import assert from "node:assert/strict";
import { bulkhead, startHttp } from "./support/bulkhead.ts";
import { openPorts } from "./support/lab.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

const JSON_TYPE = { "content-type": "application/json" };

function execute(url: string, tool: string, body: unknown): Promise<Response> {
  return fetch(`${url}/tools/${tool}/execute`, {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify(body),
  });
}

Deno.test("liveness, readiness, the catalog and a run that succeeds (D1)", async () => {
  if (!hasProgram("nmap")) return;
  using lab = openPorts(1);
  await using server = await startHttp(["--allow-target", "loopback"]);
  for (const path of ["/livez", "/readyz"]) {
    const response = await fetch(server.url + path);
    assert.equal(response.status, 200);
    await response.body?.cancel();
  }
  const { tools } = await (await fetch(`${server.url}/tools`)).json();
  const nmap = tools.find((tool: { name: string }) => tool.name === "nmap");
  assert.equal(nmap.enabled, true);
  assert.equal(nmap.available, true);
  assert.equal(nmap.path, "/usr/bin/nmap");
  const port = lab.ports[0]!;
  const response = await execute(server.url, "nmap", {
    target: "127.0.0.1",
    parameters: { ports: String(port) },
    correlation_id: "test:1",
  });
  assert.equal(response.status, 200);
  const result = await response.json();
  assert.equal(result.outcome, "success");
  assert.equal(result.correlation_id, "test:1");
  assert.deepEqual(result.parsed.hosts[0].ports.map((found: { port: number }) => found.port), [port]);
});

Deno.test("a refusal is a problem with its own status; a run that failed is 200 and says so (D22)", async () => {
  if (!hasProgram("curl")) return;
  await using server = await startHttp(["--allow-target", "loopback"]);
  const refused = await execute(server.url, "curl", { target: "http://8.8.8.8/" });
  assert.equal(refused.status, 400);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  const problem = await refused.json();
  assert.equal(problem.error_type, "validation_error");
  assert.ok(problem.detail && problem.title && problem.recovery_suggestion && problem.correlation_id);
  const unknown = await execute(server.url, "crul", {});
  assert.equal(unknown.status, 404);
  await unknown.body?.cancel();
  const failed = await execute(server.url, "curl", { target: `http://127.0.0.1:${closedPort()}/` });
  assert.equal(failed.status, 200);
  assert.equal((await failed.json()).outcome, "failure");
});

Deno.test("1 MB and more in a body is refused before it is read (D26)", async () => {
  await using server = await startHttp([]);
  const response = await execute(server.url, "nmap", {
    target: "10.0.0.1",
    extra_args: "x".repeat(1_100_000),
  });
  assert.equal(response.status, 413);
  await response.body?.cancel();
});

Deno.test("a browser's page is refused, by Origin and by Host (D20, D21)", async () => {
  await using server = await startHttp([]);
  for (const path of ["/livez", "/tools", "/mcp", "/nothing"]) {
    const response = await fetch(server.url + path, { headers: { origin: "http://evil.example" } });
    assert.equal(response.status, 403, path);
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  }
  const rebound = await rawRequest(
    server.url,
    "GET /tools HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
  );
  assert.match(rebound, /^HTTP\/1\.1 403 /);
});

Deno.test("a target that is no URL is the caller's mistake", async () => {
  await using server = await startHttp([]);
  const { host } = new URL(server.url);
  for (
    const target of ["http://[::1/tools", "http://a b/tools", "http://x:99999999/tools"]
  ) {
    const answer = await rawRequest(
      server.url,
      `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 400 /, target);
  }
});

/** A port that was free a moment ago. */
function closedPort(): number {
  using lab = openPorts(1);
  return lab.ports[0]!;
}

/** `fetch` sets the Host header itself, so this one is written by hand. */
async function rawRequest(url: string, request: string): Promise<string> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("a client that goes away cancels its run, and the slot is free again (D27)", async () => {
  if (!hasProgram("nmap")) return;
  await using server = await startHttp(["--allow-target", "loopback"]);
  const leaving = new AbortController();
  // nmap runs one at a time, so a second run answers only when the first has gone.
  const slow = fetch(`${server.url}/tools/nmap/execute`, {
    method: "POST",
    headers: JSON_TYPE,
    body: JSON.stringify({ target: "127.0.0.0/22", parameters: { timing: 0 } }),
    signal: leaving.signal,
  });
  await until(async () => (await running(server.url)) === 1);
  leaving.abort();
  await assert.rejects(slow);
  const began = performance.now();
  await until(async () => (await running(server.url)) === 0);
  // A second to notice, a second of grace, and room for a busy machine.
  assert.ok(performance.now() - began < 4000);
});

async function running(url: string): Promise<number> {
  return (await (await fetch(`${url}/tools/nmap`)).json()).running;
}

/** Asks again until it is so; the test's own deadline is ten seconds. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error("it did not come about within ten seconds");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Speaks MCP by hand, for what no client's library would send. */
async function mcpSession(url: string) {
  const send = (headers: Record<string, string>, message: unknown) =>
    fetch(`${url}/mcp`, {
      method: "POST",
      headers: { ...JSON_TYPE, accept: "application/json, text/event-stream", ...headers },
      body: JSON.stringify({ jsonrpc: "2.0", ...message as object }),
    });
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  const initialized = await send({}, { id: 0, method: "initialize", params });
  await initialized.text();
  const headers = { "mcp-session-id": initialized.headers.get("mcp-session-id") ?? "" };
  return { status: initialized.status, headers, send: (message: unknown) => send(headers, message) };
}

const SLOW_SCAN = { name: "nmap", arguments: { target: "127.0.0.0/22", timing: 0 } };

Deno.test("a call that its client cancels ends: the program, and the stream for its answer", async () => {
  if (!hasProgram("nmap")) return;
  await using server = await startHttp(["--allow-target", "loopback"]);
  const session = await mcpSession(server.url);
  const call = await session.send({ id: 1, method: "tools/call", params: SLOW_SCAN });
  await until(async () => (await running(server.url)) === 1);
  const repeated = await session.send({ id: 1, method: "ping" });
  assert.equal(repeated.status, 400, "an id that is still being answered");
  await repeated.body?.cancel();
  const params = { requestId: 1, reason: "no longer wanted" };
  const cancelled = await session.send({ method: "notifications/cancelled", params });
  assert.equal(cancelled.status, 202);
  await cancelled.body?.cancel();
  assert.doesNotMatch(await call.text(), /"id":1/);
  await until(async () => (await running(server.url)) === 0);
});

Deno.test("parameters that are none are the caller's mistake: -32602", async () => {
  await using server = await startHttp([]);
  const session = await mcpSession(server.url);
  for (const params of [{}, { name: "nmap", arguments: [] }, { name: 1 }]) {
    const answer = await (await session.send({ id: 1, method: "tools/call", params })).text();
    assert.match(answer, /"code":-32602,/);
  }
});

Deno.test("an answer to HEAD says no other length than GET's", async () => {
  await using server = await startHttp([]);
  for (const path of ["/livez", "/health", "/tools", "/config", "/openapi.json", "/nothing"]) {
    const [head, get] = [
      await fetch(`${server.url}${path}`, { method: "HEAD" }),
      await fetch(`${server.url}${path}`),
    ];
    assert.equal(head.status, get.status, path);
    assert.equal(head.headers.get("content-type"), get.headers.get("content-type"), path);
    await get.body?.cancel();
    assert.ok([null, get.headers.get("content-length")].includes(head.headers.get("content-length")), path);
  }
});

Deno.test("the limit of sessions holds when many ask at once, and HEAD opens nothing", async () => {
  using folder = new TestFolder();
  const config = folder.write("config.yaml", "mcp: { max_sessions: 4 }\n");
  await using server = await startHttp(["--config", config]);
  const sessions = await Promise.all(Array.from({ length: 30 }, () => mcpSession(server.url)));
  assert.equal(sessions.filter(({ status }) => status === 200).length, 4);
  assert.equal(sessions.filter(({ status }) => status === 503).length, 26);
  const headers = sessions.find(({ status }) => status === 200)!.headers;
  const head = await fetch(`${server.url}/mcp`, { method: "HEAD", headers });
  assert.equal(head.status, 405);
  await head.body?.cancel();
});

Deno.test("a server ends although a client sends half a request and waits", async () => {
  await using server = await startHttp([]);
  const { hostname, port } = new URL(server.url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const half =
    `POST /tools/nmap/execute HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n`;
  await connection.write(new TextEncoder().encode(`${half}Content-Length: 100\r\n\r\n{`));
  // The listener answers others, so the half request has been taken as well.
  await (await fetch(`${server.url}/livez`)).text();
  assert.equal(await server.stop(), 0);
});

Deno.test("targets that refuse a connection do not open the breaker for the others", async () => {
  if (!hasProgram("curl")) return;
  await using server = await startHttp(["--allow-target", "loopback"]);
  const target = `http://127.0.0.1:${closedPort()}/`;
  for (let attempt = 0; attempt < 7; attempt++) {
    const { outcome, returncode } = await (await execute(server.url, "curl", { target })).json();
    assert.deepEqual([outcome, returncode], ["failure", 7]);
  }
});

Deno.test("SIGTERM ends the server with 0, SIGINT too", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using server = await startHttp([]);
    assert.equal(await server.stop(signal), 0);
  }
});

Deno.test("a port in use, and an address that is not loopback, end with 2", async () => {
  await using server = await startHttp([]);
  const { port } = new URL(server.url);
  const taken = await bulkhead(["serve", "--transport", "http", "--port", port]);
  assert.equal(taken.code, 2);
  assert.match(taken.stderr, /the port is in use/);
  const open = await bulkhead(["serve", "--transport", "http", "--host", "0.0.0.0", "--port", "0"]);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /loopback only/);
});
