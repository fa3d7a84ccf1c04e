import fc from "fast-check";
import assert from "node:assert/strict";
import { type Acquired, type Permit, Semaphore } from "../../src/resilience/semaphore.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CountedAbortController } from "./counted_signal.ts";

/** Time moves in steps of this: a real clock does not keep to whole milliseconds. */
const TICK_MS = 0.25;

/** `shared` is the signal of the caller before, if it had one. */
type SignalKind = "none" | "live" | "shared" | "aborted";

/** What one caller should have seen; the reference keeps them all, in the order in which they came. */
interface Expected {
  status: "waiting" | "running" | "released" | "queue_full" | "wait_timeout" | "aborted";
  readonly cameMs: number;
  readonly deadlineMs: number;
  /** Callers with the same number share an abort signal; null for one without. */
  readonly signalId: number | null;
  grantedMs: number;
  retryAfterMs: number;
}

/** The reference: no queue and no counters, just the list of all callers, searched from its start each time. */
class ReferenceSemaphore {
  readonly callers: Expected[] = [];
  readonly #holdsMs: number[] = [];
  #nowMs = 0;

  constructor(public permits: number, public maxQueue: number) {}

  count(status: Expected["status"]): number {
    return this.callers.filter((caller) => caller.status === status).length;
  }

  acquire(signal: SignalKind, signalId: number | null, maxWaitMs: number | undefined): void {
    const caller: Expected = {
      status: "waiting",
      cameMs: this.#nowMs,
      deadlineMs: this.#nowMs + (maxWaitMs ?? Infinity),
      signalId,
      grantedMs: NaN,
      retryAfterMs: NaN,
    };
    const isFree = this.count("running") < this.permits;
    if (signal === "aborted") caller.status = "aborted";
    else if (!isFree && this.count("waiting") >= this.maxQueue) this.#refuse(caller, "queue_full");
    else if (!isFree && maxWaitMs === 0) this.#refuse(caller, "wait_timeout");
    this.callers.push(caller);
    this.settle();
  }

  release(caller: Expected, isUsed = true): void {
    caller.status = "released";
    if (isUsed) this.#holdsMs.push(this.#nowMs - caller.grantedMs);
    this.settle();
  }

  /** Ends the waits of all who share a signal; `freed` is a permit that one of its listeners gives back. */
  abort(signalId: number, freed: Expected | undefined): void {
    for (const caller of this.callers) {
      if (caller.signalId === signalId && caller.status === "waiting") caller.status = "aborted";
    }
    if (freed !== undefined) this.release(freed);
  }

  advance(ms: number): void {
    for (; ms > 0; ms -= TICK_MS) {
      this.#nowMs += TICK_MS;
      for (const caller of this.callers) {
        if (caller.status !== "waiting" || caller.deadlineMs > this.#nowMs) continue;
        caller.status = "aborted"; // Whoever leaves is not ahead of a newcomer.
        this.#refuse(caller, "wait_timeout");
      }
    }
  }

  settle(): void {
    while (this.count("running") < this.permits) {
      const first = this.callers.find((caller) => caller.status === "waiting");
      if (first === undefined) break;
      first.status = "running";
      first.grantedMs = this.#nowMs;
    }
  }

  #refuse(caller: Expected, code: "queue_full" | "wait_timeout"): void {
    const waiting = this.count("waiting");
    const holdsMs = this.#holdsMs.length > 0 ? this.#holdsMs.slice(-16) : [1_000];
    const sumMs = holdsMs.reduce((a, b) => a + b);
    const turns = waiting + 1 + Math.max(this.count("running") - this.permits, 0);
    caller.status = code;
    caller.retryAfterMs = turns * sumMs / (holdsMs.length * this.permits);
  }
}

type Command =
  | {
    readonly kind: "acquire";
    readonly signal: SignalKind;
    readonly maxWaitMs: number | null;
  }
  | { readonly kind: "release" | "decline" | "release_again"; readonly nth: number }
  | { readonly kind: "abort"; readonly nth: number; readonly freesNth: number | null }
  | { readonly kind: "advance"; readonly ms: number }
  | { readonly kind: "setLimits"; readonly permits: number | null; readonly maxQueue: number | null };

