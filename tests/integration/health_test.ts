/** The health of real servers: under load, with tools that come and go, through reloads, over both transports. */
import assert from "node:assert/strict";
import { parseExposition } from "../metrics/exposition.ts";
import { assertPromtoolAccepts } from "../metrics/promtool.ts";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, commandLine, environment, type HttpServer, ROOT, startHttp } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, holding, letGo, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null };

interface Health {
  readonly code: number;
  // deno-lint-ignore no-explicit-any -- what it is, the test says
  readonly body: any;
}

async function askHealth(
  server: HttpServer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Health> {
  const response = await fetch(`${server.url}/health`, { headers });
  return { code: response.status, body: await response.json() };
}

async function textAt({ url }: HttpServer, path: string): Promise<string> {
  return await (await fetch(url + path)).text();
}

/** Asks until a round was as wanted. */
async function untilHealth(
  server: HttpServer,
  what: string,
  check: (health: Health) => boolean,
): Promise<Health> {
  let last: Health | null = null;
  await until(what, async () => {
    last = await askHealth(server);
    return check(last);
  }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
  return last!;
}

/** So that only what a test does is too much, whatever else the machine has to do. */
const CALM = "cpu_threshold: 100, memory_threshold: 100, disk_threshold: 100";

/** The server's own checks, which every server has. */
const OWN = ["system_resources", "confinement", "process_health", "tool_availability"];

Deno.test("health: every check of a server answers, and a figure for the processors comes with the second round", async () => {
  using folder = new TestFolder();
  const args = argumentsFor(folder, "health: { check_interval_sec: 1 }");
  await using server = await startHttp(args);
  const first = await askHealth(server);
  assert([200, 207].includes(first.code), JSON.stringify(first));
  assert.deepEqual(Object.keys(first.body.checks).slice(0, 4), OWN);
  for (const name of OWN) {
    assert.doesNotMatch(first.body.checks[name].message, /cannot be read|could not be read/);
  }
  const { body } = await untilHealth(
    server,
    "a figure for the processors",
    ({ body }) => body.checks.system_resources.metadata.cpu_percent !== null,
  );
  const { cpu_percent, memory_percent, disk_percent } = body.checks.system_resources.metadata;
  for (const percent of [cpu_percent, memory_percent, disk_percent]) {
    assert(percent >= 0 && percent <= 100, JSON.stringify(body.checks.system_resources));
  }
  assert.equal(body.checks.confinement.status, "healthy");
  assert.equal(typeof body.checks.confinement.metadata.warden_answer_ms, "number");
  assert.equal(body.checks.process_health.metadata.pid, server.pid);
  const text = await textAt(server, "/metrics");
  await assertPromtoolAccepts(text);
  const value = (name: string) =>
    parseExposition(text).find((family) => family.name === name)!.samples[0]!.value;
  assert(value("process_cpu_seconds_total") > 0);
  assert(Math.abs(value("process_start_time_seconds") - Date.now() / 1000) < 600);
});

Deno.test(
  "health: 100 polls under full load, every place taken and the queue full, are never 503 (D18)",
  options,
  async () => {
    using folder = new TestFolder();
    const places = navigator.hardwareConcurrency;
    const body =
      `while [ ! -e ${folder.path}/go ]; do i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; done`;
    standIn(folder, "burn", body, `concurrency: ${places}\nmax_queue: 1\nlimits: { timeout_sec: 120 }`);
    const config = `tools: { include: [burn], max_concurrency: ${places} }\n` +
      "health: { check_interval_sec: 1, cpu_threshold: 60 }";
    await using server = await startHttp(argumentsFor(folder, config));
    const runs = Array.from({ length: places + 1 }, () => server.execute("burn", {}));
    await until("every place to be taken", async () => {
      const { running, queued } = await (await fetch(`${server.url}/tools/burn`)).json();
      return running === places && queued === 1;
    });
    assert.equal((await server.execute("burn", {})).status, 429);
    const beganMs = performance.now();
    const before = (await askHealth(server)).body.timestamp;
    const codes: Record<number, number> = {};
    const rounds = new Set<string>();
    let longestMs = 0;
    for (let poll = 0; poll < 100; poll++) {
      const askedMs = performance.now();
      const { code, body } = await askHealth(server);
      longestMs = Math.max(longestMs, performance.now() - askedMs);
      codes[code] = (codes[code] ?? 0) + 1;
      rounds.add(body.timestamp);
      assert.notEqual(code, 503, JSON.stringify(body));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const tookSec = (performance.now() - beganMs) / 1000;
    rounds.delete(before);
    // Asking has nothing checked: rounds come by the clock alone, one second after the other.
    assert(rounds.size >= 1 && rounds.size <= tookSec + 1, `${rounds.size} rounds in ${tookSec} s`);
    // It answers from memory; what it waits for is a processor.
    assert(longestMs < 5000, `${longestMs} ms`);
    const busy = await untilHealth(
      server,
      "busy processors",
      ({ body }) => /CPU usage is high/.test(body.checks.system_resources.message),
    );
    assert.deepEqual([busy.code, busy.body.checks.system_resources.status], [207, "degraded"]);
    assert.equal(await textAt(server, "/readyz"), "ready\n");
    letGo(folder);
    const outcomes = (await Promise.all(runs)).map(({ body }) => body.outcome);
    assert.deepEqual(outcomes, Array(places + 1).fill("success"));
  },
);

Deno.test(
  "health: a tool that is no more there, or whose breaker is open, degrades until it is well",
  options,
  async () => {
    using folder = new TestFolder();
    const program = standIn(folder, "say", "echo said");
    standIn(folder, "fail", `[ -e ${folder.path}/well ]`, "breaker: { failure_threshold: 1 }");
    const config = `tools: { include: [say, fail] }\nhealth: { check_interval_sec: 1, ${CALM} }`;
    await using server = await ChangingServer.start(folder, config);
    const statusOf = ({ body }: Health, name: string) => body.checks[name].status;
    await untilHealth(server.server, "a healthy server", ({ code }) => code === 200);

    Deno.renameSync(program, `${program}.away`);
    const gone = await untilHealth(
      server.server,
      "a missing tool",
      (health) => statusOf(health, "tool_say") !== "healthy",
    );
    assert.deepEqual([gone.code, statusOf(gone, "tool_say"), statusOf(gone, "tool_availability")], [
      207,
      "unhealthy",
      "degraded",
    ]);
    assert.deepEqual(gone.body.checks.tool_availability.metadata.unavailable_tools, ["say"]);
    await until(
      "a line of the log",
      () =>
        server.lines("health is worse").some(({ checks }) =>
          checks.some(({ name }: { name: string }) => name === "tool_say")
        ),
    );
    Deno.renameSync(`${program}.away`, program);
    await untilHealth(server.server, "the tool again", ({ code }) => code === 200);
    await until("a line of the log", () => server.lines("health is better").length > 0);

    assert.equal((await server.execute("fail")).body.outcome, "failure");
    const open = await untilHealth(
      server.server,
      "an open breaker",
      (health) => statusOf(health, "tool_fail") !== "healthy",
    );
    assert.deepEqual([open.code, statusOf(open, "tool_fail")], [207, "degraded"]);
    const text = await textAt(server.server, "/metrics");
    assert.match(text, /^bulkhead_health_check_status{check="tool_fail",status="degraded"} 1$/m);
  },
);

Deno.test(
  "health: a reload of its keys takes effect, on the round that is due by then",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", "echo said");
    const all = (health: string) => `tools: { include: [say] }\nhealth: { ${health} }`;
    await using server = await ChangingServer.start(folder, all(`check_interval_sec: 3600, ${CALM}`));
    const first = await askHealth(server.server);
    assert.equal(first.code, 200, JSON.stringify(first));
    assert.deepEqual(
      (await server.configure(
        all("check_interval_sec: 1, cpu_threshold: 100, memory_threshold: 1, disk_threshold: 99"),
      ))
        .toSorted(),
      ["health.check_interval_sec", "health.disk_threshold", "health.memory_threshold"],
    );
    const high = await untilHealth(server.server, "too much memory", ({ code }) => code === 207);
    assert.match(high.body.checks.system_resources.message, /memory usage is high: .* more than 1 %/);
    assert.equal(high.body.checks.system_resources.metadata.disk_threshold, 99);
    await server.configure(all(`check_interval_sec: 1, ${CALM}`));
    const { body } = await untilHealth(server.server, "no longer too much", ({ code }) => code === 200);
    assert.deepEqual(body.history.at(-1).status, "healthy");
    assert(body.history.length >= 3);
  },
);

Deno.test(
  "health: where there are tokens, who may not read is told how well it is and no more",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", "echo said");
    folder.write(
      "tokens",
      `reader read ${secretOf("reader")}\nrunner execute ${secretOf("runner")}\n`,
      0o600,
    );
    const config = `tools: { include: [say] }\nauth: { tokens_file: ${folder.path}/tokens }`;
    await using server = await startHttp(argumentsFor(folder, config));
    const full = await askHealth(server, bearer("reader"));
    assert(OWN.every((name) => name in full.body.checks));
    for (const headers of [{}, bearer("runner"), { authorization: "Bearer wrong" }]) {
      const { code, body } = await askHealth(server, headers);
      assert.equal(code, full.code);
      assert.deepEqual(Object.keys(body), ["status", "timestamp"]);
    }
  },
);

Deno.test("health: a server that stops says so, and is still live", options, async () => {
  using folder = new TestFolder();
  const { isRunning } = holding(folder);
  const args = argumentsFor(folder, "server: { shutdown_grace_period_sec: 60 }");
  await using server = await startHttp(args);
  const run = server.execute("hold", {});
  await until("the run", isRunning);
  const exit = server.stop();
  const stopping = await untilHealth(server, "the stop", ({ code }) => code === 503);
  assert.deepEqual([stopping.body.status, stopping.body.stopping], ["unhealthy", true]);
  assert.notEqual(stopping.body.overall_status, "unhealthy");
  assert.equal(await textAt(server, "/livez"), "ok\n");
  letGo(folder);
  assert.equal((await run).body.outcome, "success");
  assert.equal(await exit, 0);
});

Deno.test(
  "health: over stdio it is watched too; the log tells what gets worse, and standard output nothing",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", "echo said");
    const config = "tools: { include: [say] }\nlogging: { format: json }\nhealth: { memory_threshold: 1 }";
    const [program, ...args] = await commandLine(["serve", ...argumentsFor(folder, config)]);
    const child = new Deno.Command(program, {
      args,
      cwd: ROOT,
      clearEnv: true,
      env: environment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let log = "";
    while (!log.includes("health is worse")) {
      const { value, done } = await reader.read();
      assert(!done, `it ended: ${log}`);
      log += value;
    }
    await child.stdin.close();
    while (!(await reader.read()).done);
    const [status, output] = await Promise.all([child.status, new Response(child.stdout).text()]);
    assert.deepEqual([status.code, output], [0, ""]);
  },
);
