import assert from "node:assert/strict";
import { toolInformation } from "../../src/runs/describe_tool.ts";
import { BEAT_MS, HOLD_AFTER_MS } from "../../src/http/held_answer.ts";
import { endedWith, flush, RESULT_FIELDS, toolOf } from "../support/engine.ts";
import { makeService, MAX_BODY_BYTES, type TestService } from "../support/http.ts";
import { tokensOf } from "../support/tokens.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const aim = { target: "10.0.0.5" };
const EXECUTE = "POST /tools/probe/execute";

/** Every route, one that is not there, and one with a method that it does not have. */
const ROUTES = [
  "GET /livez",
  "GET /readyz",
  "GET /tools",
  "GET /tools/probe",
  "GET /tools/nope",
  EXECUTE,
  "POST /mcp",
  "GET /mcp",
  "DELETE /mcp",
  "GET /nothing/here",
  "OPTIONS /mcp",
  "PUT /tools",
] as const;

/** The problem in a response, which must be one with every field of the contract. */
async function problemIn(response: Response): Promise<Record<string, unknown>> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const body = await response.json();
  const { type, title, status, detail, error_type, recovery_suggestion, correlation_id } = body;
  assert.equal(type, "about:blank");
  assert.equal(status, response.status);
  for (const text of [title, detail, error_type, recovery_suggestion, correlation_id]) {
    assert.equal(typeof text, "string");
    assert.notEqual(text, "");
  }
  return body;
}

/** A service whose tool is busy: one run goes on and its queue is full. */
async function busyService(): Promise<TestService> {
  const service = makeService();
  for (let count = 0; count < 3; count++) void service.run();
  await flush();
  return service;
}

/** A service whose tool's breaker has opened. */
function brokenService(): TestService {
  const service = makeService();
  const { breaker } = service.toolbox.get("probe")!;
  for (let count = 0; count < 2; count++) {
    const admitted = breaker.admit();
    if (admitted.ok) admitted.ticket.record("failure");
  }
  return service;
}

async function stoppedService(): Promise<TestService> {
  const service = makeService();
  await service.pipeline.shutDown(0, new AbortController().signal);
  return service;
}

const missing = { available: false, path: null, reason: "no program", remedy: "Install it." } as const;

/** The contract's table of outcomes, row by row: the service, the request, status, error_type, Retry-After. */
const REFUSALS: readonly (readonly [
  string,
  () => TestService | Promise<TestService>,
  string,
  object,
  number,
  string,
  string | null,
])[] = [
  [
    "a bad parameter",
    makeService,
    EXECUTE,
    { ...aim, parameters: { level: 9 } },
    400,
    "validation_error",
    null,
  ],
  ["a wrong type", makeService, EXECUTE, { target: 5 }, 400, "validation_error", null],
  ["a missing target", makeService, EXECUTE, {}, 400, "validation_error", null],
  ["a public address", makeService, EXECUTE, { target: "8.8.8.8" }, 400, "validation_error", null],
  ["a shell's words", makeService, EXECUTE, { target: "10.0.0.1; id" }, 400, "validation_error", null],
  ["a bad argument", makeService, EXECUTE, { ...aim, extra_args: "-oN=x" }, 400, "validation_error", null],
  ["an unknown field", makeService, EXECUTE, { ...aim, x: 1 }, 400, "validation_error", null],
  [
    "an endless time-out",
    makeService,
    EXECUTE,
    { ...aim, timeout_sec: 1e308 },
    400,
    "validation_error",
    null,
  ],
  [
    "a large body",
    makeService,
    EXECUTE,
    { target: "x".repeat(MAX_BODY_BYTES) },
    413,
    "validation_error",
    null,
  ],
  ["an intrusive flag", makeService, EXECUTE, { ...aim, extra_args: "-A" }, 403, "approval_required", null],
  ["an unknown tool", makeService, "POST /tools/prob/execute", aim, 404, "not_found", null],
  ["a disabled tool", () => makeService({ disabled: ["probe"] }), EXECUTE, aim, 409, "disabled", null],
  [
    "a missing program",
    () => makeService({ availability: { probe: missing } }),
    EXECUTE,
    aim,
    503,
    "not_found",
    null,
  ],
  ["a full queue", busyService, EXECUTE, aim, 429, "queue_full", "3"],
  ["an open breaker", brokenService, EXECUTE, aim, 503, "circuit_breaker_open", "10"],
  ["a server that stops", stoppedService, EXECUTE, aim, 503, "cancelled", null],
];

