import assert from "node:assert/strict";
import type { Availability } from "../../src/catalog/availability.ts";
import { Registry } from "../../src/runs/registry.ts";
import { ToolWatch } from "../../src/runs/tool_changes.ts";
import type { ToolState } from "../../src/runs/toolbox.ts";
import { FakeExecutor, stateOf, toolOf } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";

const MISSING: Availability = { available: false, path: null, reason: "not there", remedy: "install it" };

function setUp(states: readonly ToolState[] = [stateOf(toolOf())]) {
  const executors: FakeExecutor[] = [];
  const registry = new Registry(states, {
    clock: new FakeClock(),
    random: () => 0.5,
    equip: () => {
      const executor = new FakeExecutor();
      executors.push(executor);
      return executor;
    },
  });
  const watch = new ToolWatch(registry.tools);
  /** Each change as text. */
  const changes = () =>
    watch.changes().map(({ tool, change, enabled, available, reason }) =>
      `${tool} ${change}: ${enabled ? "on" : "off"}, ${available ? "available" : reason}`
    );
  return { registry, watch, changes, executors };
}

Deno.test("tool changes: nothing is one before anything changes, nor after it was asked for", () => {
  const { registry, changes } = setUp();
  assert.deepEqual(changes(), []);
  registry.setEnabled("probe", false);
  assert.equal(changes().length, 1);
  assert.deepEqual(changes(), []);
  registry.update([stateOf(toolOf())]);
  assert.deepEqual(changes(), []);
});

Deno.test("tool changes: a tool is switched off and on again", () => {
  const { registry, changes } = setUp();
  registry.setEnabled("probe", false);
  assert.deepEqual(changes(), ["probe disabled: off, it was switched off"]);
  registry.setEnabled("probe", true);
  assert.deepEqual(changes(), ["probe enabled: on, available"]);
  registry.update([{ ...stateOf(toolOf()), enabled: false }]);
  assert.deepEqual(changes(), ["probe disabled: off, it is disabled by the configuration"]);
});

Deno.test("tool changes: its program goes, comes, and dies", () => {
  const { registry, changes, executors } = setUp();
  registry.update([{ ...stateOf(toolOf()), availability: MISSING }]);
  assert.deepEqual(changes(), ["probe unavailable: on, not there"]);
  registry.update([stateOf(toolOf())]);
  assert.deepEqual(changes(), ["probe available: on, available"]);
  executors.at(-1)!.death = "it fell silent";
  registry.noteDeath();
  assert.deepEqual(changes(), ["probe unavailable: on, it fell silent"]);
  registry.update([stateOf(toolOf())]);
  assert.deepEqual(changes(), ["probe available: on, available"]);
});

Deno.test("tool changes: its manifest, its numbers, or its program are others", () => {
  const { registry, changes } = setUp();
  registry.update([stateOf(toolOf({ description: "Another." }))]);
  assert.deepEqual(changes(), ["probe changed: on, available"]);
  registry.update([stateOf(toolOf({ description: "Another.", concurrency: 3 }))]);
  assert.deepEqual(changes(), ["probe changed: on, available"]);
  registry.update([stateOf(toolOf({ description: "Another.", concurrency: 3 }))], new Set(["probe"]));
  assert.deepEqual(changes(), ["probe program_replaced: on, available"]);
  registry.update([stateOf(toolOf())], new Set(["probe"]));
  assert.deepEqual(changes(), ["probe changed: on, available", "probe program_replaced: on, available"]);
});

Deno.test("tool changes: tools come and go, in the order of their names", () => {
  const { registry, changes } = setUp();
  registry.update([
    stateOf(toolOf({ name: "alpha" })),
    { ...stateOf(toolOf({ name: "beta" })), enabled: false },
  ]);
  assert.deepEqual(changes(), [
    "alpha added: on, available",
    "beta added: off, it is disabled by the configuration",
    "probe removed: off, it is declared no more",
  ]);
});

Deno.test("tool changes: of a tool that is off nobody needs to hear what becomes of its program", () => {
  const { registry, changes } = setUp();
  registry.setEnabled("probe", false);
  changes();
  registry.update([{ ...stateOf(toolOf()), availability: MISSING }]);
  assert.deepEqual(changes(), []);
  registry.setEnabled("probe", true);
  assert.deepEqual(changes(), ["probe enabled: on, not there"]);
});
