import assert from "node:assert/strict";
import type { Availability } from "../../src/catalog/availability.ts";
import type { BreakerTransition } from "../../src/resilience/circuit_breaker.ts";
import { Registry } from "../../src/runs/registry.ts";
import { isOffered, type ToolState } from "../../src/runs/toolbox.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeExecutor, stateOf, toolOf } from "../support/engine.ts";

const MISSING: Availability = { available: false, path: null, reason: "not there", remedy: "install it" };

function setUp(states: readonly ToolState[] = [stateOf(toolOf())]) {
  const equipped: string[] = [];
  const retired: string[] = [];
  const transitions: (readonly [string, BreakerTransition])[] = [];
  const clock = new FakeClock();
  const registry = new Registry(states, {
    clock,
    random: () => 0.5,
    equip: ({ tool }) => {
      equipped.push(tool.name);
      return new FakeExecutor();
    },
    retire: (tool) => void retired.push(tool),
    onTransition: (tool, transition) => void transitions.push([tool, transition]),
  });
  let changes = 0;
  registry.onChange(() => void changes++);
  const probe = () => registry.tools.get("probe")!;
  return { registry, equipped, retired, transitions, clock, probe, changes: () => changes };
}

Deno.test("registry: a tool is given something to execute it with only once it is needed", () => {
  const off = { ...stateOf(toolOf()), enabled: false };
  const { registry, equipped, probe } = setUp([off]);
  assert.deepEqual([equipped, isOffered(probe())], [[], false]);
  assert(registry.setEnabled("probe", true).ok);
  assert.deepEqual([equipped, isOffered(probe())], [["probe"], true]);
  registry.setEnabled("probe", false);
  registry.setEnabled("probe", true);
  assert.deepEqual(equipped, ["probe"]);
});

Deno.test("registry: switching a tool says so once, and nothing when nothing changes", () => {
  const { registry, changes, probe } = setUp();
  registry.setEnabled("probe", true);
  assert.equal(changes(), 0);
  registry.setEnabled("probe", false);
  registry.setEnabled("probe", false);
  assert.deepEqual([changes(), probe().enabled, probe().configured], [1, false, true]);
});

Deno.test("registry: a name that no tool has is told so, and nothing changes", () => {
  const { registry, changes } = setUp();
  for (const step of [registry.setEnabled("prob", false), registry.resetBreaker("prob")]) {
    assert(!step.ok);
    assert.match(step.refusal.error, /did you mean probe/);
  }
  assert.equal(changes(), 0);
});

Deno.test("registry: what was switched survives a reload that says nothing new of the tool", () => {
  const { registry, probe } = setUp();
  registry.setEnabled("probe", false);
  registry.update([stateOf(toolOf({ concurrency: 7 }))]);
  assert.deepEqual([probe().enabled, probe().semaphore.permits], [false, 7]);
});

Deno.test("registry: the later word of configuration and switch counts", () => {
  const on = stateOf(toolOf());
  const off = { ...on, enabled: false };
  const { registry, probe } = setUp([off]);
  registry.setEnabled("probe", true);
  registry.update([on]);
  assert.equal(probe().enabled, true);
  registry.update([off]);
  assert.equal(probe().enabled, false);
});

Deno.test("registry: breaker, queue and statistics outlive a reload, with the new limits", () => {
  const { registry, probe } = setUp();
  const { breaker, semaphore } = probe();
  const admission = breaker.admit();
  assert(admission.ok);
  admission.ticket.record("failure", "timeout");
  registry.update([stateOf(toolOf({ breaker: { failure_threshold: 1, jitter: 0 }, max_queue: 9 }))]);
  assert.equal(probe().breaker, breaker);
  assert.equal(probe().semaphore, semaphore);
  assert.deepEqual([breaker.statistics().failures, semaphore.maxQueue], [1, 9]);
  // The new threshold is felt by the next failure.
  const next = breaker.admit();
  assert(next.ok);
  next.ticket.record("failure", "timeout");
  assert.equal(breaker.statistics().state, "open");
});

