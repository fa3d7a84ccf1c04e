/**
 * Breaker, queue, rate limit and memory of a real server with real programs. Nothing here is measured in milliseconds: what
 * is checked holds however slow the machine is.
 */
import assert from "node:assert/strict";
import { parseExposition } from "../metrics/exposition.ts";
import { pause } from "../support/hostile.ts";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, type HttpServer, startHttp } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null };

const CONFIG = `
confinement: { on_flood: kill, kill_grace_sec: 0.2 }
security: { max_stdout_bytes: 8388608 }
logging: { level: error }
server: { max_connections: 2000 }
runs: { keep: 0 }
`;

/** A folder with the tool `moody`, which does what the file `mood` says at that moment, and `config.yaml`. */
class MoodyFolder extends TestFolder {
  constructor(manifest: string, config = "") {
    super();
    const script = this.script(
      "bin/moody",
      [
        `read -r mood < ${this.path}/mood`,
        "block=xxxxxxxxxxxxxxxx; for _ in 1 2 3 4 5 6 7 8 9 10; do block=$block$block; done",
        "case $mood in",
        "fine) echo fine ;;",
        "fail) exit 3 ;;",
        "hang) exec sleep 60 ;;",
        "long) for _ in 1 2 3 4 5 6 7 8 9 10; do for _ in 1 2 3 4 5 6 7 8 9 10; do echo $block$block$block; done; done ;;",
        "flood) while :; do echo $block; done ;;",
        "esac",
      ].join("\n"),
    );
    this.write("tools/moody.yaml", standInManifest("moody", script, `helpers: [sleep]\n${manifest}`));
    this.write("config.yaml", CONFIG + config);
    this.feel("fine");
  }

  feel(mood: "fine" | "fail" | "hang" | "long" | "flood"): void {
    this.write("mood", `${mood}\n`);
  }

  get args(): string[] {
    return ["--tools", `${this.path}/tools`, "--config", `${this.path}/config.yaml`];
  }
}

interface Answer {
  readonly status: number;
  /** The outcome of a run, or the type of a problem. */
  readonly how: string;
  /** The header, or null. */
  readonly retryAfter: string | null;
}

async function call(server: HttpServer, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  const response = await fetch(`${server.url}/tools/moody/execute`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  const retryAfter = response.headers.get("retry-after");
  const body = await response.json();
  assert.equal(String(body.retry_after_sec ?? null), String(retryAfter));
  return { status: response.status, how: body.outcome ?? body.error_type, retryAfter };
}

function callMany(server: HttpServer, count: number): Promise<Answer[]> {
  return Promise.all(Array.from({ length: count }, () => call(server)));
}

/** How many answers there were of each kind. */
function countOf(answers: readonly Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { how } of answers) counts[how] = (counts[how] ?? 0) + 1;
  return counts;
}

/** Each answer is a run, or a refusal that says when to come again. */
function assertAnswered(answers: readonly Answer[]): void {
  for (const { status, how, retryAfter } of answers) {
    const expected = how === "circuit_breaker_open" ? 503 : how === "queue_full" ? 429 : 200;
    assert.equal(status, expected, how);
    if (status === 200) assert.equal(retryAfter, null);
    else assert.match(retryAfter ?? "", /^[1-9]\d*$/);
  }
}

