/** Asking a person for leave, with the person played by the test. */
import assert from "node:assert/strict";
import { reset } from "@logtape/logtape";
import { setUpLogging } from "../../src/logging/setup.ts";
import { ANSWER_LIMIT_MS } from "../../src/runs/approval.ts";
import type { ApprovalAnswer, ApprovalQuestion, AskPerson } from "../../src/runs/question.ts";
import { endedWith, flush, makeEngine, permitsOut, refusalIn, resultIn, toolOf } from "../support/engine.ts";

const INTRUSIVE = { target: "10.0.0.5", extra_args: "-A", correlation_id: "c-1" };

/** A person who answers when the test says so, and remembers what was asked. */
class Person {
  readonly asked: { readonly question: ApprovalQuestion; readonly signal: AbortSignal }[] = [];
  readonly #answer = Promise.withResolvers<ApprovalAnswer>();

  readonly ask: AskPerson = (question, signal) => {
    this.asked.push({ question, signal });
    return this.#answer.promise;
  };

  answer(answer: ApprovalAnswer): void {
    this.#answer.resolve(answer);
  }

  fail(error: Error): void {
    this.#answer.reject(error);
  }
}

/** An engine that lets intrusive runs in once a person has said so. */
function setUp(settings = {}) {
  const engine = makeEngine({ settings: { allowIntrusive: true, ...settings } });
  engine.executor.answer = () => endedWith();
  return { engine, person: new Person() };
}

Deno.test("approval: the person is shown exactly what is run, and it runs when approved", async () => {
  const { engine, person } = setUp();
  const answer = engine.run(INTRUSIVE, { ask: person.ask });
  await flush();
  assert.deepEqual(engine.executor.orders, []);
  assert.deepEqual(person.asked.map(({ question }) => question), [{
    tool: "probe",
    target: "10.0.0.5",
    intrusive: ["-A"],
    argv: ["/usr/bin/probe", "-q", "-A", "10.0.0.5"],
  }]);
  person.answer("approved");
  assert.deepEqual(resultIn(await answer).argv, person.asked[0]!.question.argv);
  assert.equal(engine.executor.orders.length, 1);
});

const REFUSED = [
  ["declined", "approval_declined", /declined it/, /Ask again only if that person says so/],
  ["unanswered", "approval_required", /nobody did/, /within 300 s.*security\.confirm_intrusive: false/],
  ["busy", "approval_required", /still being asked about another run/, /one question at a time/],
] as const;

for (const [given, condition, error, remedy] of REFUSED) {
  Deno.test(`approval: ${given} is ${condition}, and nothing runs`, async () => {
    const { engine, person } = setUp();
    person.answer(given);
    const refusal = refusalIn(await engine.run(INTRUSIVE, { ask: person.ask }));
    assert.equal(refusal.condition, condition);
    assert.match(refusal.error, error);
    assert.match(refusal.error, /\(-A\)/);
    assert.match(refusal.remedy, remedy);
    assert.deepEqual(engine.executor.orders, []);
  });
}

Deno.test("approval: an error on the way to the person is no leave", async () => {
  const { engine, person } = setUp();
  person.fail(new Error("connection closed"));
  assert.equal(refusalIn(await engine.run(INTRUSIVE, { ask: person.ask })).condition, "approval_required");
  const throwing = () => {
    throw new Error("no screen");
  };
  assert.equal(refusalIn(await engine.run(INTRUSIVE, { ask: throwing })).condition, "approval_required");
  assert.deepEqual(engine.executor.orders, []);
});

Deno.test("approval: nobody is asked about an ordinary run, nor about one that no answer could let in", async () => {
  const ordinary = setUp();
  resultIn(await ordinary.engine.run({ target: "10.0.0.5" }, { ask: ordinary.person.ask }));
  const waived = setUp({ confirmIntrusive: false });
  resultIn(await waived.engine.run(INTRUSIVE, { ask: waived.person.ask }));
  const forbidden = setUp({ allowIntrusive: false });
  refusalIn(await forbidden.engine.run(INTRUSIVE, { ask: forbidden.person.ask }));
  const closed = setUp();
  const overHttp = { ask: closed.person.ask, mayIntrude: false };
  assert.match(refusalIn(await closed.engine.run(INTRUSIVE, overHttp)).error, /over HTTP/);
  const bad = setUp();
  refusalIn(await bad.engine.run({ ...INTRUSIVE, target: "8.8.8.8" }, { ask: bad.person.ask }));
  for (const { person } of [ordinary, waived, forbidden, closed, bad]) assert.deepEqual(person.asked, []);
});

Deno.test("approval: a tool that is intrusive as a whole is asked about", async () => {
  const engine = makeEngine({
    tools: [toolOf({ intrusive: true })],
    settings: { allowIntrusive: true },
  });
  const person = new Person();
  person.answer("declined");
  refusalIn(await engine.run({ target: "10.0.0.5" }, { ask: person.ask }));
  assert.deepEqual(person.asked[0]!.question.intrusive, ["the tool probe"]);
});

Deno.test("approval: an open question holds no permit, so that ordinary runs go on", async () => {
  const { engine, person } = setUp();
  const asked = engine.run(INTRUSIVE, { ask: person.ask });
  await flush();
  assert.equal(permitsOut(engine), 0);
  resultIn(await engine.run());
  person.answer("approved");
  resultIn(await asked);
});

Deno.test("approval: a question is open for its time and no longer; a later yes counts for nothing", async () => {
  const { engine, person } = setUp();
  const answer = engine.run(INTRUSIVE, { ask: person.ask });
  await flush();
  engine.clock.advance(ANSWER_LIMIT_MS - 1);
  assert.equal(person.asked[0]!.signal.aborted, false);
  engine.clock.advance(1);
  assert.equal(person.asked[0]!.signal.aborted, true);
  person.answer("approved");
  assert.equal(refusalIn(await answer).condition, "approval_required");
  assert.deepEqual(engine.executor.orders, []);
});

