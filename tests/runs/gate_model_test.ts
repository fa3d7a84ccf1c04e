/**
 * All tools' turns together: random histories over four tools, whose limits change while runs wait and go on. What must
 * hold is said from the outside, by what was asked for, what runs and what was answered.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readTools } from "../../src/runs/measure.ts";
import type { RunAnswer } from "../../src/runs/pipeline.ts";
import {
  endedWith,
  type FakeExecutor,
  flush,
  makeEngine,
  type PendingOrder,
  permitsOut,
  refusalIn,
  stateOf,
  type TestEngine,
  toolOf,
} from "../support/engine.ts";

const NAMES = ["alpha", "beta", "gamma", "delta"] as const;
type Name = typeof NAMES[number];

interface Limits {
  readonly concurrency: number;
  readonly maxQueue: number;
}

/** What may happen in one moment together, each so many steps of promises after the moment began. */
type Deed =
  & { readonly afterSteps: number }
  & (
    | { readonly kind: "ask"; readonly tool: Name; readonly count: number }
    | { readonly kind: "end"; readonly pick: number; readonly fails: boolean }
    | { readonly kind: "abort"; readonly pick: number }
  );
/** What happens in a moment of its own. */
type Change =
  | { readonly kind: "tool"; readonly tool: Name; readonly limits: Limits; readonly isNewProgram: boolean }
  | { readonly kind: "whole"; readonly maxConcurrency: number }
  | { readonly kind: "switch"; readonly tool: Name; readonly enabled: boolean }
  | { readonly kind: "close" };
type Moment = readonly Deed[] | Change;

const tool = fc.constantFrom(...NAMES);
const limits = fc.record({ concurrency: fc.integer({ min: 1, max: 4 }), maxQueue: fc.nat({ max: 5 }) });
const maxConcurrency = fc.integer({ min: 1, max: 6 });
const pick = fc.nat({ max: 1000 });
const afterSteps = fc.nat({ max: 30 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      afterSteps,
      tool,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("end" as const), afterSteps, pick, fails: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), afterSteps, pick }) },
);
const moment: fc.Arbitrary<Moment> = fc.oneof(
  { weight: 12, arbitrary: fc.array(deed, { minLength: 1, maxLength: 6 }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("tool" as const), tool, limits, isNewProgram: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("whole" as const), maxConcurrency }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("switch" as const), tool, enabled: fc.boolean() }),
  },
);

interface Call {
  readonly tool: Name;
  readonly client: AbortController;
  /** Its order, once its program has started. */
  order: PendingOrder | null;
  answer: RunAnswer | null;
  /** Whether it had a place of its tool's, and perhaps not yet one of all tools', when the tool's limit changed. */
  hadPlace: boolean;
}

/** One history: what was asked for, and what must hold after each moment of it. */
class History {
  readonly #engine: TestEngine;
  readonly #calls: Call[] = [];
  /** Every executor that there ever was. */
  readonly #executors = new Set<FakeExecutor>();
  readonly #limits: Map<Name, Limits>;
  #maxConcurrency: number;
  #isOpen = true;
  /** Whose program has written something last. */
  #heard: Call | null = null;

  constructor(limits: readonly Limits[], maxConcurrency: number) {
    this.#limits = new Map(NAMES.map((name, index) => [name, limits[index]!]));
    this.#maxConcurrency = maxConcurrency;
    this.#engine = makeEngine({ tools: this.#tools(), settings: { maxConcurrency } });
  }

