import assert from "node:assert/strict";
import type { MachineReading } from "../../../src/confinement/machine_reading.ts";
import type { Heartbeat } from "../../../src/confinement/warden.ts";
import { confinementHealth, SCRIBE_SILENCE_MS } from "../../../src/health/checks/confinement_health.ts";
import { flush } from "../../support/engine.ts";
import { FakeClock } from "../../support/fake_clock.ts";

const READING: MachineReading = { processors: null, memory: null, disk: null, problems: [] };

function setUp() {
  const clock = new FakeClock();
  const held = {
    decision: { tier: "kernel", fallback: null } as
      | { tier: "kernel" | "basic"; fallback: string | null }
      | null,
    heartbeat: { death: null, silentMs: 0, answeredAfterMs: 1.4 } as Heartbeat,
    death: null as string | null,
  };
  let answers = Promise.withResolvers<MachineReading>();
  const scribe = {
    get death() {
      return held.death;
    },
    measure: () => answers.promise,
  };
  const check = confinementHealth({
    decision: () => held.decision,
    heartbeat: () => held.heartbeat,
    scribe,
    clock,
  });
  return {
    clock,
    held,
    check,
    /** Has the scribe answer; what is asked then waits again. */
    answer() {
      answers.resolve(READING);
      answers = Promise.withResolvers();
    },
    refuse(reason: string) {
      answers.reject(new Error(reason));
    },
    /** One round, which the scribe answers at once. */
    async ask() {
      const outcome = check.check(new AbortController().signal);
      this.answer();
      return await outcome;
    },
    /** One round, whose time-out is over before the scribe has answered. */
    async askInVain() {
      const controller = new AbortController();
      const outcome = check.check(controller.signal);
      await flush();
      controller.abort();
      return await outcome;
    },
  };
}

Deno.test("confinement: warden and scribe answer, in the tier that was decided", async () => {
  const parts = setUp();
  assert.deepEqual([parts.check.name, parts.check.priority], ["confinement", "critical"]);
  assert.deepEqual(await parts.ask(), {
    status: "healthy",
    message: "tier kernel",
    metadata: { tier: "kernel", fallback: null, warden_answer_ms: 1, scribe_answer_ms: 0 },
  });
});

Deno.test("confinement: tier basic is healthy, and says why it is not the stronger one", async () => {
  const parts = setUp();
  parts.held.decision = { tier: "basic", fallback: "no seccomp" };
  const { status, message, metadata } = await parts.ask();
  assert.deepEqual([status, message], ["healthy", "tier basic: no seccomp"]);
  assert.deepEqual([metadata!.tier, metadata!.fallback], ["basic", "no seccomp"]);
});

Deno.test("confinement: a tier that is not decided yet is degraded", async () => {
  const parts = setUp();
  parts.held.decision = null;
  assert.deepEqual(await parts.ask(), {
    status: "degraded",
    message: "the tier is not decided yet",
    metadata: { tier: null, fallback: null, warden_answer_ms: 1, scribe_answer_ms: 0 },
  });
});

Deno.test("confinement: a warden that is late is degraded, one that is gone unhealthy (D18)", async () => {
  const parts = setUp();
  parts.held.heartbeat = { death: null, silentMs: 5000, answeredAfterMs: 1 };
  assert.equal((await parts.ask()).status, "healthy");
  parts.held.heartbeat = { death: null, silentMs: 9000, answeredAfterMs: 1 };
  const late = await parts.ask();
  assert.deepEqual([late.status, late.message], ["degraded", "the warden has not answered for 9 s"]);
  parts.held.heartbeat = { death: "the warden failed", silentMs: 0, answeredAfterMs: 1 };
  const gone = await parts.ask();
  assert.deepEqual([gone.status, gone.message], ["unhealthy", "the warden failed"]);
});

Deno.test("confinement: a scribe that is gone is unhealthy, with its reason", async () => {
  const parts = setUp();
  parts.held.death = "the scribe is gone: it failed";
  const outcome = parts.check.check(new AbortController().signal);
  parts.refuse(parts.held.death);
  assert.deepEqual([(await outcome).status, (await outcome).message], ["unhealthy", parts.held.death]);
});

Deno.test("confinement: a scribe that is late is degraded; after a minute it is no load any more (D18)", async () => {
  const parts = setUp();
  assert.equal((await parts.askInVain()).status, "degraded");
  parts.clock.advance(SCRIBE_SILENCE_MS - 1);
  const late = await parts.askInVain();
  assert.deepEqual([late.status, late.message], ["degraded", "the scribe has not answered for 60 s"]);
  parts.clock.advance(1);
  assert.equal((await parts.askInVain()).status, "unhealthy");
  const back = await parts.ask();
  assert.deepEqual([back.status, back.metadata!.scribe_answer_ms], ["healthy", SCRIBE_SILENCE_MS]);
  assert.equal((await parts.ask()).metadata!.scribe_answer_ms, 0);
});

Deno.test("confinement: an answer that was late is one all the same, however long the next round is away", async () => {
  const parts = setUp();
  await parts.askInVain();
  parts.clock.advance(200);
  parts.answer();
  await flush();
  parts.clock.advance(3_600_000);
  const { status, message } = await parts.askInVain();
  assert.deepEqual([status, message], ["degraded", "the scribe has not answered for 0 s"]);
});
