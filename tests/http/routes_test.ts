import assert from "node:assert/strict";
import { EventFeed } from "../../src/events/event_feed.ts";
import { EventStreams } from "../../src/http/event_streams.ts";
import { ROUTES } from "../../src/http/routes.ts";
import type { ToolAdmin } from "../../src/http/parts.ts";
import type { Tokens } from "../../src/http/tokens.ts";
import { RunStatistics } from "../../src/metrics/run_statistics.ts";
import { FairPlaces } from "../../src/resilience/fair_places.ts";
import { toolInformation } from "../../src/runs/describe_tool.ts";
import { accountOf } from "../../src/runs/measure.ts";
import { findTool } from "../../src/runs/toolbox.ts";
import { endedWith, makeEngine } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { type Ask, makeService, type ServiceOptions, type TestService } from "../support/http.ts";
import { keptRuns, outputOf, reportedRun, runIdOf, startedRun } from "../support/runs.ts";
import { healthOf } from "../support/health.ts";
import { bearer, tokensOf } from "../support/tokens.ts";

/** The contract's table, as far as it is there: the scope of every path and method. */
const CONTRACT: Readonly<Record<string, string | null>> = {
  "GET /livez": null,
  "GET /readyz": null,
  "GET /health": null,
  "GET /tools": "read",
  "GET /tools/{name}": "read",
  "POST /tools/{name}/execute": "execute",
  "POST /tools/{name}/enable": "admin",
  "POST /tools/{name}/disable": "admin",
  "POST /tools/{name}/breaker/reset": "admin",
  "GET /events": "read",
  "GET /runs": "read",
  "GET /runs/{id}": "read",
  "GET /runs/{id}/stdout": "read",
  "GET /runs/{id}/stderr": "read",
  "GET /metrics": "read",
  "GET /stats": "read",
  "GET /config": "read",
  "GET /openapi.json": "read",
  "POST /mcp": "execute",
  "GET /mcp": "execute",
  "DELETE /mcp": "execute",
};

/** A path with a tool that is there, and a run that is kept. */
function inPlace(path: string): string {
  return path.replace("{name}", "probe").replace("{id}", runIdOf(1));
}

/** Every method that a client can send in memory; the others need a socket. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"];

const PATHS = [...new Set(ROUTES.map(({ path }) => inPlace(path)))];

/** The scopes by which each token is called. */
const ALL_TOKENS = { r: ["read"], x: ["execute"], a: ["admin"], rxa: ["read", "execute", "admin"] } as const;

/** A tool admin that remembers what it was asked, and knows the tools of an engine like the service's. */
function fakeAdmin() {
  const asked: unknown[] = [];
  const { toolbox } = makeEngine();
  const admin: ToolAdmin = {
    setEnabled(name, enabled) {
      asked.push([name, enabled]);
      const found = findTool(toolbox, name);
      return found.ok ? { ok: true, value: { ...found.value, enabled } } : found;
    },
    resetBreaker(name) {
      asked.push([name, "reset"]);
      return findTool(toolbox, name);
    },
  };
  return { asked, admin };
}

/** A service with every part, and tokens unless `tokens` says otherwise. */
async function fullService(tokens?: Tokens | null, options: ServiceOptions["http"] = {}) {
  const good = tokens === undefined ? await tokensOf(ALL_TOKENS) : tokens;
  const { asked, admin } = fakeAdmin();
  const clock = new FakeClock();
  const nothing = new RunStatistics(() => false, () => 0);
  const feed = new EventFeed({ clock, boot: "0123abcd" });
  const runs = keptRuns();
  const run = startedRun(1);
  runs.store.started(run);
  runs.store.ended(run, reportedRun(run, outputOf("out", "err")), outputOf("out", "err"));
  const service = makeService({
    http: {
      tokens: () => good,
      admin,
      metrics: () => "# HELP x y\n",
      statistics: () => ({
        since: "2026-01-01T00:00:00.000Z",
        uptime_sec: 1,
        ...accountOf(nothing, new Map()),
      }),
      events: new EventStreams({ feed, places: new FairPlaces(() => 4), clock, mayRead: () => true }),
      runs,
      config: () => ({ file: null, config: { server: { port: 1 } }, sources: {} }),
      health: healthOf(new Map()),
      ...options,
    },
  });
  service.executor.answer = () => endedWith();
  return { ...service, asked };
}

