import assert from "node:assert/strict";
import type { CheckOutcome } from "../../../src/health/check.ts";
import { toolHealth } from "../../../src/health/checks/tool_health.ts";
import { type EngineOptions, type FakeExecutor, makeEngine, stateOf, toolOf } from "../../support/engine.ts";

const MISSING = {
  available: false,
  path: null,
  reason: "there is no program",
  remedy: "Install it.",
} as const;
const NAMES = ["dig", "nmap", "ping"];

function setUp(options: EngineOptions = {}, named: readonly string[] = []) {
  const engine = makeEngine({ tools: NAMES.map((name) => toolOf({ name })), ...options });
  const checks = toolHealth({ toolbox: engine.toolbox, isNamed: ({ tool }) => named.includes(tool.name) });
  const ask = () => {
    const signal = new AbortController().signal;
    return Object.fromEntries(
      checks().map((check) => {
        assert.equal(check.priority, "informational");
        return [check.name, check.check(signal) as CheckOutcome];
      }),
    );
  };
  /** What the configuration and the machine say now. */
  const update = (missing: readonly string[], disabled: readonly string[] = [], names = NAMES) =>
    engine.registry.update(names.map((name) => {
      const state = stateOf(engine.toolbox.get(name)?.tool ?? toolOf({ name }));
      const availability = missing.includes(name) ? MISSING : state.availability;
      return { ...state, enabled: !disabled.includes(name), availability };
    }));
  return { ...engine, ask, update };
}

const statusesOf = (found: Record<string, CheckOutcome>) =>
  Object.entries(found).map(([name, { status }]) => `${name} ${status}`);

Deno.test("tools: all are available", () => {
  const found = setUp().ask();
  assert.deepEqual(statusesOf(found), [
    "tool_availability healthy",
    "tool_dig healthy",
    "tool_nmap healthy",
    "tool_ping healthy",
  ]);
  assert.deepEqual(found.tool_availability, {
    status: "healthy",
    message: "3 of 3 enabled tools available",
    metadata: { total_tools: 3, available_tools: 3, unavailable_tools: [], never_available_tools: [] },
  });
  assert.deepEqual(found.tool_dig!.metadata, {
    path: "/usr/bin/dig",
    circuit_breaker: "closed",
    running: 0,
    queued: 0,
  });
});

Deno.test("tools: one of the catalog that was never there is told, and degrades nothing", () => {
  const found = setUp({ availability: { nmap: MISSING } }).ask();
  assert.deepEqual(statusesOf(found), ["tool_availability healthy", "tool_dig healthy", "tool_ping healthy"]);
  assert.deepEqual(found.tool_availability!.metadata!.never_available_tools, ["nmap"]);
  assert.equal(found.tool_availability!.message, "2 of 3 enabled tools available");
});

Deno.test("tools: one that somebody has named is missed when it is not there", () => {
  const { status, message } = setUp({ availability: { nmap: MISSING } }, ["nmap"]).ask().tool_availability!;
  assert.deepEqual([status, message], ["degraded", "unavailable tools: nmap"]);
  const found = setUp({ availability: { nmap: MISSING } }, ["nmap"]).ask().tool_nmap!;
  assert.deepEqual([found.status, found.message], ["unhealthy", "there is no program: Install it."]);
});

Deno.test("tools: one that was switched on by hand is missed, too", () => {
  const parts = setUp({ availability: { nmap: MISSING }, disabled: ["nmap"] });
  assert.equal(parts.ask().tool_availability!.status, "healthy");
  parts.registry.setEnabled("nmap", true);
  assert.deepEqual(statusesOf(parts.ask()).slice(0, 1), ["tool_availability degraded"]);
});

Deno.test("tools: one that was there and is no more is missed until it is back, or not wanted", () => {
  const parts = setUp();
  parts.ask();
  parts.update(["dig"]);
  const found = parts.ask();
  assert.deepEqual(found.tool_availability!.metadata, {
    total_tools: 3,
    available_tools: 2,
    unavailable_tools: ["dig"],
    never_available_tools: [],
  });
  assert.deepEqual([found.tool_availability!.status, found.tool_dig!.status], ["degraded", "unhealthy"]);
  parts.update(["dig"], ["dig"]);
  assert.deepEqual(statusesOf(parts.ask()), [
    "tool_availability healthy",
    "tool_nmap healthy",
    "tool_ping healthy",
  ]);
  parts.update([]);
  assert.equal(parts.ask().tool_dig!.status, "healthy");
  // One that is declared no more, and again later, is another one.
  parts.update([], [], ["nmap", "ping"]);
  assert.equal("tool_dig" in parts.ask(), false);
  parts.update(["dig"]);
  assert.deepEqual(statusesOf(parts.ask()), [
    "tool_availability healthy",
    "tool_nmap healthy",
    "tool_ping healthy",
  ]);
});

Deno.test("tools: a server that has none of its tools is degraded; one that wants none is not", () => {
  const availability = Object.fromEntries(NAMES.map((name) => [name, MISSING]));
  const { status, message } = setUp({ availability }).ask().tool_availability!;
  assert.deepEqual([status, message], ["degraded", "none of the 3 enabled tools is available"]);
  assert.equal(setUp({ disabled: NAMES }).ask().tool_availability!.status, "healthy");
});

Deno.test("tools: one whose compartment is dead is unhealthy", () => {
  const parts = setUp();
  (parts.executors.get("dig") as FakeExecutor).death = "it died six times";
  const found = parts.ask();
  assert.deepEqual([found.tool_dig!.status, found.tool_availability!.status], ["unhealthy", "degraded"]);
  assert.match(found.tool_dig!.message, /^it died six times: Send SIGHUP/);
});

Deno.test("tools: one whose breaker is open, or is being tried, is degraded until a run has succeeded", () => {
  const parts = setUp();
  const { breaker } = parts.toolbox.get("dig")!;
  for (let count = 0; count < 2; count++) {
    const admitted = breaker.admit();
    assert(admitted.ok);
    admitted.ticket.record("failure");
  }
  const open = parts.ask();
  assert.deepEqual([open.tool_dig!.status, open.tool_availability!.status], ["degraded", "healthy"]);
  assert.equal(open.tool_dig!.message, "its circuit breaker is open: runs are refused for 10 s");
  parts.clock.advance(10_000);
  assert.equal(
    parts.ask().tool_dig!.message,
    "its circuit breaker is open: the next run shows whether the tool works again",
  );
  const probe = breaker.admit();
  assert(probe.ok);
  const half = parts.ask().tool_dig!;
  assert.deepEqual([half.status, half.metadata!.circuit_breaker], ["degraded", "half_open"]);
  probe.ticket.record("success");
  assert.equal(parts.ask().tool_dig!.status, "healthy");
});
