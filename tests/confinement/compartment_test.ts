import assert from "node:assert/strict";
import { Compartment, CompartmentGone, type Execution } from "../../src/confinement/compartment.ts";
import type { Order } from "../../src/confinement/protocol.ts";
import { flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeWarden, orderOf, TERMS } from "./fake_inside.ts";

const never = new AbortController().signal;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A compartment whose worker is played by the test; it is up unless `isUp` is false. */
function open({ isUp = true } = {}) {
  const clock = new FakeClock();
  const warden = new FakeWarden();
  const compartment = new Compartment(TERMS, warden, clock);
  if (isUp) compartment.made();
  return {
    clock,
    warden,
    compartment,
    run: (changes: Partial<Order> = {}, signal: AbortSignal = never) => {
      const order = orderOf(changes);
      return { order, execution: compartment.run(order, "/scratch/1", signal) };
    },
    [Symbol.dispose]: () => {
      compartment.close();
      warden[Symbol.dispose]();
      assert.equal(clock.pending, 0, "no timer is left");
    },
  };
}

/** A run that must have been lost. */
async function lostIn(execution: Promise<Execution>): Promise<Extract<Execution, { status: "lost" }>> {
  const done = await execution;
  assert(done.status === "lost", JSON.stringify(done));
  return done;
}

Deno.test("compartment: an order goes to the warden without its arguments, and inside without its ceilings", async () => {
  using opened = open();
  const tree = { memoryBytes: 5, processes: 6 };
  const { order, execution } = opened.run({ tree });
  const inside = await opened.warden.inside.takeOrder();
  const { ceilings, tree: _, ...rest } = order;
  assert.deepEqual(inside, { ...rest, cwd: "/scratch/1" });
  assert.deepEqual(opened.warden.asked, [
    { type: "make", terms: TERMS },
    { type: "begin", terms: { run: order.id, compartment: "probe", ceilings, tree, killGraceMs: 200 } },
  ]);
  opened.warden.inside.end(order.id, 3);
  const done = await execution;
  assert(done.status === "ended");
  assert.equal(done.ending.code, 3);
  assert.deepEqual(opened.warden.asked.slice(2), [{ type: "end", run: order.id }]);
});

Deno.test("compartment: output is kept by stream and told as it comes", async () => {
  using opened = open();
  const order = orderOf();
  const seen: string[] = [];
  const all: Uint8Array[] = [];
  const execution = opened.compartment.run(
    order,
    "/",
    never,
    (stream, bytes, soFar) => {
      seen.push(stream + text(bytes));
      all.push(soFar);
    },
  );
  const { inside } = opened.warden;
  await inside.takeOrder();
  inside.print(order.id, "one");
  inside.print(order.id, "bad", "stderr");
  inside.print(order.id, "two");
  inside.end(order.id);
  const done = await execution;
  assert(done.status === "ended");
  assert.deepEqual([text(done.output.stdout), text(done.output.stderr)], ["onetwo", "bad"]);
  assert.deepEqual(seen, ["stdoutone", "stderrbad", "stdouttwo"]);
  // A view of all so far, which later output has left as it was.
  assert.deepEqual(all.map(text), ["one", "bad", "onetwo"]);
});

Deno.test("compartment: what did not start is said not to have started, and the warden is told that it is over", async () => {
  using opened = open();
  const { order, execution } = opened.run();
  await opened.warden.inside.takeOrder();
  opened.warden.inside.say({ type: "not_started", id: order.id, reason: "no such file" });
  assert.deepEqual(await execution, { status: "not_started", reason: "no such file" });
  assert.deepEqual(opened.warden.asked.at(-1), { type: "end", run: order.id });
});

Deno.test("compartment: aborting cancels inside, once", async () => {
  using opened = open();
  const controller = new AbortController();
  const { order, execution } = opened.run({}, controller.signal);
  const { inside } = opened.warden;
  await inside.takeOrder();
  controller.abort();
  assert.deepEqual(await inside.inbox.next(), { type: "cancel", id: order.id });
  inside.end(order.id);
  assert.equal((await execution).status, "ended");
  assert.deepEqual(inside.inbox.left, []);
});

