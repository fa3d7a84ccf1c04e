/**
 * Two hundred calls in bursts against one tool that fails, hangs, floods and recovers. What has to come of it, second by
 * second, is a table that was worked out by hand.
 */
import assert from "node:assert/strict";
import { RunMetrics } from "../../src/metrics/run_metrics.ts";
import { Registry as MetricRegistry } from "../../src/metrics/registry.ts";
import { renderMetrics } from "../../src/metrics/text_format.ts";
import { measure, readTools } from "../../src/runs/measure.ts";
import type { RunAnswer } from "../../src/runs/pipeline.ts";
import { parseExposition } from "../metrics/exposition.ts";
import {
  endedWith,
  flush,
  makeEngine,
  type PendingOrder,
  permitsOut,
  refusalIn,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

/** All times of the table are multiples of this. */
const TICK_MS = 500;

/** What the program does with one target: for how long it runs, and how it ends; `hang` runs into its time-out. */
const PROGRAM = {
  "10.0.0.1": { does: "fine", sec: 2, ends: endedWith() },
  "10.0.0.2": { does: "fail", sec: 1, ends: endedWith({ code: 3 }) },
  "10.0.0.3": { does: "flood", sec: 1, ends: endedWith({ code: null, signal: "SIGTERM", cause: "flood" }) },
  "10.0.0.4": { does: "slow", sec: 24, ends: endedWith() },
  "10.0.0.5": {
    does: "hang",
    sec: Infinity,
    ends: endedWith({ code: null, signal: "SIGTERM", cause: "timeout" }),
  },
} as const;
type Deed = typeof PROGRAM[keyof typeof PROGRAM]["does"];

/** Four at once, four wait; three failures in a row open for 10 s, then 20, then 30; two good probes close. */
const TOOL = toolOf({
  limits: { timeout_sec: 33.5 },
  concurrency: 4,
  max_queue: 4,
  breaker: {
    failure_threshold: 3,
    recovery_timeout_sec: 10,
    timeout_multiplier: 2,
    max_recovery_timeout_sec: 30,
    success_threshold: 2,
    jitter: 0,
  },
});

type Event =
  | readonly [count: number, does: Deed, timeoutSec?: number]
  /** The client of the oldest call that is running, or waiting, goes away. */
  | "one that runs is cancelled"
  | "one that waits is cancelled"
  | null;

/** How many calls were answered how since the line before: an outcome, or a refusal with its `retry_after_sec`. */
type Answers = Readonly<Record<string, number>>;

const TIMELINE: readonly (readonly [
  sec: number,
  event: Event,
  state: "closed" | "open" | "half_open",
  running: number,
  queued: number,
  answered: Answers,
])[] = [
  // These two run for a long time: what comes of them is late.
  [0, [1, "hang"], "closed", 1, 0, {}],
  [0, [1, "slow"], "closed", 2, 0, {}],
  // Five turns until a newcomer's, a second each as nothing is known, four at a time: 1.25 s.
  [0, [18, "fail"], "closed", 4, 4, { "queue_full 2": 12 }],
  [1, null, "closed", 4, 2, { failure: 2 }],
  // The third failure opens it; the fourth was admitted before that. The two that waited are turned away.
  [2, null, "open", 2, 0, { "failure": 2, "breaker_open 10": 2 }],
  [2.5, [40, "fine"], "open", 2, 0, { "breaker_open 10": 40 }],
  [11.5, [5, "fine"], "open", 2, 0, { "breaker_open 1": 5 }],
  // Of six that come together when the time is over, one is the probe.
  [12, [6, "fail"], "half_open", 3, 0, { "breaker_open 1": 5 }],
  [13, null, "open", 2, 0, { failure: 1 }],
  [13, [10, "fine"], "open", 2, 0, { "breaker_open 20": 10 }],
  // A late success closes nothing.
  [24, null, "open", 1, 0, { success: 1 }],
  [24, [1, "fine"], "open", 1, 0, { "breaker_open 9": 1 }],
  [33, [1, "flood"], "half_open", 2, 0, {}],
  // A late failure opens nothing while a probe decides.
  [33.5, null, "half_open", 1, 0, { timeout: 1 }],
  // The probe is killed: twice 20 s would be more than the longest.
  [34, null, "open", 0, 0, { killed: 1 }],
  [34, [3, "fine"], "open", 0, 0, { "breaker_open 30": 3 }],
  // A probe whose caller shortened its time-out, and one whose caller goes away, say nothing; each leaves its place.
  [64, [1, "hang", 2], "half_open", 1, 0, {}],
  [65, [5, "fine"], "half_open", 1, 0, { "breaker_open 1": 5 }],
  [66, null, "half_open", 0, 0, { timeout: 1 }],
  [66, [1, "hang"], "half_open", 1, 0, {}],
  [67, "one that runs is cancelled", "half_open", 0, 0, { cancelled: 1 }],
  [67, [1, "fine"], "half_open", 1, 0, {}],
  [69, null, "half_open", 0, 0, { success: 1 }],
  [69, [1, "fine"], "half_open", 1, 0, {}],
  [71, null, "closed", 0, 0, { success: 1 }],
  // Twelve runs took 70.5 s together: five turns of 5.875 s, four at a time, are 7.3 s.
  [71, [20, "fine"], "closed", 4, 4, { "queue_full 8": 12 }],
  [72, "one that waits is cancelled", "closed", 4, 3, { "refused as cancelled": 1 }],
  [73, null, "closed", 3, 0, { success: 4 }],
  [75, null, "closed", 0, 0, { success: 3 }],
  [75, [3, "flood"], "closed", 3, 0, {}],
  // Having been closed it begins with the shortest time again.
  [76, null, "open", 0, 0, { killed: 3 }],
  [76, [80, "fine"], "open", 0, 0, { "breaker_open 10": 80 }],
  [86, [1, "fine"], "half_open", 1, 0, {}],
  [88, null, "half_open", 0, 0, { success: 1 }],
  [88, [1, "fine"], "half_open", 1, 0, {}],
  [90, null, "closed", 0, 0, { success: 1 }],
];

const TRANSITIONS = [
  "2 open: failure",
  "12 half_open: admit",
  "13 open: failure",
  "33 half_open: admit",
  "34 open: failure",
  "64 half_open: admit",
  "71 closed: success",
  "76 open: failure",
  "86 half_open: admit",
  "90 closed: success",
];

/** One call and its client. */
interface Call {
  readonly client: AbortController;
  readonly id: string;
  answer: RunAnswer | null;
}

/** The calls, and the program that they are for. */
class Play {
  readonly calls: Call[] = [];
  readonly #engine: TestEngine;
  readonly #started = new Set<PendingOrder>();
  #answered: RunAnswer[] = [];

  constructor(engine: TestEngine) {
    this.#engine = engine;
  }

  /** How calls were answered since this was asked last. */
  takeAnswers(): Record<string, number> {
    const counts = countAnswers(this.#answered);
    this.#answered = [];
    return counts;
  }

  async happen(event: Event): Promise<void> {
    if (event === "one that runs is cancelled") {
      this.calls.find(({ answer }) => answer === null)!.client.abort();
    } else if (event === "one that waits is cancelled") {
      const { running } = readTools(this.#engine.toolbox)[0]!;
      this.calls.filter(({ answer }) => answer === null)[running]!.client.abort();
    } else if (event !== null) {
      const [count, does, timeoutSec] = event;
      for (let nth = 0; nth < count; nth++) this.#call(does, timeoutSec);
    }
    await this.#settle();
  }

  async advanceTo(ms: number): Promise<void> {
    while (this.#engine.clock.now() < ms) {
      this.#engine.clock.advance(TICK_MS);
      await this.#settle();
    }
  }

  #call(does: Deed, timeoutSec: number | undefined): void {
    const target = Object.entries(PROGRAM).find(([, entry]) => entry.does === does)![0];
    const call: Call = { client: new AbortController(), id: `call-${this.calls.length}`, answer: null };
    this.calls.push(call);
    const request = {
      target,
      correlation_id: call.id,
      ...(timeoutSec !== undefined && { timeout_sec: timeoutSec }),
    };
    this.#engine.run(request, { signal: call.client.signal }).then((answer) => {
      call.answer = answer;
      this.#answered.push(answer);
    });
  }

  /** Lets everything go on, and the programs that have started do what they do. */
  async #settle(): Promise<void> {
    await flush();
    const { clock, executor } = this.#engine;
    for (const pending of executor.pending) {
      if (this.#started.has(pending)) continue;
      this.#started.add(pending);
      const { sec, ends } = PROGRAM[pending.order.args.at(-1) as keyof typeof PROGRAM];
      clock.after(Math.min(sec * 1000, pending.order.deadlineMs), () => {
        if (executor.pending.includes(pending)) pending.end(ends);
      });
    }
  }
}