/** A request that the route answers with success when it is let in. */
function bodyOf(route: string): { readonly body?: object } {
  if (!route.startsWith("POST")) return {};
  if (route.endsWith("/execute")) return { body: { target: "10.0.0.5" } };
  if (!route.endsWith("/mcp")) return { body: {} };
  const clientInfo = { name: "test", version: "1" };
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
  return { body: { jsonrpc: "2.0", id: 0, method: "initialize", params } };
}

/** What MCP wants to hear. */
const ACCEPT = { accept: "application/json, text/event-stream" };

/** Whether anything was done, beside answering. */
function didNothing(service: TestService & { readonly asked: readonly unknown[] }): void {
  assert.deepEqual(service.executor.orders, []);
  assert.deepEqual(service.asked, []);
}

Deno.test("routes: each has the scope that the contract gives it", () => {
  const table = ROUTES.flatMap(({ path, methods, scope }) =>
    methods.map((method) => [`${method} ${path}`, scope])
  );
  assert.deepEqual(Object.fromEntries(table), CONTRACT);
  assert.equal(table.length, Object.keys(CONTRACT).length);
});

for (const [contractRoute, scope] of Object.entries(CONTRACT)) {
  const route = inPlace(contractRoute);

  Deno.test(`routes: ${route} is open to ${scope ?? "anyone"} and to nobody else`, async () => {
    const holders = Object.entries(ALL_TOKENS) as [string, readonly string[]][];
    for (const [name, scopes] of holders) {
      const service = await fullService();
      const headers = { ...bearer(name), ...ACCEPT };
      const response = await service.ask(route, { headers, ...bodyOf(route) });
      await response.body?.cancel();
      if (scope === null || scopes.includes(scope)) {
        // MCP's GET and DELETE want a session of their own.
        const expected = /^(?:GET|DELETE) \/mcp$/.test(route) ? 400 : 200;
        assert.equal(response.status, expected, name);
      } else {
        assert.equal(response.status, 403, name);
        assert.match(response.headers.get("www-authenticate")!, new RegExp(`scope="${scope}"$`));
        didNothing(service);
      }
    }
  });

  Deno.test(`routes: ${route} ${scope === null ? "needs no token" : "is 401 without a right token"}`, async () => {
    for (const headers of [{}, { authorization: "Bearer x" }, { authorization: "Basic eDp5" }]) {
      const service = await fullService();
      const response = await service.ask(route, { headers, ...bodyOf(route) });
      assert.equal(response.status, scope === null ? 200 : 401);
      assert.equal(response.headers.has("www-authenticate"), scope !== null);
      assert.equal(response.headers.get("cache-control"), "no-store");
      await response.body?.cancel();
      didNothing(service);
    }
  });

  Deno.test(`routes: ${route} refuses a foreign Host or Origin before it looks at a token`, async () => {
    for (const headers of [{ host: "evil.example:8080" }, { origin: "http://evil.example" }]) {
      for (const credentials of [{}, bearer("rxa"), { authorization: "Bearer x" }]) {
        const service = await fullService();
        const response = await service.ask(route, {
          headers: { ...headers, ...credentials },
          ...bodyOf(route),
        });
        assert.deepEqual([response.status, response.headers.get("www-authenticate")], [403, null]);
        assert.match((await response.json()).detail, /Host|Origin/);
        didNothing(service);
      }
    }
  });
}

for (const path of PATHS) {
  Deno.test(`routes: every other method of ${path} is 405 with Allow, and does nothing`, async () => {
    const own = ROUTES.find((route) => inPlace(route.path) === path)!;
    for (const method of METHODS) {
      const asGet = method === "HEAD" && path !== "/mcp" && (own.methods as string[]).includes("GET");
      if (asGet || (own.methods as readonly string[]).includes(method)) continue;
      const service = await fullService();
      const response = await service.ask(`${method} ${path}`, { headers: bearer("rxa") });
      assert.equal(response.status, 405, method);
      assert.equal(response.headers.get("allow"), own.methods.join(", "));
      await response.body?.cancel();
      didNothing(service);
      // Where there are tokens, nobody without one is told what is here.
      assert.equal((await service.ask(`${method} ${path}`)).status, 401);
    }
  });
}