Deno.test("compartment: what is killed is answered as cancelled, unless it ended by itself before", async () => {
  using opened = open();
  const { inside } = opened.warden;
  const runs = [];
  for (let count = 0; count < 4; count++) {
    runs.push(opened.run());
    await inside.takeOrder();
  }
  const ids = runs.map(({ order }) => order.id);
  opened.compartment.kill();
  assert.deepEqual(opened.warden.asked.slice(-4), ids.map((run) => ({ type: "kill", run })));
  for (const id of ids) assert.deepEqual(await inside.inbox.next(), { type: "cancel", id });
  assert.deepEqual(await inside.inbox.next(), { type: "abandon" });
  const ending = {
    code: null,
    signal: "SIGKILL",
    cause: null,
    bytes: { stdout: 0, stderr: 0 },
    durationMs: 1,
    heldOpen: false,
  } as const;
  inside.say({ type: "ended", id: ids[0]!, ending });
  inside.say({ type: "ended", id: ids[1]!, ending: { ...ending, cause: "timeout" } });
  inside.end(ids[2]!, 0);
  inside.say({ type: "not_started", id: ids[3]!, reason: "the run was not announced" });
  const done = await Promise.all(runs.map(({ execution }) => execution));
  const causes = done.map((one) => one.status === "ended" ? one.ending.cause : one.status);
  assert.deepEqual(causes, ["cancelled", "timeout", null, "cancelled"]);
});

Deno.test("compartment: what was aborted before does not begin, whether it is up or comes up", async () => {
  using opened = open();
  assert.deepEqual(await opened.run({}, AbortSignal.abort()).execution, { status: "cancelled" });

  using waiting = open({ isUp: false });
  const controller = new AbortController();
  const { execution } = waiting.run({}, controller.signal);
  await flush();
  controller.abort();
  assert.deepEqual(await execution, { status: "cancelled" }, "without waiting for it");
  waiting.compartment.made();
  await flush();
  for (const { warden } of [opened, waiting]) {
    assert.deepEqual(warden.kinds, ["make"]);
    assert.deepEqual(warden.inside.inbox.left, []);
  }
});

Deno.test("compartment: a run that is over is not cancelled any more", async () => {
  using opened = open();
  const controller = new AbortController();
  const { order, execution } = opened.run({}, controller.signal);
  const { inside } = opened.warden;
  await inside.takeOrder();
  inside.end(order.id);
  await execution;
  controller.abort();
  await flush();
  assert.deepEqual(inside.inbox.left, []);
});

Deno.test("compartment: runs wait until it is up, and begin in their order", async () => {
  using opened = open({ isUp: false });
  const runs = [opened.run(), opened.run(), opened.run()];
  await flush();
  assert.deepEqual(opened.warden.kinds, ["make"], "nothing is announced for a compartment that is not there");
  opened.compartment.made();
  const { inside } = opened.warden;
  for (const { order } of runs) assert.equal((await inside.takeOrder()).id, order.id);
  for (const { order, execution } of runs) {
    inside.end(order.id);
    assert.equal((await execution).status, "ended");
  }
});

Deno.test("compartment: one that dies loses its runs, keeps their output, and is made again", async () => {
  using opened = open();
  const { order, execution } = opened.run();
  const first = opened.warden.inside;
  await first.takeOrder();
  first.print(order.id, "half");
  await flush();
  opened.clock.advance(700);
  opened.compartment.died("it failed: out of memory");
  const lost = await lostIn(execution);
  assert.deepEqual([text(lost.output.stdout), lost.durationMs], ["half", 700]);
  assert.equal(lost.reason, "the tool's compartment died: it failed: out of memory");
  assert.equal(opened.compartment.death, null);
  assert.deepEqual(opened.warden.kinds, ["make", "begin", "end", "make"], "the warden knows of this death");

  const next = opened.run();
  await flush();
  assert.equal(opened.warden.insides.length, 2);
  assert.equal(opened.warden.kinds.at(-1), "make", "the run waits until the new one is up");
  opened.compartment.made();
  assert.equal((await opened.warden.inside.takeOrder()).id, next.order.id);
  opened.warden.inside.end(next.order.id);
  assert.equal((await next.execution).status, "ended");
});