const nth = fc.nat({ max: 40 });
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("acquire" as const),
      signal: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom<SignalKind>("none", "live", "shared") },
        { weight: 1, arbitrary: fc.constant<SignalKind>("aborted") },
      ),
      maxWaitMs: fc.option(fc.nat({ max: 20 })),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("release" as const, "decline" as const), nth }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("release_again" as const), nth }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("abort" as const), nth, freesNth: fc.option(nth) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.nat({ max: 32 }).map((n) => n * TICK_MS),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("setLimits" as const),
      permits: fc.option(fc.integer({ min: 1, max: 4 })),
      maxQueue: fc.option(fc.nat({ max: 5 })),
    }),
  },
);

interface Actual {
  readonly controller: CountedAbortController;
  /** What the first listener of the signal does, before the semaphore's own. */
  onAbort: () => void;
  answer: Acquired | undefined;
}

/** Runs one history on both sides and compares them after each command. */
class Comparison {
  readonly #clock = new FakeClock();
  readonly #semaphore: Semaphore;
  readonly #reference: ReferenceSemaphore;
  readonly #actual: Actual[] = [];

  constructor(permits: number, maxQueue: number) {
    this.#semaphore = new Semaphore({ permits, maxQueue, clock: this.#clock });
    this.#reference = new ReferenceSemaphore(permits, maxQueue);
  }

