import assert from "node:assert/strict";
import { Compartment } from "../../src/confinement/compartment.ts";
import type { Order } from "../../src/confinement/protocol.ts";
import { systemClock } from "../../src/core/clock.ts";
import { FakeClock } from "../support/fake_clock.ts";

// A shell is in every POSIX system; the compartment is what is tested, with the arguments that a test needs.
const SHELL = "/bin/sh";
const never = new AbortController().signal;

function order(script: string, changes: Partial<Order> = {}): Order {
  return {
    id: crypto.randomUUID(),
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin" },
    deadlineMs: 10_000,
    killGraceMs: 200,
    maxBytes: { stdout: 100_000, stderr: 1000 },
    onFlood: "drain",
    ...changes,
  };
}

function open(program = SHELL, clock = systemClock) {
  const compartment = new Compartment("test", program, clock);
  return { compartment, [Symbol.dispose]: () => compartment.close() };
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("a run ends with its exit code, its output and the bytes that it wrote", async () => {
  using opened = open();
  const execution = await opened.compartment.run(order("printf out; printf err >&2; exit 3"), never);
  assert.ok(execution.status === "ended");
  assert.equal(execution.ending.code, 3);
  assert.deepEqual(execution.ending.bytes, { stdout: 3, stderr: 3 });
  assert.deepEqual([text(execution.output.stdout), text(execution.output.stderr)], ["out", "err"]);
});

Deno.test("many runs at once keep their outputs apart", async () => {
  using opened = open();
  const executions = await Promise.all(
    Array.from(
      { length: 20 },
      (_, index) => opened.compartment.run(order(`echo ${index}; exit ${index}`), never),
    ),
  );
  for (const [index, execution] of executions.entries()) {
    assert.ok(execution.status === "ended");
    assert.deepEqual([text(execution.output.stdout), execution.ending.code], [`${index}\n`, index]);
  }
});

Deno.test("output is reported while it comes, and capped for each stream", async () => {
  using opened = open();
  const seen: string[] = [];
  const execution = await opened.compartment.run(
    order("head -c 5000 /dev/zero; head -c 5000 /dev/zero >&2", {
      maxBytes: { stdout: 100_000, stderr: 1000 },
    }),
    never,
    (stream, bytes) => seen.push(`${stream} ${bytes.length}`),
  );
  assert.ok(execution.status === "ended");
  assert.deepEqual([execution.output.stdout.length, execution.output.stderr.length], [5000, 1000]);
  assert.deepEqual(execution.ending.bytes, { stdout: 5000, stderr: 5000 });
  assert.ok(seen.length >= 2);
});

Deno.test("a signal that is aborted stops the run, also when it was aborted before", async () => {
  using opened = open();
  const controller = new AbortController();
  const execution = await opened.compartment.run(
    order("echo begun; exec sleep 10"),
    controller.signal,
    () => controller.abort(),
  );
  assert.ok(execution.status === "ended");
  assert.deepEqual([execution.ending.cause, text(execution.output.stdout)], ["cancelled", "begun\n"]);
  const late = await opened.compartment.run(order("exec sleep 10"), controller.signal);
  assert.ok(late.status === "ended");
  assert.equal(late.ending.cause, "cancelled");
});

Deno.test("a program that cannot be started is said not to have started", async () => {
  using opened = open("/nonexistent/program");
  const execution = await opened.compartment.run(order(""), never);
  assert.equal(execution.status, "not_started");
});

Deno.test("a compartment that is gone loses its runs, keeps their output, and starts nothing more", async () => {
  using opened = open();
  const begun = Promise.withResolvers<void>();
  // The program outlives its compartment, so it ends by itself soon after.
  const running = opened.compartment.run(order("echo begun; exec sleep 0.5"), never, () => begun.resolve());
  await begun.promise;
  opened.compartment.close();
  const lost = await running;
  assert.ok(lost.status === "lost");
  assert.equal(text(lost.output.stdout), "begun\n");
  assert.match(opened.compartment.death ?? "", /compartment is gone/);
  assert.equal((await opened.compartment.run(order("true"), never)).status, "not_started");
});

Deno.test("a compartment that does not answer past deadline and grace counts as dead", async () => {
  const clock = new FakeClock();
  using opened = open(SHELL, clock);
  const running = opened.compartment.run(order("exec sleep 0.5", { deadlineMs: 10_000 }), never);
  // Deadline, grace, a second, and once more a second.
  clock.advance(12_199);
  assert.equal(opened.compartment.death, null);
  clock.advance(1);
  assert.equal((await running).status, "lost");
  assert.equal(clock.pending, 0);
});