const WITH_HEAD = ROUTES.filter(({ withoutHead }) => !withoutHead).map(({ path }) => inPlace(path));

for (const path of new Set(WITH_HEAD)) {
  Deno.test(`routes: HEAD ${path} is what GET is, without its body`, async () => {
    const route = ROUTES.find((route) => inPlace(route.path) === path)!;
    if (!(route.methods as readonly string[]).includes("GET")) return;
    const service = await fullService();
    const [head, get] = [
      await service.ask(`HEAD ${path}`, { headers: bearer("rxa") }),
      await service.ask(`GET ${path}`, { headers: bearer("rxa") }),
    ];
    assert.equal(head.status, 200);
    assert.equal(await head.text(), "");
    assert.deepEqual([...head.headers], [...get.headers]);
    await get.body?.cancel();
    assert.equal((await service.ask(`HEAD ${path}`)).status, route.scope === null ? 200 : 401);
  });
}

Deno.test("routes: what is not there is 401 without a token and 404 with one, and names all routes", async () => {
  const service = await fullService();
  assert.equal((await service.ask("GET /nothing")).status, 401);
  const response = await service.ask("GET /nothing", { headers: bearer("r") });
  assert.equal(response.status, 404);
  const { recovery_suggestion } = await response.json();
  for (const { path } of ROUTES) assert(recovery_suggestion.includes(path), path);
});

Deno.test("routes: a route whose part is not there is 404 and in no list", async () => {
  const service = makeService();
  for (
    const route of [
      "GET /metrics",
      "GET /config",
      "GET /health",
      "POST /tools/probe/enable",
      "POST /tools/probe/breaker/reset",
    ]
  ) {
    const response = await service.ask(route, bodyOf(route));
    assert.equal(response.status, 404, route);
    assert.doesNotMatch((await response.json()).recovery_suggestion, /metrics|config|health|enable|reset/);
  }
});

/** Other spellings of a path that takes admin or read, and what they come to: never a way around the scope. */
const SPELLINGS: readonly (readonly [string, number, number])[] = [
  // The spelling, its status with a token of all scopes, and with one that has execute alone.
  ["GET //metrics", 404, 404],
  ["GET /metrics/", 404, 404],
  ["GET /Metrics", 404, 404],
  ["GET /metrics;x", 404, 404],
  ["GET /metrics%2F", 404, 404],
  ["GET /metrics%00", 404, 404],
  ["GET /%2Fmetrics", 404, 404],
  ["GET /tools/probe/", 404, 404],
  ["GET /tools//probe", 404, 404],
  ["GET /tools/../metrics", 200, 403],
  ["GET /tools/%2e%2e/metrics", 200, 403],
  ["GET /./metrics", 200, 403],
  ["GET /metric%73", 200, 403],
  ["GET /metrics?x=/livez", 400, 403],
  ["GET /metrics?/../livez", 400, 403],
  ["GET /livez/../metrics", 200, 403],
  ["GET /livez/%2e%2e/metrics", 200, 403],
  ["GET /livez%2f..%2fmetrics", 404, 404],
  ["GET /livez/", 404, 404],
  ["GET /tools/%70robe", 200, 403],
  ["GET /tools/%2570robe", 404, 403],
  ["GET /tools/probe%00", 404, 403],
  ["GET /tools/probe%0d%0aX-Evil:%201", 404, 403],
  ["GET /tools/probe%2fexecute", 404, 403],
  ["GET /tools/..%2flivez", 404, 403],
  ["GET /tools/%E0%A4%A", 404, 403],
  ["GET /tools/%", 404, 403],
  ["GET /tools/__proto__", 404, 403],
  ["POST /tools/%70robe/enable", 200, 403],
  ["POST /tools/%70robe/%65nable", 200, 403],
  ["POST /tools/probe%2Fbreaker/reset", 404, 404],
  ["POST /tools/probe/breaker%2Freset", 404, 404],
  ["POST /tools/probe/breaker//reset", 404, 404],
  ["POST /tools/nope/enable", 404, 403],
];