Deno.test("registry: a program that goes takes the tool from clients, and one that comes brings it", () => {
  const { registry, equipped, probe } = setUp();
  registry.update([{ ...stateOf(toolOf()), availability: MISSING }]);
  assert.deepEqual([isOffered(probe()), probe().executor], [false, null]);
  registry.update([stateOf(toolOf())]);
  assert.deepEqual([isOffered(probe()), equipped], [true, ["probe", "probe"]]);
});

Deno.test("registry: a program that was replaced is executed by something new, and others are left alone", () => {
  const states = [stateOf(toolOf({ name: "other" })), stateOf(toolOf())];
  const { registry, equipped, probe } = setUp(states);
  const before = probe().executor;
  registry.update(states, new Set(["probe"]));
  assert.notEqual(probe().executor, before);
  assert.deepEqual(equipped, ["other", "probe", "probe"]);
});

Deno.test("registry: what can execute nothing any more is made anew by a reload, and by switching off and on", () => {
  const { registry, equipped, probe } = setUp();
  const die = () => (probe().executor as FakeExecutor).death = "it died";
  die();
  registry.update([stateOf(toolOf())]);
  assert.deepEqual([equipped.length, isOffered(probe())], [2, true]);
  die();
  registry.setEnabled("probe", false);
  registry.setEnabled("probe", true);
  assert.deepEqual([equipped.length, isOffered(probe())], [3, true]);
});

Deno.test("registry: a tool that is declared no more is gone; one of the same name later begins anew", () => {
  const { registry, retired, probe } = setUp();
  const { breaker } = probe();
  breaker.forceOpen();
  registry.update([]);
  assert.deepEqual([[...registry.tools.keys()], retired], [[], ["probe"]]);
  registry.update([stateOf(toolOf())]);
  assert.equal(probe().breaker.statistics().state, "closed");
});

Deno.test("registry: transitions are told with the tool's name", () => {
  const { registry, transitions, probe } = setUp();
  probe().breaker.forceOpen();
  registry.resetBreaker("probe");
  assert.deepEqual(transitions.map(([tool, { from, to, cause }]) => [tool, from, to, cause]), [
    ["probe", "closed", "open", "force_open"],
    ["probe", "open", "closed", "reset"],
  ]);
});

Deno.test("registry: whoever listens no more is told nothing", () => {
  const { registry } = setUp();
  let told = 0;
  const end = registry.onChange(() => void told++);
  registry.update([]);
  end();
  registry.update([]);
  assert.equal(told, 1);
});

Deno.test("registry: an entry about which nothing has changed is the same one, so that nobody is judged anew", () => {
  const state = stateOf(toolOf());
  const { registry, probe } = setUp([state]);
  const entry = probe();
  registry.update([{ ...state, availability: { ...state.availability } }]);
  assert.equal(probe(), entry);
  const others: ToolState[] = [
    { ...state, tool: toolOf() },
    { ...state, enabled: false },
    { ...state, availability: { ...stateOf(toolOf()).availability, helpers: ["/bin/x"] } as Availability },
  ];
  for (const other of others) {
    const before = probe();
    registry.update([other]);
    assert.notEqual(probe(), before);
  }
  const before = probe();
  registry.update([others.at(-1)!], new Set(["probe"]));
  assert.notEqual(probe(), before, "what executes it is another");
});

Deno.test("registry: one that is switched off stays so where nothing has changed, and is equipped when it is needed", () => {
  const state = { ...stateOf(toolOf()), enabled: false };
  const { registry, equipped, probe } = setUp([state]);
  registry.update([state]);
  assert.deepEqual([equipped, probe().executor], [[], null]);
  registry.setEnabled("probe", true);
  registry.update([state]);
  assert.deepEqual([equipped, isOffered(probe())], [["probe"], true]);
});