function countAnswers(answers: readonly RunAnswer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const answer of answers) {
    const how = answer.kind === "result" ? answer.result.outcome : refusalName(answer);
    counts[how] = (counts[how] ?? 0) + 1;
  }
  return counts;
}

function refusalName(answer: RunAnswer): string {
  const { condition, retryAfterSec } = refusalIn(answer);
  return retryAfterSec === undefined ? `refused as ${condition}` : `${condition} ${retryAfterSec}`;
}

Deno.test("timeline: 200 calls, and a breaker whose every state is the one in the table", async () => {
  const engine = makeEngine({ tools: [TOOL] });
  const play = new Play(engine);
  for (const [sec, event, breakerState, running, queued, answered] of TIMELINE) {
    await play.advanceTo(sec * 1000);
    await play.happen(event);
    const about = `at ${sec} s: ${JSON.stringify(event)}`;
    assert.deepEqual(readTools(engine.toolbox), [{ tool: "probe", running, queued, breakerState }], about);
    assert.deepEqual(play.takeAnswers(), answered, about);
  }
  assert.equal(play.calls.length, 200);
  assert.equal(permitsOut(engine), 0);
  const { recentTransitions, ...counted } = engine.toolbox.get("probe")!.breaker.statistics();
  assert.deepEqual(
    recentTransitions.map(({ atMs, to, cause }) => `${atMs / 1000} ${to}: ${cause}`),
    TRANSITIONS,
  );
  const { calls, rejections, successes, failures, excluded, failureReasons } = counted;
  assert.deepEqual({ calls, rejections, successes, failures, excluded, failureReasons }, {
    calls: 24,
    rejections: 151,
    successes: 12,
    failures: 10,
    excluded: 2,
    failureReasons: { execution_error: 5, timeout: 1, resource_exhausted: 4 },
  });

  // The metrics say what the clients saw: each call is one run or one refusal.
  const runs = { success: 12, failure: 5, timeout: 2, killed: 4, cancelled: 1 };
  const refusals = { breaker_open: 151, queue_full: 24, cancelled: 1 };
  assert.deepEqual(scrapedCounts(engine), { runs, refusals, waits: 24, kills: { output: 4 } });
  const seen = play.calls.map(({ answer }) => answer!);
  const byKind = (kind: RunAnswer["kind"]) => seen.filter((answer) => answer.kind === kind).length;
  assert.deepEqual([byKind("result"), byKind("refusal")], [24, 176]);
  assert.equal(engine.recorded.length, 200);
});