  async live(moment: Moment): Promise<void> {
    if ("kind" in moment) this.#change(moment);
    else await Promise.all(moment.map((deed) => this.#do(deed)));
    await this.#settle();
    this.#check();
  }

  /** Ends everything. Then all calls have been answered, nothing is held, and as many as ever fit in again. */
  async finish(): Promise<void> {
    for (let left = this.#calls.length; this.#going().length > 0; left--) {
      assert(left > 0, "more programs ended than were asked for");
      this.#going()[0]!.order!.end();
      await this.#settle();
      this.#check();
    }
    assert.deepEqual(this.#calls.filter(({ answer }) => answer === null), [], "somebody waits for ever");
    assert.equal(permitsOut(this.#engine), 0);
    for (const { running, queued } of readTools(this.#engine.toolbox)) {
      assert.deepEqual([running, queued], [0, 0]);
    }
    assert.equal(this.#engine.recorded.length, this.#calls.length);
    if (!this.#isOpen) return;
    const wide = { concurrency: 4, maxQueue: 0 };
    for (const tool of NAMES) {
      await this.live({ kind: "switch", tool, enabled: true });
      await this.live({ kind: "tool", tool, limits: wide, isNewProgram: false });
    }
    await this.live({ kind: "whole", maxConcurrency: 16 });
    await this.live(NAMES.map((tool) => ({ kind: "ask", afterSteps: 0, tool, count: 4 })));
    assert.equal(this.#going().length, 16, "every place is free again");
    for (const { order } of this.#going()) order!.end();
    await this.#settle();
    assert.equal(permitsOut(this.#engine), 0);
  }

  #tools() {
    return NAMES.map((name) => {
      const { concurrency, maxQueue } = this.#limits.get(name)!;
      // Its breaker is to stay out of it: failures are ends like others.
      return toolOf({ name, concurrency, max_queue: maxQueue, breaker: { failure_threshold: 1000 } });
    });
  }

  #going(tool?: Name): Call[] {
    return this.#calls.filter((call) =>
      call.order !== null && call.answer === null && (tool === undefined || call.tool === tool)
    );
  }

  #waiting(tool: Name): Call[] {
    return this.#calls.filter((call) => call.order === null && call.answer === null && call.tool === tool);
  }

  async #do(deed: Deed): Promise<void> {
    for (let step = 0; step < deed.afterSteps; step++) await Promise.resolve();
    if (deed.kind === "ask") {
      for (let nth = 0; nth < deed.count; nth++) this.#ask(deed.tool);
      return;
    }
    if (deed.kind === "end") {
      const going = this.#going().filter(({ order }) => this.#isPending(order!));
      const call = going[deed.pick % Math.max(1, going.length)];
      return call?.order?.end(endedWith({ code: deed.fails ? 3 : 0 }));
    }
    const open = this.#calls.filter(({ answer }) => answer === null);
    open[deed.pick % Math.max(1, open.length)]?.client.abort();
  }

  #isPending(order: PendingOrder): boolean {
    return [...this.#executors].some(({ pending }) => pending.includes(order));
  }

  #ask(tool: Name): void {
    const call: Call = {
      tool,
      client: new AbortController(),
      order: null,
      answer: null,
      hadPlace: false,
    };
    this.#calls.push(call);
    const context = { signal: call.client.signal, onOutput: () => this.#heard = call };
    this.#engine.run(undefined, context, tool).then((answer) => call.answer = answer);
  }

  #change(change: Change): void {
    const engine = this.#engine;
    switch (change.kind) {
      case "tool":
        this.#limits.set(change.tool, change.limits);
        this.#calls.filter(({ tool, answer }) => tool === change.tool && answer === null)
          .slice(0, engine.toolbox.get(change.tool)!.semaphore.running)
          .forEach((call) => call.hadPlace = true);
        return engine.registry.update(
          this.#tools().map(stateOf),
          new Set(change.isNewProgram ? [change.tool] : []),
        );
      case "whole":
        this.#maxConcurrency = change.maxConcurrency;
        engine.rules = {
          ...engine.rules,
          settings: { ...engine.rules.settings, maxConcurrency: change.maxConcurrency },
        };
        return engine.pipeline.refresh();
      case "switch":
        return void engine.registry.setEnabled(change.tool, change.enabled);
      case "close":
        this.#isOpen = false;
        void engine.pipeline.shutDown(1e9, new AbortController().signal);
    }
  }

  /** Lets everything go on, and notes which programs have started; those of one moment have started together. */
  async #settle(): Promise<void> {
    await flush();
    for (const executor of this.#engine.executors.values()) this.#executors.add(executor);
    const started = new Set<Call>();
    for (const order of [...this.#executors].flatMap(({ pending }) => pending)) {
      // Whose order it is, shows when its program writes something.
      order.onOutput("stdout", new Uint8Array());
      const call = this.#heard!;
      if (call.order === null) started.add(call);
      call.order = order;
    }
    if (started.size > 0) {
      assert(this.#going().length <= this.#maxConcurrency, "more began than all tools together may");
    }
    for (const call of started) {
      const { concurrency } = this.#limits.get(call.tool)!;
      const mayBegin = call.hadPlace || this.#going(call.tool).length <= concurrency;
      assert(mayBegin, `more of ${call.tool} began than may`);
      const ahead = this.#waiting(call.tool).find((other) =>
        this.#calls.indexOf(other) < this.#calls.indexOf(call)
      );
      assert.equal(ahead, undefined, `somebody who came later overtook one who waits for ${call.tool}`);
    }
  }

  #check(): void {
    const isFull = this.#going().length >= this.#maxConcurrency;
    for (const { tool, running, queued } of readTools(this.#engine.toolbox)) {
      const waiting = this.#waiting(tool as Name).length;
      assert.deepEqual([running, queued], [this.#going(tool as Name).length, waiting], `numbers of ${tool}`);
      assert(this.#isOpen || waiting === 0, `somebody waits for ${tool} although nobody will be let in`);
      const hasRoom = running < this.#limits.get(tool as Name)!.concurrency;
      assert(waiting === 0 || isFull || !hasRoom, `somebody waits for ${tool} although there is room`);
    }
    for (const { answer } of this.#calls) {
      if (answer?.kind !== "refusal") continue;
      const { condition, retryAfterSec } = refusalIn(answer);
      const isKnown = ["queue_full", "cancelled", "disabled", "shutting_down"].includes(condition);
      assert(isKnown, `refused as ${condition}`);
      if (condition === "queue_full") assert(retryAfterSec! >= 1);
    }
  }
}

Deno.test("gate: whatever happens, limits hold, nobody is overtaken, and nobody waits without need or for ever", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(limits, limits, limits, limits),
      maxConcurrency,
      fc.array(moment, { maxLength: 30, size: "max" }),
      fc.option(fc.nat({ max: 40 })),
      async (limits, maxConcurrency, moments, closesAt) => {
        const history = new History(limits, maxConcurrency);
        for (const [index, moment] of moments.entries()) {
          if (index === closesAt) await history.live({ kind: "close" });
          await history.live(moment);
        }
        await history.finish();
      },
    ),
    { numRuns: 100 },
  );
});