for (const [route, right, weak] of SPELLINGS) {
  Deno.test(`routes: ${route} is ${right}, ${weak} without the scope, 401 without a token`, async () => {
    const service = await fullService();
    const statuses: number[] = [];
    for (const headers of [bearer("rxa"), bearer("x"), {}]) {
      const response = await service.ask(route, { headers, ...bodyOf(route) });
      statuses.push(response.status);
      assert.equal(response.headers.get("x-evil"), null);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(await response.text(), /[\u0000-\u0009\u000b-\u001f]/);
    }
    assert.deepEqual(statuses, [right, weak, 401]);
  });
}

// ---- changes of tools ------------------------------------------------------------------------------------------------

const CHANGES = [
  ["enable", ["probe", true], { enabled: true }],
  ["disable", ["probe", false], { enabled: false }],
  ["breaker/reset", ["probe", "reset"], {}],
] as const;

for (const [change, asked, shown] of CHANGES) {
  const route = `POST /tools/probe/${change}`;

  Deno.test(`routes: ${change} gives the tool as it is then; its body is an empty object or nothing`, async () => {
    for (const body of [{}, "", "{}", " {} "]) {
      const service = await fullService();
      const response = await service.ask(route, { headers: bearer("a"), body });
      assert.equal(response.status, 200);
      const entry = service.toolbox.get("probe")!;
      const expected = toolInformation({ ...entry, ...shown }, service.policy);
      assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(expected)));
      assert.deepEqual(service.asked, [asked]);
    }
  });

  Deno.test(`routes: ${change} refuses every other body and every other type, and changes nothing`, async () => {
    const type = { "content-type": "text/plain" };
    const wrong: readonly (readonly [Ask, number, RegExp])[] = [
      [{ body: { enabled: false } }, 400, /there is no field "enabled"/],
      [{ body: '{"a\\u0007":1}' }, 400, /there is no field "a\\u0007"/],
      [{ body: "[]" }, 400, /not an object/],
      [{ body: "null" }, 400, /not an object/],
      [{ body: "{" }, 400, /not JSON/],
      [{ body: " " }, 400, /not JSON/],
      [{ body: "{}", headers: type }, 400, /application\/json/],
      [{ headers: type }, 400, /application\/json/],
      [{}, 400, /application\/json/],
      [{ body: " ".repeat(5000) }, 413, /larger than/],
    ];
    for (const [sent, status, detail] of wrong) {
      const service = await fullService();
      const headers = { ...bearer("a"), ...sent.headers };
      const response = await service.ask(route, { ...sent, headers });
      assert.equal(response.status, status, String(detail));
      const problem = await response.json();
      assert.deepEqual([problem.error_type, problem.field], ["validation_error", "body"]);
      assert.match(problem.detail, detail);
      assert.deepEqual(service.asked, []);
    }
  });

  Deno.test(`routes: ${change} of an unknown tool is 404 with the nearest`, async () => {
    const service = await fullService();
    const response = await service.ask(`POST /tools/prob/${change}`, { headers: bearer("a"), body: {} });
    assert.equal(response.status, 404);
    assert.match((await response.json()).detail, /did you mean probe\?/);
  });

  Deno.test(`routes: ${change} is never open to a caller without a token`, async () => {
    const service = await fullService(null);
    const response = await service.ask(route, { body: {} });
    assert.equal(response.status, 403);
    assert.deepEqual(service.asked, []);
  });
}

// ---- metrics and configuration ---------------------------------------------------------------------------------------

Deno.test("routes: metrics are Prometheus' text, and 404 while they are switched off", async () => {
  let text: string | null = "# HELP x y\nx 1\n";
  const service = await fullService(null, { metrics: () => text });
  const response = await service.ask("GET /metrics");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(await response.text(), text);
  text = null;
  const off = await service.ask("GET /metrics");
  assert.equal(off.status, 404);
  assert.match((await off.json()).recovery_suggestion, /metrics\.enabled: true/);
  text = "";
  assert.equal((await service.ask("GET /metrics")).status, 200);
});