/** What is recorded of an engine's calls, as it is scraped. */
function scrapedCounts(engine: TestEngine) {
  const registry = new MetricRegistry();
  const metrics = new RunMetrics(registry, (tool) => engine.toolbox.has(tool));
  for (const answered of engine.recorded) measure(metrics, answered);
  const families = parseExposition(renderMetrics(registry));
  const samples = (name: string) => families.find((family) => family.name === name)!.samples;
  const by = (name: string, label: string) =>
    Object.fromEntries(samples(name).map(({ labels, value }) => [labels[label]!, value]));
  return {
    runs: by("bulkhead_runs_total", "outcome"),
    refusals: by("bulkhead_refusals_total", "reason"),
    waits: samples("bulkhead_queue_wait_seconds").find(({ name }) => name.endsWith("_count"))!.value,
    kills: by("bulkhead_limit_kills_total", "limit"),
  };
}

Deno.test("timeline: 200 calls at once wait, and when the tool fails all that wait are told when to come again", async () => {
  const engine = makeEngine({ tools: [toolOf({ ...TOOL.manifest, concurrency: 2, max_queue: 198 })] });
  const play = new Play(engine);
  await play.happen([200, "fail"]);
  assert.deepEqual(readTools(engine.toolbox)[0]!.queued, 198);
  await play.advanceTo(1000);
  assert.deepEqual(play.takeAnswers(), { failure: 2 });
  await play.advanceTo(2000);
  assert.deepEqual(play.takeAnswers(), { "failure": 2, "breaker_open 10": 196 });
  assert.deepEqual(readTools(engine.toolbox), [
    { tool: "probe", running: 0, queued: 0, breakerState: "open" },
  ]);
  assert.equal(engine.recorded.length, 200);
});

Deno.test("timeline: a thousand calls at once at concurrency 2 are run, or told when to come again", async () => {
  const engine = makeEngine({ tools: [toolOf({ ...TOOL.manifest, concurrency: 2, max_queue: 10 })] });
  const play = new Play(engine);
  await play.happen([1000, "fine"]);
  // Eleven turns of a second, two at a time.
  assert.deepEqual(play.takeAnswers(), { "queue_full 6": 988 });
  await play.advanceTo(12_000);
  assert.deepEqual(play.takeAnswers(), { success: 12 });
  assert.equal(engine.recorded.length, 1000);
  assert.equal(permitsOut(engine), 0);
  assert.equal(engine.clock.pending, 0);
});