/** The values of one metric by one of its labels. */
async function scrape(
  server: HttpServer,
  name: string,
  label: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Record<string, number>> {
  const text = await (await fetch(`${server.url}/metrics`, { headers })).text();
  const samples = parseExposition(text).find((family) => family.name === name)!.samples
    .filter(({ labels }) => labels.tool === "moody");
  return Object.fromEntries(samples.map(({ labels, value }) => [labels[label]!, value]));
}

/** Runs by outcome and refusals by the type that clients see: as {@link countOf} counts. */
async function scrapedCounts(server: HttpServer): Promise<Record<string, number>> {
  const { breaker_open, ...refusals } = await scrape(server, "bulkhead_refusals_total", "reason");
  const runs = await scrape(server, "bulkhead_runs_total", "outcome");
  return { ...runs, ...refusals, ...(breaker_open !== undefined && { circuit_breaker_open: breaker_open }) };
}

async function stateOf(server: HttpServer): Promise<string> {
  const tool = await (await fetch(`${server.url}/tools/moody`)).json();
  assert.deepEqual([tool.running, tool.queued], [0, 0]);
  const states = await scrape(server, "bulkhead_circuit_breaker_state", "state");
  assert.deepEqual(Object.keys(states).filter((state) => states[state] === 1), [tool.circuit_breaker.state]);
  return tool.circuit_breaker.state;
}

Deno.test("200 calls against a tool that fails, hangs, floods and recovers", options, async () => {
  using folder = new MoodyFolder(`
concurrency: 2
max_queue: 20
limits: { timeout_sec: 2 }
breaker: { failure_threshold: 3, recovery_timeout_sec: 0.5, timeout_multiplier: 2, max_recovery_timeout_sec: 1, jitter: 0 }
`);
  await using server = await startHttp(folder.args);
  const all: Answer[] = [];
  const states = [await stateOf(server)];
  /** A call that comes when it was told to: it must be let in, as nobody else calls. */
  const comeAgain = async (): Promise<string> => {
    const early = await call(server);
    all.push(early);
    if (early.status === 200) return early.how;
    await pause(Number(early.retryAfter) * 1000);
    const again = await call(server);
    all.push(again);
    assert.equal(again.status, 200, "its time had come");
    return again.how;
  };

  folder.feel("fail");
  const failed = await callMany(server, 200);
  all.push(...failed);
  assertAnswered(failed);
  const { failure, circuit_breaker_open } = countOf(failed);
  assert(failure! >= 3 && circuit_breaker_open! > 0, JSON.stringify(countOf(failed)));
  states.push(await stateOf(server));

  folder.feel("hang");
  assert.equal(await comeAgain(), "timeout");
  states.push(await stateOf(server));

  folder.feel("flood");
  assert.equal(await comeAgain(), "killed");
  states.push(await stateOf(server));

  folder.feel("fine");
  assert.equal(await comeAgain(), "success");
  states.push(await stateOf(server));

  const recovered = await callMany(server, 200);
  all.push(...recovered);
  assertAnswered(recovered);
  const { success, queue_full = 0, ...others } = countOf(recovered);
  assert.deepEqual([success! >= 22, success! + queue_full, others], [true, 200, {}]);
  states.push(await stateOf(server));

  assert.deepEqual(states, ["closed", "open", "open", "open", "closed", "closed"]);
  assert.deepEqual(await scrapedCounts(server), countOf(all));
  assert.deepEqual(await scrape(server, "bulkhead_limit_kills_total", "limit"), { output: 1 });
  // Each time that it opened it was tried again; only a late one of the burst could have been one more such trial.
  const { open, half_open, closed } = await scrape(
    server,
    "bulkhead_circuit_breaker_transitions_total",
    "to",
  );
  assert(open === half_open && open! >= 3 && closed === 1, JSON.stringify({ open, half_open, closed }));
});

/**
 * Keeps a server's heaps from growing before they are cleaned, so that memory tells what is kept: the oldest generation of
 * each thread has 48 MiB. Without this it goes up for some tens of thousands of calls before it stays.
 */
const SMALL_HEAPS = ["env", "DENO_V8_FLAGS=--max-semi-space-size=1,--max-old-space-size=48"];
/** When nothing is kept it goes up and down by about half of this; five thousand calls that leave 5 KiB each are seen. */
const MOST_GROWTH_MIB = 24;

/** Five clients that read nothing are held 24 MiB of answers: three rounds of them would leave three times as much. */
const MOST_KEPT_MIB = 48;

/** Resident memory of the server, in MiB. A child is asked: Deno itself keeps /proc shut. */
async function residentMib(server: HttpServer): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${server.pid}/status`] }).output();
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))![1]) / 1024;
}

/**
 * @param mostMib how much it may go up: more than it does by chance, and less than all rounds together would leave
 * @param round does the same each time and returns {@link residentMib} at one and the same point
 */
async function assertNoGrowth(rounds: number, mostMib: number, round: () => Promise<number>): Promise<void> {
  const measured: number[] = [];
  for (let nth = 0; nth < rounds; nth++) measured.push(Math.round(await round()));
  // The first has taken what each of them takes.
  const growth = Math.max(...measured.slice(1)) - measured[0]!;
  assert(growth <= mostMib, `resident memory in MiB: ${measured.join(", ")}`);
}

Deno.test(
  "a thousand calls at once are answered, time and again, and nothing is kept of them",
  options,
  async () => {
    using folder = new MoodyFolder("concurrency: 2\nmax_queue: 16\n");
    await using server = await startHttp(folder.args, SMALL_HEAPS);
    const all: Answer[] = await callMany(server, 200);
    await assertNoGrowth(6, MOST_GROWTH_MIB, async () => {
      const answers = await callMany(server, 1000);
      assertAnswered(answers);
      const { success, queue_full, ...others } = countOf(answers);
      assert.deepEqual([success! >= 18, success! + queue_full!, others], [true, 1000, {}]);
      all.push(...answers);
      return await residentMib(server);
    });
    assert.equal(await stateOf(server), "closed");
    assert.deepEqual(await scrapedCounts(server), countOf(all));
  },
);

Deno.test(
  "clients that do not read their answers hold no place of the tool's, and nothing is kept when they go",
  options,
  async () => {
    using folder = new MoodyFolder("concurrency: 2\nmax_queue: 16\n");
    folder.feel("long");
    await using server = await startHttp(folder.args, SMALL_HEAPS);
    const { hostname, port, host } = new URL(server.url);
    const request = new TextEncoder().encode(
      `POST /tools/moody/execute HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
    );
    let runs = 0;
    await assertNoGrowth(4, MOST_KEPT_MIB, async () => {
      const connections = await Promise.all(
        Array.from({ length: 5 }, () => Deno.connect({ hostname, port: Number(port) })),
      );
      for (const connection of connections) await connection.write(request);
      runs += connections.length;
      await until(async () => (await scrape(server, "bulkhead_runs_total", "outcome")).success === runs);
      // All have been answered, none has read a byte, and whoever else comes has their turn.
      assert.equal((await call(server)).how, "success");
      runs++;
      const whileHeldMib = await residentMib(server);
      for (const connection of connections) connection.close();
      return whileHeldMib;
    });
    assert.deepEqual(await scrapedCounts(server), { success: runs });
  },
);