for (const [name, make, route, body, status, errorType, retryAfter] of REFUSALS) {
  Deno.test(`http: ${name} is ${status} ${errorType}, and nothing ran`, async () => {
    const service = await make();
    const before = service.executor.orders.length;
    const response = await service.ask(route, { body });
    const problem = await problemIn(response);
    assert.equal(response.status, status);
    assert.equal(problem.error_type, errorType);
    assert.equal(response.headers.get("retry-after"), retryAfter);
    assert.equal(problem.retry_after_sec, retryAfter === null ? undefined : Number(retryAfter));
    assert.equal(service.executor.orders.length, before);
  });
}

for (
  const [name, execution, outcome, errorType] of [
    ["success", endedWith(), "success", null],
    ["failure", endedWith({ code: 1 }), "failure", "execution_error"],
    ["a killed program", endedWith({ code: null, signal: "SIGKILL" }), "killed", "resource_exhausted"],
    ["a time-out", endedWith({ code: null, cause: "timeout" }), "timeout", "timeout"],
    ["cancellation", endedWith({ code: null, cause: "cancelled" }), "cancelled", "cancelled"],
  ] as const
) {
  Deno.test(`http: a run that ended in ${name} is 200 with the whole result`, async () => {
    const service = makeService();
    service.executor.answer = () => execution;
    const response = await service.ask(EXECUTE, { body: { ...aim, correlation_id: "job-1" } });
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type")!, /^application\/json/);
    const result = await response.json();
    assert.deepEqual(Object.keys(result).sort(), RESULT_FIELDS);
    assert.deepEqual([result.outcome, result.error_type, result.correlation_id], [
      outcome,
      errorType,
      "job-1",
    ]);
  });
}

Deno.test("http: a problem names the field, echoes a valid correlation id and replaces another (D23)", async () => {
  const service = makeService();
  const good = await problemIn(
    await service.ask(EXECUTE, { body: { target: "8.8.8.8", correlation_id: "a.1" } }),
  );
  assert.deepEqual([good.field, good.correlation_id], ["target", "a.1"]);
  const bad = await problemIn(await service.ask(EXECUTE, { body: { ...aim, correlation_id: "a\nb" } }));
  assert.equal(bad.field, "correlation_id");
  assert.match(String(bad.correlation_id), UUID);
});

Deno.test("http: a problem shows no raw control or direction-changing character of the caller's", async () => {
  const response = await makeService().ask(EXECUTE, { body: { target: "10.0.0.5\u202e\u001b[2J\u0007" } });
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(await response.text(), /[\u0000-\u001f\u007f-\u009f\u202e]/);
});

Deno.test("http: a caller without a token is given no leave, whatever the configuration says", async () => {
  const service = makeService({ settings: { allowIntrusive: true, confirmIntrusive: false } });
  const problem = await problemIn(await service.ask(EXECUTE, { body: { ...aim, extra_args: "-A" } }));
  assert.deepEqual([problem.status, problem.error_type], [403, "approval_required"]);
  assert.deepEqual(service.executor.orders, []);
});

Deno.test("http: a caller who goes away cancels its run", async () => {
  const service = makeService();
  const client = new AbortController();
  const response = service.ask(EXECUTE, { body: aim, signal: client.signal });
  await flush();
  assert.equal(service.executor.pending.length, 1);
  client.abort();
  assert.equal((await (await response).json()).outcome, "cancelled");
});

// ---- Host and Origin -----------------------------------------------------------------------------------------------

const FOREIGN: readonly (readonly [string, Record<string, string>])[] = [
  ["a name that was rebound", { host: "evil.example:8080" }],
  ["another port", { host: "127.0.0.1:9090" }],
  ["no port", { host: "127.0.0.1" }],
  ["no Host", { host: "" }],
  ["a page of another site", { origin: "http://evil.example" }],
  ["a page without an origin of its own", { origin: "null" }],
  ["a page of another port of this machine", { origin: "http://127.0.0.1:9090" }],
  ["https where http is served", { origin: "https://127.0.0.1:8080" }],
];