Deno.test("approval: a caller who leaves ends the question; a later yes counts for nothing", async () => {
  const { engine, person } = setUp();
  const caller = new AbortController();
  const answer = engine.run(INTRUSIVE, { ask: person.ask, signal: caller.signal });
  await flush();
  caller.abort();
  person.answer("approved");
  assert.equal(refusalIn(await answer).condition, "cancelled");
  assert.equal(person.asked[0]!.signal.aborted, true);
  assert.deepEqual(engine.executor.orders, []);
  assert.equal(engine.clock.pending, 0);
});

Deno.test("approval: a caller who leaves in the moment of the yes starts nothing", async () => {
  const { engine, person } = setUp();
  const caller = new AbortController();
  const answer = engine.run(INTRUSIVE, { ask: person.ask, signal: caller.signal });
  await flush();
  person.answer("approved");
  caller.abort();
  assert.equal(refusalIn(await answer).condition, "cancelled");
  assert.deepEqual(engine.executor.orders, []);
});

Deno.test("approval: a caller who has left already is not asked for", async () => {
  const { engine, person } = setUp();
  const left = { ask: person.ask, signal: AbortSignal.abort() };
  assert.equal(refusalIn(await engine.run(INTRUSIVE, left)).condition, "cancelled");
  assert.deepEqual(person.asked, []);
});

Deno.test("approval: the end of the server ends the question at once, and no further one is asked", async () => {
  const { engine, person } = setUp();
  const answer = engine.run(INTRUSIVE, { ask: person.ask });
  await flush();
  // Nobody moves the clock: the grace is for what runs.
  const stopped = engine.pipeline.shutDown(30_000, new AbortController().signal);
  assert.equal(refusalIn(await answer).condition, "shutting_down");
  await stopped;
  assert.equal(refusalIn(await engine.run(INTRUSIVE, { ask: person.ask })).condition, "shutting_down");
  assert.equal(person.asked.length, 1);
  assert.equal(engine.clock.pending, 0);
});

Deno.test("approval: cancelling an approved run does not touch the question that was answered", async () => {
  const { engine, person } = setUp();
  engine.executor.answer = null;
  const caller = new AbortController();
  const answer = engine.run(INTRUSIVE, { ask: person.ask, signal: caller.signal });
  await flush();
  person.answer("approved");
  await flush();
  assert.equal(engine.executor.pending.length, 1);
  assert.equal(engine.clock.pending, 0);
  caller.abort();
  assert.equal(resultIn(await answer).outcome, "cancelled");
  assert.equal(person.asked[0]!.signal.aborted, false);
});

/** What one intrusive request leaves in the log at a level, less what every run leaves. */
async function logOf(
  level: "info" | "debug",
  settings: Record<string, boolean>,
  given: ApprovalAnswer | null,
): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  setUpLogging({ level, format: "json" }, { isTerminal: false, write: (line) => lines.push(line) });
  try {
    const { engine, person } = setUp(settings);
    if (given !== null) person.answer(given);
    await engine.run(INTRUSIVE, given === null ? {} : { ask: person.ask });
  } finally {
    await reset();
  }
  return lines.map((line) => JSON.parse(line)).filter(({ message }) => message.startsWith("intrusive run"));
}

const LOGGED = [
  [{}, "approved", [["put to a person"], ["approved", { by: "person" }]]],
  [{}, "declined", [["put to a person"], ["declined"]]],
  [{}, "unanswered", [["put to a person"], ["refused", { reason: "unanswered" }]]],
  [{}, null, [["refused", { reason: "the client cannot ask" }]]],
  [{ confirmIntrusive: false }, null, [["approved", { by: "configuration" }]]],
  [{ allowIntrusive: false }, null, [["refused", { reason: "not allowed" }]]],
] as const;

for (const [settings, given, expected] of LOGGED) {
  Deno.test(`approval: ${JSON.stringify(settings)} and ${given} are logged as such, without arguments`, async () => {
    const lines = (await logOf("info", settings, given)).map(({ time: _, ...line }) => line);
    assert.deepEqual(
      lines,
      expected.map(([message, more = {}]) => ({
        level: "info",
        logger: "bulkhead.runs",
        message: `intrusive run ${message}`,
        tool: "probe",
        correlation_id: "c-1",
        intrusive: ["-A"],
        ...more,
      })),
    );
  });
}

Deno.test("approval: at debug the log has the arguments that a person was asked about", async () => {
  const lines = await logOf("debug", {}, "approved");
  const asked = lines.find(({ level }) => level === "debug");
  assert.deepEqual(asked?.argv, ["/usr/bin/probe", "-q", "-A", "10.0.0.5"]);
});

Deno.test("approval: a question that fails is told of with the run's correlation id", async () => {
  const lines: string[] = [];
  setUpLogging({ level: "info", format: "json" }, {
    isTerminal: false,
    write: (line) => void lines.push(line),
  });
  try {
    const { engine, person } = setUp();
    const answer = engine.run(INTRUSIVE, { ask: person.ask });
    await flush();
    person.fail(new Error("the client is gone"));
    assert.equal(refusalIn(await answer).condition, "approval_required");
  } finally {
    await reset();
  }
  const [line] = lines.map((line) => JSON.parse(line)).filter(({ message }) => /not answered/.test(message));
  assert.deepEqual([line.correlation_id, line.tool], ["c-1", "probe"]);
});