Deno.test("routes: the configuration is JSON that steers no terminal", async () => {
  const config = { file: null, config: { logging: { file: "/x/\u202e\u001b[2J" } }, sources: {} };
  const service = await fullService(null, { config: () => config });
  const response = await service.ask("GET /config");
  assert.equal(response.headers.get("content-type"), "application/json");
  const text = await response.text();
  assert.doesNotMatch(text, /[\p{Cc}\p{Cf}]/u);
  assert.deepEqual(JSON.parse(text), config);
});

// ---- who is behind a run ---------------------------------------------------------------------------------------------

/** Intrusive runs are allowed and nobody is asked, so that the caller alone decides. */
const OPEN = { allowIntrusive: true, confirmIntrusive: false };
const INTRUSIVE = { target: "10.0.0.5", extra_args: "-A" };

/** A service that notes who asks for each run. */
function noting(tokens: Tokens | null) {
  const service = makeService({ settings: OPEN, http: { tokens: () => tokens } });
  service.executor.answer = () => endedWith();
  const clients: unknown[] = [];
  const { pipeline } = service;
  const run = pipeline.run.bind(pipeline);
  pipeline.run = (name, request, context) => {
    clients.push([context.client, context.mayIntrude]);
    return run(name, request, context);
  };
  return { ...service, clients };
}

/** Opens an MCP session and calls the tool in it; gives the text of the answer. */
async function callOverMcp(service: TestService, headers: Record<string, string>, peer = "127.0.0.1") {
  const opened = await service.ask("POST /mcp", {
    headers: { ...headers, ...ACCEPT },
    ...bodyOf("POST /mcp"),
    peer,
  });
  await opened.text();
  const session = { "mcp-session-id": opened.headers.get("mcp-session-id")! };
  const params = { name: "probe", arguments: INTRUSIVE };
  const body = { jsonrpc: "2.0", id: 1, method: "tools/call", params };
  const answer = await service.ask("POST /mcp", {
    headers: { ...headers, ...ACCEPT, ...session },
    body,
    peer,
  });
  return { session, text: await answer.text() };
}

Deno.test("routes: a run carries its token's name, and may intrude with execute", async () => {
  const service = noting(await tokensOf({ alice: ["execute"] }));
  const response = await service.ask("POST /tools/probe/execute", {
    headers: bearer("alice"),
    body: INTRUSIVE,
  });
  assert.equal((await response.json()).outcome, "success");
  const { text } = await callOverMcp(service, bearer("alice"));
  assert.match(text, /"outcome":"success"/);
  assert.deepEqual(service.clients, [["token:alice", true], ["token:alice", true]]);
});

Deno.test("routes: without tokens a run carries its caller's address, and never intrudes", async () => {
  const service = noting(null);
  const peer = "::1";
  const response = await service.ask("POST /tools/probe/execute", { body: INTRUSIVE, peer });
  assert.deepEqual([response.status, (await response.json()).error_type], [403, "approval_required"]);
  const { text } = await callOverMcp(service, {}, peer);
  assert.match(text, /approval_required/);
  assert.deepEqual(service.clients, [[peer, false], [peer, false]]);
});

Deno.test("routes: another token's session is an unknown one, whatever is done with it", async () => {
  const service = noting(await tokensOf({ alice: ["execute"], bob: ["execute"] }));
  const { session } = await callOverMcp(service, bearer("alice"));
  const body = { jsonrpc: "2.0", id: 2, method: "tools/list" };
  for (const [route, options] of [["POST /mcp", { body }], ["DELETE /mcp", {}], ["GET /mcp", {}]] as const) {
    const headers = { ...bearer("bob"), ...ACCEPT, ...session };
    const response = await service.ask(route, { headers, ...options });
    assert.equal(response.status, 404, route);
    assert.equal((await response.json()).error.code, -32001);
  }
  const own = await service.ask("POST /mcp", {
    headers: { ...bearer("alice"), ...ACCEPT, ...session },
    body,
  });
  assert.match(await own.text(), /"tools":\[/);
});

Deno.test("routes: a request without its connection is a bug, and let in nowhere", async () => {
  const service = makeService();
  assert.equal((await service.ask("GET /tools", { peer: null })).status, 500);
  assert.equal((await service.ask("GET /livez", { peer: null })).status, 200);
});