for (const route of ROUTES) {
  Deno.test(`http: ${route} answers 403 to a foreign Host or Origin, and does nothing (D21)`, async () => {
    for (const [name, headers] of FOREIGN) {
      const service = makeService();
      const hasBody = route.startsWith("POST");
      const response = await service.ask(route, { headers, ...(hasBody && { body: aim }) });
      assert.equal(response.status, 403, name);
      await problemIn(response);
      assert.deepEqual(service.executor.orders, []);
    }
  });

  Deno.test(`http: ${route} grants no site anything that was not named: no CORS header (D20)`, async () => {
    for (const origin of ["http://evil.example", "http://127.0.0.1:8080", "null", undefined]) {
      const service = makeService();
      service.executor.answer = () => endedWith();
      const response = await service.ask(route, {
        headers: { ...(origin !== undefined && { origin }), "access-control-request-method": "POST" },
        ...(route.startsWith("POST") && { body: aim }),
      });
      const names = [...response.headers.keys()];
      assert.deepEqual(names.filter((header) => header.startsWith("access-control-")), []);
      await response.body?.cancel();
    }
  });

  Deno.test(`http: ${route} can be read by a page of an origin that was named, and by no other`, async () => {
    const service = makeService();
    service.executor.answer = () => endedWith();
    for (const origin of ["https://page.example", "https://PAGE.example"]) {
      const { headers, body } = await service.ask(route, {
        headers: { origin },
        ...(route.startsWith("POST") && { body: aim }),
      });
      await body?.cancel();
      assert.equal(headers.get("access-control-allow-origin"), origin);
      assert.equal(headers.get("vary"), "origin");
      assert.match(headers.get("access-control-expose-headers")!, /mcp-session-id, retry-after/);
      // What the routes of runs tell a page that reads an output in parts.
      for (const name of ["etag", "content-range", "bulkhead-outcome", "bulkhead-total-bytes"]) {
        assert.ok(headers.get("access-control-expose-headers")!.split(", ").includes(name), name);
      }
      assert.equal(headers.get("access-control-allow-credentials"), null);
    }
  });

  Deno.test(`http: ${route} is never cached, never sniffed, and no page`, async () => {
    const service = makeService();
    service.executor.answer = () => endedWith();
    for (const host of ["127.0.0.1:8080", "evil.example"]) {
      const response = await service.ask(route, {
        headers: { host },
        ...(route.startsWith("POST") && { body: aim }),
      });
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      assert.equal(response.headers.get("cache-control"), "no-store");
      assert.equal(
        response.headers.get("content-security-policy"),
        "default-src 'none'; frame-ancestors 'none'",
      );
      assert.equal(response.headers.get("referrer-policy"), "no-referrer");
      assert.equal(response.headers.get("cross-origin-resource-policy"), "same-origin");
      assert.equal(response.headers.get("x-frame-options"), "DENY");
      await response.body?.cancel();
    }
  });
}

for (const host of ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST:8080", "lab.example:8080"]) {
  Deno.test(`http: the Host ${host} is the listener's own or allowed`, async () => {
    assert.equal((await makeService().ask("GET /livez", { headers: { host } })).status, 200);
  });
}

for (const origin of ["http://127.0.0.1:8080", "http://localhost:8080", "https://page.example"]) {
  Deno.test(`http: the Origin ${origin} is the listener's own or allowed`, async () => {
    assert.equal((await makeService().ask("GET /livez", { headers: { origin } })).status, 200);
  });
}