  run(command: Command): void {
    switch (command.kind) {
      case "acquire":
        this.#acquire(command.signal, command.maxWaitMs ?? undefined);
        break;
      case "release":
      case "decline":
        this.#release(this.#pick("running", command.nth), command.kind);
        break;
      case "release_again":
        this.#permitOf(this.#pick("released", command.nth))?.release();
        break;
      case "abort":
        this.#abort(command.nth % Math.max(1, this.#actual.length), command.freesNth);
        break;
      case "advance":
        this.#reference.advance(command.ms);
        this.#clock.advance(command.ms);
        break;
      case "setLimits": {
        const { permits, maxQueue } = command;
        if (permits !== null) this.#reference.permits = permits;
        if (maxQueue !== null) this.#reference.maxQueue = maxQueue;
        this.#reference.settle();
        this.#semaphore.setLimits({
          ...(permits === null ? {} : { permits }),
          ...(maxQueue === null ? {} : { maxQueue }),
        });
      }
    }
    this.#compareNumbers();
  }

  /** Compares what the callers were told, once their promises had the time to say so. */
  async compareAnswers(): Promise<void> {
    for (let tick = 0; tick < 10; tick++) await Promise.resolve();
    for (const [index, expected] of this.#reference.callers.entries()) {
      const answer = this.#actual[index]?.answer;
      if (expected.status === "waiting") assert.equal(answer, undefined, `caller ${index} waits`);
      else if (expected.status === "running" || expected.status === "released") {
        assert(answer?.ok, `caller ${index} has a permit`);
        assert.equal(answer.permit.waitedMs, expected.grantedMs - expected.cameMs);
      } else {
        assert(answer !== undefined && !answer.ok, `caller ${index} is refused`);
        assert.equal(answer.code, expected.status);
        if (answer.code !== "aborted") {
          assert(Number.isInteger(answer.retryAfterMs) && answer.retryAfterMs >= 1);
          const errorMs = answer.retryAfterMs - expected.retryAfterMs;
          assert(
            errorMs > -1e-6 && errorMs <= 1 + 1e-6,
            `${answer.retryAfterMs} for ${expected.retryAfterMs}`,
          );
        }
      }
    }
  }

  /** Gives everything back; then nothing may be left over. */
  async finish(): Promise<void> {
    await this.compareAnswers();
    while (this.#reference.count("running") > 0) {
      this.#release(this.#pick("running", 0));
      await this.compareAnswers();
    }
    assert.deepEqual([this.#semaphore.running, this.#semaphore.queued], [0, 0]);
    this.#compareNumbers();
    assert.equal(this.#clock.pending, 0);
  }

  #acquire(signal: SignalKind, maxWaitMs: number | undefined): void {
    const before = this.#actual.at(-1)?.controller;
    const shared = signal === "shared" && before?.signal.aborted === false ? before : undefined;
    const controller = shared ?? new CountedAbortController();
    if (signal === "aborted") controller.abort();
    const actual: Actual = { controller, onAbort: () => {}, answer: undefined };
    // On the prototype's method, so that it is not counted as one of the semaphore's.
    AbortSignal.prototype.addEventListener.call(controller.signal, "abort", () => actual.onAbort());
    this.#actual.push(actual);
    const signalId = signal === "none"
      ? null
      : this.#actual.findIndex((each) => each.controller === controller);
    this.#reference.acquire(signal, signalId, maxWaitMs);
    this.#semaphore.acquire({
      ...(signal === "none" ? {} : { signal: controller.signal }),
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    }).then((answer) => actual.answer = answer);
  }

  /** Aborts a caller's signal, if it has one; a listener of that signal may give a permit back. */
  #abort(index: number, freesNth: number | null): void {
    const signalId = this.#reference.callers[index]?.signalId ?? null;
    const actual = this.#actual[index];
    if (signalId === null || actual === undefined || actual.controller.signal.aborted) return;
    const freedIndex = freesNth === null ? -1 : this.#pick("running", freesNth);
    const permit = this.#permitOf(freedIndex);
    this.#reference.abort(signalId, permit === undefined ? undefined : this.#reference.callers[freedIndex]);
    actual.onAbort = () => permit?.release();
    actual.controller.abort();
  }

  /** Releases a caller's permit, unless its promise has not handed it over yet. */
  #release(index: number, kind: "release" | "decline" = "release"): void {
    const expected = this.#reference.callers[index];
    const permit = this.#permitOf(index);
    if (expected === undefined || permit === undefined) return;
    this.#reference.release(expected, kind === "release");
    permit[kind]();
  }

  #permitOf(index: number): Permit | undefined {
    const answer = this.#actual[index]?.answer;
    return answer?.ok ? answer.permit : undefined;
  }

  #pick(status: Expected["status"], nth: number): number {
    const indexes = [...this.#reference.callers.keys()].filter((i) =>
      this.#reference.callers[i]?.status === status
    );
    return indexes[nth % Math.max(1, indexes.length)] ?? -1;
  }

  #compareNumbers(): void {
    const waiting = this.#reference.callers.filter((caller) => caller.status === "waiting");
    assert.equal(this.#semaphore.running, this.#reference.count("running"), "running");
    assert.equal(this.#semaphore.queued, waiting.length, "queued");
    assert.equal(this.#semaphore.permits, this.#reference.permits, "permits");
    assert.equal(this.#semaphore.maxQueue, this.#reference.maxQueue, "maxQueue");
    assert.equal(
      this.#clock.pending,
      waiting.filter((caller) => caller.deadlineMs < Infinity).length,
      "timers",
    );
    const controllers = new Set(this.#actual.map(({ controller }) => controller));
    const listeners = [...controllers].reduce((sum, controller) => sum + controller.listeners, 0);
    assert.equal(listeners, waiting.filter((caller) => caller.signalId !== null).length, "listeners");
  }
}

Deno.test("semaphore: any history agrees with a naive reference and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.nat({ max: 4 }),
      // The flag says whether the next command comes in the same tick.
      fc.array(fc.tuple(command, fc.boolean()), { maxLength: 100, size: "max" }),
      async (permits, maxQueue, history) => {
        const comparison = new Comparison(permits, maxQueue);
        for (const [command, sameTick] of history) {
          comparison.run(command);
          if (!sameTick) await comparison.compareAnswers();
        }
        await comparison.finish();
      },
    ),
    { numRuns: 1_000 },
  );
});