Deno.test("compartment: what an earlier worker still says is ignored, whatever it is", async () => {
  using opened = open();
  const { order, execution } = opened.run();
  const first = opened.warden.inside;
  await first.takeOrder();
  opened.compartment.died("gone");
  await execution;
  opened.compartment.made();
  const second = opened.run();
  await opened.warden.inside.takeOrder();
  first.end(order.id);
  first.end(second.order.id);
  first.print(second.order.id, "forged");
  first.say("nonsense");
  await flush();
  opened.warden.inside.end(second.order.id, 4);
  const done = await second.execution;
  assert(done.status === "ended");
  assert.deepEqual([done.ending.code, text(done.output.stdout)], [4, ""]);
  assert.equal(opened.warden.kinds.includes("drop"), false);
});

Deno.test("compartment: with more than five deaths in a minute it is gone for good", async () => {
  using opened = open();
  for (let death = 1; death <= 5; death++) {
    opened.compartment.died(`death ${death}`);
    opened.clock.advance(1000);
    assert.equal(opened.compartment.death, null);
  }
  const { execution } = opened.run();
  let isGone = false;
  void opened.compartment.gone.then(() => isGone = true);
  await flush();
  assert.equal(isGone, false);
  opened.compartment.died("death 6");
  await flush();
  assert.equal(isGone, true);
  assert.match(opened.compartment.death!, /gone: it died 6 times in a minute; the last time: death 6/);
  assert.deepEqual(await execution, { status: "not_started", reason: opened.compartment.death });
  assert.equal(opened.warden.insides.length, 6, "and is not made again");
  await assert.rejects(opened.compartment.ready);
  opened.compartment.died("death 7");
  opened.compartment.made();
  assert.equal((await opened.run().execution).status, "not_started");
});

Deno.test("compartment: five deaths a minute go on for ever", () => {
  using opened = open();
  for (let death = 0; death < 50; death++) {
    opened.compartment.died("again");
    opened.clock.advance(12_000);
  }
  assert.equal(opened.compartment.death, null);
});

Deno.test("compartment: one that cannot be confined is gone, and says why", async () => {
  using opened = open({ isUp: false });
  const { execution } = opened.run();
  opened.compartment.notMade("Landlock: EPERM", false);
  assert.match(opened.compartment.death!, /Landlock: EPERM/);
  assert.deepEqual(await execution, { status: "not_started", reason: opened.compartment.death });
  await assert.rejects(opened.compartment.ready, /^Error: the tool cannot be confined: Landlock: EPERM$/);
});

Deno.test("compartment: where the machine confines nothing, that is said, and nothing of the one tool", async () => {
  using opened = open({ isUp: false });
  opened.compartment.notMade("seccomp: EBUSY", true);
  assert.equal(opened.compartment.death, "seccomp: EBUSY");
  await assert.rejects(
    opened.compartment.ready,
    (error) => error instanceof CompartmentGone && error.machine && error.message === "seccomp: EBUSY",
  );
});

Deno.test("compartment: one that does not answer is asked twice, then dropped, and made again", async () => {
  using opened = open();
  const { execution } = opened.run({ deadlineMs: 10_000, killGraceMs: 200 });
  await opened.warden.inside.takeOrder();
  // Deadline, grace, five seconds, and once more five seconds.
  opened.clock.advance(20_199);
  assert.deepEqual(opened.warden.kinds, ["make", "begin"]);
  opened.clock.advance(1);
  const lost = await lostIn(execution);
  assert.match(lost.reason, /did not answer in time/);
  assert.deepEqual(opened.warden.kinds, ["make", "begin", "drop", "end", "make"]);
  assert.equal(opened.compartment.death, null);
});

Deno.test("compartment: an answer that comes between the two is in time, as after a stopped process goes on", async () => {
  using opened = open();
  const { order, execution } = opened.run({ deadlineMs: 1000, killGraceMs: 0 });
  await opened.warden.inside.takeOrder();
  opened.clock.advance(8500);
  opened.warden.inside.end(order.id);
  assert.equal((await execution).status, "ended");
  opened.clock.advance(60_000);
  assert.equal(opened.warden.kinds.includes("drop"), false);
});