Deno.test("http: a preflight from an origin that was named is answered without a token, and from no other", async () => {
  const tokens = await tokensOf({ alice: ["read"] });
  const service = makeService({ http: { tokens: () => tokens } });
  const preflight = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization",
  };
  for (
    const [path, methods] of [
      ["/tools/probe/execute", "POST"],
      ["/mcp", "GET, POST, DELETE"],
      ["/livez", "GET"],
    ] as const
  ) {
    const { status, headers, body } = await service.ask(`OPTIONS ${path}`, {
      headers: { ...preflight, origin: "https://page.example" },
    });
    assert.deepEqual([status, body], [204, null]);
    assert.equal(headers.get("access-control-allow-origin"), "https://page.example");
    assert.equal(headers.get("access-control-allow-methods"), methods);
    assert.equal(
      headers.get("access-control-allow-headers"),
      "authorization, content-type, mcp-session-id, mcp-protocol-version, mcp-method, last-event-id, range",
    );
    assert.equal(headers.get("access-control-allow-credentials"), null);
    assert.equal(headers.get("cache-control"), "no-store");
  }
  const others: readonly (readonly [Record<string, string>, number])[] = [
    [{ ...preflight, origin: "http://evil.example" }, 403],
    [{ ...preflight, origin: "http://127.0.0.1:8080" }, 401],
    [preflight, 401],
    [{ origin: "https://page.example" }, 401],
  ];
  for (const [headers, status] of others) {
    const response = await service.ask("OPTIONS /mcp", { headers });
    assert.equal(response.status, status, JSON.stringify(headers));
    assert.equal(response.headers.get("access-control-allow-methods"), null);
    await response.body?.cancel();
  }
  // What is not there is told to nobody without a token, by a preflight neither.
  const nothing = await service.ask("OPTIONS /nothing", {
    headers: { ...preflight, origin: "https://page.example" },
  });
  assert.equal(nothing.status, 401);
});

