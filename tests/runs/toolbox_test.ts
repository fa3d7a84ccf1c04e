import assert from "node:assert/strict";
import { findTool, isOffered, unavailability } from "../../src/runs/toolbox.ts";
import { makeEngine, toolOf } from "../support/engine.ts";

Deno.test("toolbox: each tool's semaphore and breaker have the tool's own settings", () => {
  const tool = toolOf({
    concurrency: 3,
    max_queue: 7,
    breaker: { failure_threshold: 1, recovery_timeout_sec: 0.5, jitter: 0 },
  });
  const { breaker, semaphore } = makeEngine({ tools: [tool] }).toolbox.get("probe")!;
  assert.deepEqual([semaphore.permits, semaphore.maxQueue], [3, 7]);
  const admitted = breaker.admit();
  assert(admitted.ok);
  admitted.ticket.record("failure");
  const refused = breaker.admit();
  assert.equal(!refused.ok && refused.retryAfterMs, 500, "seconds became milliseconds");
});

Deno.test("toolbox: only a tool that is enabled, available and alive is offered", () => {
  const missing = { available: false, path: null, reason: "r", remedy: "m" } as const;
  const offered = (options: Parameters<typeof makeEngine>[0]) =>
    isOffered(makeEngine(options).toolbox.get("probe")!);
  assert.equal(offered({}), true);
  assert.equal(offered({ disabled: ["probe"] }), false);
  assert.equal(offered({ availability: { probe: missing } }), false);
  const engine = makeEngine();
  engine.executor.death = "gone";
  assert.equal(isOffered(engine.toolbox.get("probe")!), false);
  assert.deepEqual(unavailability(engine.toolbox.get("probe")!), {
    reason: "gone",
    remedy: "Send SIGHUP to the server, which makes its compartment anew, or restart it.",
  });
});

Deno.test("toolbox: names are matched exactly", () => {
  const { toolbox } = makeEngine();
  for (const name of ["Probe", "probe ", "PROBE", "probe\0"]) assert.equal(findTool(toolbox, name).ok, false);
});
