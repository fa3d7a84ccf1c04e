/**
 * A thousand calls of every kind, over HTTP and MCP, by clients that count for themselves: what the server says that it
 * has done is exactly what they were answered.
 */
import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { REFUSAL_ANSWERS } from "../../src/core/refusal.ts";
import { statisticsSchema } from "../../src/runs/statistics_schema.ts";
import { parseExposition } from "../metrics/exposition.ts";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY } from "./support/bulkhead.ts";
import { connectAs, type Connected } from "./support/client.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import { ChangingServer, holding, letGo, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only; the client's transport lets a timer run out.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

const BOTHER = "breaker: { failure_threshold: 1000 }\nconcurrency: 4\nmax_queue: 64\n";

const CONFIG = `
server: { max_body_bytes: 1024, shutdown_grace_period_sec: 60 }
tools: { include: [say, fail, broken, hang, flood, gone, narrow, bold, hold], max_concurrency: 16 }
confinement: { on_flood: kill, kill_grace_sec: 0.2 }
security: { max_stdout_bytes: 1024, allow_intrusive: true }
rate_limit: { enabled: true, per_second: 0.01, burst: 60 }
auth: { tokens_file: tokens }
logging: { level: warning, format: json }
`;

function setUp(): TestFolder {
  const folder = new TestFolder();
  standIn(folder, "say", "echo said", "concurrency: 4\nmax_queue: 64\ntarget: { kinds: [host] }");
  standIn(folder, "fail", "exit 3", BOTHER);
  standIn(folder, "broken", "exit 3", "breaker: { failure_threshold: 3, recovery_timeout_sec: 600 }\n");
  standIn(folder, "hang", "exec sleep 60", `helpers: [sleep]\nlimits: { timeout_sec: 0.3 }\n${BOTHER}`);
  standIn(folder, "flood", "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", BOTHER);
  standIn(folder, "narrow", "sleep 0.05", "helpers: [sleep]\nconcurrency: 1\nmax_queue: 0\n");
  standIn(folder, "bold", "echo bold", `intrusive: true\n${BOTHER}`);
  standIn(folder, "off", "echo off");
  folder.write("tools/gone.yaml", standInManifest("gone", `${folder.path}/bin/gone`));
  const names = ["alice", "bob", "carol"].map((name) => `${name} read,execute ${secretOf(name)}\n`);
  folder.write("tokens", [...names, `admin read,admin ${secretOf("admin")}\n`].join(""), 0o600);
  return folder;
}

/** What clients were answered: by tool, and by outcome or reason. */
class Tally {
  readonly runs: Record<string, number> = {};
  readonly refusals: Record<string, number> = {};
  total = 0;

  run(tool: string, outcome: string): void {
    this.#add(this.runs, `${tool} ${outcome}`);
  }

  refusal(tool: string, reason: string): void {
    this.#add(this.refusals, `${tool} ${reason}`);
  }

  #add(counts: Record<string, number>, key: string): void {
    counts[key] = (counts[key] ?? 0) + 1;
    this.total++;
  }
}

/** The names of reasons by the titles of problems. */
const REASONS = new Map(Object.entries(REFUSAL_ANSWERS).map(([reason, { title }]) => [title, reason]));

/** What tools are called that are none. */
const OTHER = "other";