/** Asks again until it is so; the test's own deadline is a minute. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error("it did not come about within a minute");
    await pause(20);
  }
}

Deno.test(
  "a rate limit lets a burst of each token through, and keeps its word about when to come again",
  options,
  async () => {
    using folder = new MoodyFolder(
      "concurrency: 8\n",
      "rate_limit: { enabled: true, per_second: 0.5, burst: 3 }\nauth: { tokens_file: tokens }\n",
    );
    const names = ["alice", "bob"];
    folder.write("tokens", names.map((name) => `${name} read,execute ${secretOf(name)}\n`).join(""), 0o600);
    await using server = await startHttp(folder.args);
    const began = performance.now();
    const answers = await Promise.all(
      names.flatMap((name) =>
        Array.from({ length: 8 }, async () => ({ name, ...await call(server, bearer(name)) }))
      ),
    );
    const flowedBack = (performance.now() - began) / 2000;
    for (const name of names) {
      const own = answers.filter((answer) => answer.name === name);
      const runs = own.filter(({ status }) => status === 200);
      assert(runs.length >= 3 && runs.length <= 3 + flowedBack, `${runs.length} runs of ${name}`);
      for (const { status, how, retryAfter } of own.filter((answer) => !runs.includes(answer))) {
        assert.deepEqual([status, how], [429, "rate_limited"]);
        assert(["1", "2"].includes(retryAfter ?? ""), String(retryAfter));
      }
    }
    const early = await call(server, bearer("alice"));
    await pause(Number(early.retryAfter ?? 2) * 1000);
    const late = await call(server, bearer("alice"));
    assert.deepEqual([late.status, late.how], [200, "success"]);
    const refused = [...answers, early, late].filter(({ how }) => how === "rate_limited").length;
    const counted = await scrape(server, "bulkhead_refusals_total", "reason", bearer("alice"));
    assert.deepEqual(counted, { rate_limited: refused });
  },
);