const BAD: Readonly<Record<string, readonly [say: (id: string) => unknown, reason: RegExp]>> = {
  "a message that is not in the table": [() => ({ type: "ready" }), /not in the table/],
  "a word": [() => "ended", /not in the table/],
  "a run that it was not given": [() => ({ type: "not_started", id: "other", reason: "" }), /was not given/],
  "output of a run that it was not given": [
    () => ({ type: "output", id: "other", stream: "stdout", bytes: new Uint8Array(1) }),
    /was not given/,
  ],
  "more output than was to be kept": [
    (id) => ({ type: "output", id, stream: "stderr", bytes: new Uint8Array(1001) }),
    /more output/,
  ],
};

for (const [what, [say, reason]] of Object.entries(BAD)) {
  Deno.test(`compartment: ${what} ends it, and all that runs in it`, async () => {
    using opened = open();
    const runs = [opened.run(), opened.run()];
    const { inside } = opened.warden;
    for (const _ of runs) await inside.takeOrder();
    inside.say(say(runs[0]!.order.id));
    for (const { execution } of runs) assert.match((await lostIn(execution)).reason, reason);
    assert.deepEqual(opened.warden.kinds.slice(3), ["drop", "end", "end", "make"]);
  });
}

Deno.test("compartment: the cap is for all pieces of a stream together, and to the byte", async () => {
  using opened = open();
  const { order, execution } = opened.run();
  const { inside } = opened.warden;
  await inside.takeOrder();
  for (let piece = 0; piece < 10; piece++) inside.print(order.id, "x".repeat(100), "stderr");
  inside.print(order.id, "y");
  inside.print(order.id, "x", "stderr");
  const lost = await lostIn(execution);
  assert.deepEqual([lost.output.stderr.length, text(lost.output.stdout)], [1000, "y"]);
  assert.match(lost.reason, /more output/);
});

Deno.test("compartment: without a warden it is told to kill what runs, and is gone", async () => {
  using opened = open();
  const { execution } = opened.run();
  const { inside } = opened.warden;
  await inside.takeOrder();
  opened.compartment.abandon("the warden failed");
  assert.match((await lostIn(execution)).reason, /gone: the warden failed/);
  await flush();
  assert.deepEqual(inside.inbox.left, [{ type: "abandon" }]);
  assert.equal(opened.warden.kinds.includes("drop"), false, "there is nobody to be told");
});

Deno.test("compartment: closing drops it, loses what runs, and lets nothing in that waits", async () => {
  using opened = open();
  const { execution } = opened.run();
  await opened.warden.inside.takeOrder();
  opened.compartment.close();
  opened.compartment.close();
  assert.match((await lostIn(execution)).reason, /it was closed/);
  assert.deepEqual(opened.warden.kinds, ["make", "begin", "drop", "end"]);
  assert.match(opened.compartment.death!, /it was closed/);

  using waiting = open({ isUp: false });
  const { execution: never } = waiting.run();
  waiting.compartment.close();
  assert.equal((await never).status, "not_started");
});

Deno.test("compartment: a died, made or notMade that comes after its end changes nothing", () => {
  using opened = open();
  opened.compartment.close();
  const { death } = opened.compartment;
  opened.compartment.died("late");
  opened.compartment.made();
  opened.compartment.notMade("late", false);
  opened.compartment.abandon("late");
  assert.equal(opened.compartment.death, death);
  assert.deepEqual(opened.warden.kinds, ["make", "drop"]);
});

for (const end of ["close", "abandon", "notMade"] as const) {
  Deno.test(`compartment: after ${end}, one that was up starts nothing more`, async () => {
    using opened = open();
    opened.compartment[end]("no more", false);
    assert.deepEqual(await opened.run().execution, {
      status: "not_started",
      reason: opened.compartment.death,
    });
    assert.equal(opened.warden.kinds.includes("begin"), false);
  });
}