/** Calls over HTTP with a body that may be anything. */
async function callHttp(
  url: string,
  who: string,
  tool: string,
  body: string,
  tally: Tally,
  signal?: AbortSignal,
) {
  const response = await fetch(`${url}/tools/${tool}/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(who) },
    body,
    ...(signal !== undefined && { signal }),
  });
  const answer = await response.json();
  if (response.status === 200) return tally.run(tool, answer.outcome);
  const reason = REASONS.get(answer.title);
  assert(reason !== undefined, JSON.stringify(answer));
  tally.refusal(tool === "nope" ? OTHER : tool, reason);
}

/** The reasons that a refusal over MCP may have, by its `error_type`, for what is called here. */
const MCP_REASONS: Readonly<Record<string, string>> = {
  validation_error: "invalid",
  approval_required: "approval_required",
  approval_declined: "approval_declined",
  not_found: "unavailable",
  disabled: "disabled",
  queue_full: "queue_full",
  rate_limited: "rate_limited",
  circuit_breaker_open: "breaker_open",
};

async function callMcp({ call }: Connected, tool: string, args: Record<string, unknown>, tally: Tally) {
  try {
    const { structuredContent } = await call(tool, args);
    if (structuredContent.outcome !== undefined) return tally.run(tool, structuredContent.outcome);
    const reason = MCP_REASONS[structuredContent.error_type];
    assert(reason !== undefined, JSON.stringify(structuredContent));
    tally.refusal(tool, reason);
  } catch (error) {
    assert.match(String(error), /-32602.*there is no tool/);
    tally.refusal(OTHER, "unknown_tool");
  }
}

/** How often each is called: the arguments, as both ways to call have them. */
const CALLS: readonly (readonly [tool: string, args: Record<string, unknown>, http: number, mcp: number])[] =
  [
    ["say", { target: "10.0.0.5" }, 240, 120],
    ["say", { target: "8.8.8.8" }, 30, 20],
    ["say", {}, 10, 5],
    ["fail", {}, 80, 50],
    ["broken", {}, 50, 25],
    ["hang", {}, 30, 15],
    ["flood", {}, 30, 15],
    ["gone", {}, 20, 10],
    ["off", {}, 20, 10],
    ["nope", {}, 20, 10],
    ["narrow", {}, 60, 30],
    ["bold", {}, 20, 20],
  ];

/** Bodies that are no request, or too large for one. */
const BAD_BODIES = ["", "{", "[]", "null", `{"x": 1}`, JSON.stringify({ target: "x".repeat(2000) })];

/** The same on each run: a linear congruential generator shuffles. */
function shuffled<T>(items: readonly T[]): T[] {
  let seed = 12345;
  return items.map((item) => ({ item, at: seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648 }))
    .sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** The series of two labels, as the tally has them. */
function series(text: string, name: string, label: string): Record<string, number> {
  const { samples } = parseExposition(text).find((family) => family.name === name)!;
  return Object.fromEntries(samples.map(({ labels, value }) => [`${labels.tool} ${labels[label]}`, value]));
}

/** Both accounts of the server, against the clients' own. */
async function assertSame(server: ChangingServer, tally: Tally): Promise<void> {
  const metrics = await (await fetch(`${server.server.url}/metrics`, { headers: server.headers })).text();
  assert.deepEqual(series(metrics, "bulkhead_runs_total", "outcome"), tally.runs);
  assert.deepEqual(series(metrics, "bulkhead_refusals_total", "reason"), tally.refusals);
  const statistics = statisticsSchema.parse(await server.get("/stats"));
  const flat = (of: "outcomes" | "refusal_reasons") =>
    Object.fromEntries(
      Object.entries(statistics.tools).flatMap(([tool, account]) =>
        Object.entries(account[of]).filter(([, count]) => count > 0).map((
          [how, count],
        ) => [`${tool} ${how}`, count])
      ),
    );
  assert.deepEqual(flat("outcomes"), tally.runs);
  assert.deepEqual(flat("refusal_reasons"), tally.refusals);
  const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0);
  const { totals } = statistics;
  assert.deepEqual([totals.runs, totals.refusals], [sum(tally.runs), sum(tally.refusals)]);
  for (const [tool, { runs, execution_time_sec, queue_time_sec }] of Object.entries(statistics.tools)) {
    assert.deepEqual([execution_time_sec?.count ?? 0, queue_time_sec?.count ?? 0], [runs, runs], tool);
  }
}

Deno.test(
  "after a thousand mixed calls, /metrics and /stats say what the clients have counted",
  options,
  async () => {
    using folder = setUp();
    const { isRunning } = holding(folder, "held", "concurrency: 1\nmax_queue: 8\n");
    await using server = await ChangingServer.start(folder, CONFIG);
    const { url } = server.server;
    server.headers = bearer("admin");
    const tally = new Tally();

    // Clients that go away: one whose run goes on, and two that wait for it.
    const gone = new AbortController();
    const first = callHttp(url, "alice", "hold", "{}", tally, gone.signal).catch(() => {});
    await until("the run", isRunning);
    const waiting = [0, 1].map(() =>
      callHttp(url, "alice", "hold", "{}", tally, gone.signal).catch(() => {})
    );
    const queued = async () => (await server.get("/stats")).tools.hold.queued;
    await until("two that wait", async () => await queued() === 2);
    gone.abort();
    await Promise.all([first, ...waiting]);
    tally.run("hold", "cancelled");
    for (const _ of waiting) tally.refusal("hold", "cancelled");
    await until("all are gone", async () => (await server.get("/stats")).tools.hold.runs === 1);

    await using mcp = await connectAs(url, bearer("carol"), { elicitation: {} });
    // One of two questions is answered with no; nobody is there for the other.
    let asked = 0;
    mcp.client.setRequestHandler(
      ElicitRequestSchema,
      () => Promise.resolve({ action: asked++ % 2 === 0 ? "decline" : "cancel" } as const),
    );
    const work = shuffled([
      ...CALLS.flatMap(([tool, args, http, overMcp]) => [
        ...Array.from(
          { length: http },
          (_, nth) => () => callHttp(url, nth % 2 === 0 ? "alice" : "bob", tool, JSON.stringify(args), tally),
        ),
        ...Array.from({ length: overMcp }, () => () => callMcp(mcp, tool, args, tally)),
      ]),
      ...Array.from(
        { length: 60 },
        (_, nth) => () =>
          callHttp(url, "bob", nth % 3 === 0 ? "nope" : "fail", BAD_BODIES[nth % BAD_BODIES.length]!, tally),
      ),
    ]);
    const workers = Array.from({ length: 16 }, async () => {
      for (let next = work.pop(); next !== undefined; next = work.pop()) {
        await next();
      }
    });
    await Promise.all(workers);
    assert(tally.total >= 1000, `${tally.total} calls`);
    await assertSame(server, tally);
    const outcomes = new Set(Object.keys(tally.runs).map((key) => key.split(" ")[1]));
    assert.deepEqual(outcomes, new Set(["success", "failure", "timeout", "killed", "cancelled"]));

    // The last kind: what comes while the server stops.
    const held = callHttp(url, "alice", "hold", "{}", tally);
    await until("the run", isRunning);
    const stopped = server.server.stop();
    await until("the stop", async () => !(await fetch(`${url}/readyz`)).ok);
    await callHttp(url, "alice", "say", "{}", tally);
    const reasons = new Set(Object.keys(tally.refusals).map((key) => key.split(" ")[1]));
    // A body that comes too slowly is waited for for half a minute; tests/integration/connections_test.ts does so.
    const all = Object.keys(REFUSAL_ANSWERS).filter((reason) => reason !== "too_slow");
    assert.deepEqual(reasons, new Set(all));
    // One that goes on is not counted yet.
    await assertSame(server, tally);
    letGo(folder);
    await held;
    assert.equal(await stopped, 0);
  },
);

Deno.test("where metrics are switched off there are no statistics", options, async () => {
  using folder = new TestFolder();
  await using server = await ChangingServer.start(folder, "metrics: { enabled: false }\n");
  const { status, detail } = await server.get("/stats");
  assert.deepEqual([status, detail], [404, "metrics are switched off"]);
});