Deno.test("http: a run that takes long is answered by line feeds and then its result; one that is left is cancelled", async () => {
  const service = makeService();
  const first = service.ask(EXECUTE, { body: aim, isUnread: true });
  await flush();
  service.clock.advance(HOLD_AFTER_MS);
  const response = await first;
  assert.deepEqual([response.status, response.headers.get("content-type")], [200, "application/json"]);
  service.clock.advance(BEAT_MS);
  service.executor.pending[0]!.end(endedWith());
  const text = await response.text();
  assert.match(text, /^\n\n\{/);
  assert.equal(JSON.parse(text).outcome, "success");
  const second = service.ask(EXECUTE, { body: aim, isUnread: true });
  await flush();
  service.clock.advance(HOLD_AFTER_MS);
  await (await second).body!.cancel();
  await flush();
  assert.equal(service.recorded.length, 2);
  const { answer } = service.recorded[1]!;
  assert.equal(answer?.kind === "result" && answer.result.outcome, "cancelled");
});

Deno.test("http: every answer is counted by its route, method and status", async () => {
  const counted: unknown[] = [];
  const service = makeService({ http: { count: (...about) => void counted.push(about) } });
  service.executor.answer = () => endedWith();
  const ask = async (route: string, headers = {}) => {
    const response = await service.ask(route, { headers, ...(route === EXECUTE && { body: aim }) });
    await response.body?.cancel();
  };
  for (const route of ["GET /livez", EXECUTE, "GET /tools/nope", "PUT /tools", "GET /nothing"]) {
    await ask(route);
  }
  await ask("GET /tools", { host: "evil.example" });
  service.executor.answer = () => Promise.reject(new Error("a bug"));
  await ask(EXECUTE);
  assert.deepEqual(counted, [
    ["/livez", "GET", 200],
    ["/tools/{name}/execute", "POST", 200],
    ["/tools/{name}", "GET", 404],
    ["/tools", "PUT", 405],
    [null, "GET", 404],
    [null, "GET", 403],
    ["/tools/{name}/execute", "POST", 500],
  ]);
});

// ---- routes --------------------------------------------------------------------------------------------------------

Deno.test("http: a server that stops is live but not ready", async () => {
  const service = makeService();
  const state = async () => {
    const answers = await Promise.all(["GET /livez", "GET /readyz"].map((route) => service.ask(route)));
    return await Promise.all(answers.map(async (answer) => `${answer.status} ${await answer.text()}`));
  };
  assert.deepEqual(await state(), ["200 ok\n", "200 ready\n"]);
  await service.pipeline.shutDown(0, new AbortController().signal);
  assert.deepEqual(await state(), ["200 ok\n", "503 stopping\n"]);
});

Deno.test("http: GET /tools lists every tool, the disabled and the missing ones too", async () => {
  const tools = ["alpha", "beta", "probe"].map((name) => toolOf({ name }));
  const service = makeService({ tools, disabled: ["alpha"], availability: { beta: missing } });
  const response = await service.ask("GET /tools");
  assert.equal(response.status, 200);
  const listed = (await response.json()).tools;
  const expected = [...service.toolbox.values()].map((entry) => toolInformation(entry, service.policy));
  assert.deepEqual(listed, JSON.parse(JSON.stringify(expected)));
  assert.deepEqual(
    listed.map((tool: Record<string, unknown>) => [tool.name, tool.enabled, tool.available, tool.offered]),
    [["alpha", false, true, false], ["beta", true, false, false], ["probe", true, true, true]],
  );
});

Deno.test("http: GET /tools/NAME is one of them, and an unknown one is 404 with the nearest", async () => {
  const service = makeService();
  const found = await service.ask("GET /tools/probe");
  assert.deepEqual([found.status, (await found.json()).name], [200, "probe"]);
  const problem = await problemIn(await service.ask("GET /tools/prob"));
  assert.deepEqual([problem.status, problem.error_type], [404, "not_found"]);
  assert.match(String(problem.detail), /did you mean probe\?/);
});

for (
  const route of [
    "GET /",
    "GET /Tools",
    "GET /tools/",
    "GET /tools/probe/nope",
    "GET /mcp/",
    "GET /livez/..%2ftools",
  ]
) {
  Deno.test(`http: ${route} is 404, and the remedy names the routes`, async () => {
    const problem = await problemIn(await makeService().ask(route));
    assert.deepEqual([problem.status, problem.error_type], [404, "not_found"]);
    assert.match(String(problem.recovery_suggestion), /\/tools\/\{name\}\/execute/);
  });
}

for (
  const [route, allow] of [
    ["POST /livez", "GET"],
    ["DELETE /readyz", "GET"],
    ["POST /tools", "GET"],
    ["PATCH /tools/probe", "GET"],
    ["GET /tools/probe/execute", "POST"],
    ["PUT /mcp", "GET, POST, DELETE"],
    ["OPTIONS /tools/probe/execute", "POST"],
  ] as const
) {
  Deno.test(`http: ${route} is 405 with Allow: ${allow}`, async () => {
    const response = await makeService().ask(route);
    assert.equal(response.status, 405);
    assert.equal(response.headers.get("allow"), allow);
    await problemIn(response);
  });
}

for (
  const [name, body, headers, detail] of [
    ["of another type", JSON.stringify(aim), { "content-type": "text/plain" }, /application\/json/],
    [
      "of a form",
      "target=10.0.0.5",
      { "content-type": "application/x-www-form-urlencoded" },
      /application\/json/,
    ],
    ["that is no JSON", "{target", {}, /not JSON/],
    ["that is empty", "", {}, /not JSON/],
    ["that is a list", "[1]", {}, /not an object/],
    ["that is text", '"x"', {}, /not an object/],
    ["that is null", "null", {}, /not an object/],
    ["that is no UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), {}, /not JSON/],
  ] as const
) {
  Deno.test(`http: a body ${name} is 400`, async () => {
    const service = makeService();
    const problem = await problemIn(await service.ask(EXECUTE, { body, headers }));
    assert.deepEqual([problem.status, problem.error_type, problem.field], [400, "validation_error", "body"]);
    assert.match(String(problem.detail), detail);
    assert.deepEqual(service.executor.orders, []);
  });
}

Deno.test("http: a bug is 500 without its message or its stack", async () => {
  const service = makeService();
  service.executor.answer = () => Promise.reject(new Error("secret detail"));
  const response = await service.ask(EXECUTE, { body: aim });
  assert.equal(response.status, 500);
  const text = await response.clone().text();
  assert.doesNotMatch(text, /secret|\.ts|at /);
  const problem = await problemIn(response);
  assert.equal(problem.error_type, "unknown");
  assert.match(String(problem.correlation_id), UUID);
});

// ---- MCP over HTTP -------------------------------------------------------------------------------------------------

for (
  const [name, body, status, code] of [
    ["that is no JSON", "{", 400, -32700],
    ["that is too large", JSON.stringify({ x: "y".repeat(MAX_BODY_BYTES) }), 413, -32600],
  ] as const
) {
  Deno.test(`http: a body of /mcp ${name} is ${status} in JSON-RPC's own form`, async () => {
    const response = await makeService().ask("POST /mcp", { body });
    assert.equal(response.status, status);
    const answer = await response.json();
    assert.deepEqual([answer.jsonrpc, answer.id, answer.error.code], ["2.0", null, code]);
  });
}
