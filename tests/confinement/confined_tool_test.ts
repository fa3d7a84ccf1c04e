/** A tool's runs get folders of their own, which go when nothing is left of the run. */
import assert from "node:assert/strict";
import { type Compartment, CompartmentGone, type Execution } from "../../src/confinement/compartment.ts";
import { ConfinedTool } from "../../src/confinement/confined_tool.ts";
import { endingOf } from "../support/engine.ts";
import { orderOf } from "./fake_inside.ts";

const never = new AbortController().signal;
const ENDED: Execution = {
  status: "ended",
  ending: endingOf(),
  output: { stdout: new Uint8Array(), stderr: new Uint8Array() },
};

/** A tool whose compartment and scratch folders a test plays. */
function play(answer: Execution = ENDED) {
  const coming = Promise.withResolvers<Compartment>();
  const folders: PromiseWithResolvers<{ id: string; path: string }>[] = [];
  const removed: string[] = [];
  const seen: { cwd: string; home: string | undefined; temporary: string | undefined }[] = [];
  const compartment = {
    death: null,
    run: (order: { env: Record<string, string> }, cwd: string) => {
      seen.push({ cwd, home: order.env.HOME, temporary: order.env.TMPDIR });
      return Promise.resolve(answer);
    },
  } as unknown as Compartment;
  const tool = new ConfinedTool("probe", coming.promise, {
    makeScratch() {
      const folder = Promise.withResolvers<{ id: string; path: string }>();
      folders.push(folder);
      return folder.promise;
    },
    removeScratch: (name, id) => Promise.resolve(void removed.push(`${name}/${id}`)),
  });
  return { tool, compartment, coming, folders, removed, seen };
}

/** Lets everything run that waits for nothing but its turn. */
const flush = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("confined tool: a run's folder is its working folder and home, and is kept until nothing is left of it", async () => {
  const { tool, compartment, coming, folders, removed, seen } = play();
  coming.resolve(compartment);
  const order = orderOf({ id: "r" });
  const running = tool.run(order, never);
  await flush();
  folders[0]!.resolve({ id: "f", path: "/scratch/f" });
  assert.equal((await running).status, "ended");
  assert.deepEqual(seen, [{ cwd: "/scratch/f", home: "/scratch/f", temporary: "/scratch/f" }]);
  assert.deepEqual(removed, []);
  tool.gone("another");
  assert.deepEqual(removed, []);
  tool.gone("r");
  tool.gone("r");
  assert.deepEqual(removed, ["probe/f"]);
});

for (const answer of [{ status: "not_started", reason: "no" }, { status: "cancelled" }] as const) {
  Deno.test(`confined tool: of a run that is ${answer.status} nothing is left`, async () => {
    const { tool, compartment, coming, folders, removed } = play(answer);
    coming.resolve(compartment);
    const running = tool.run(orderOf(), never);
    await flush();
    folders[0]!.resolve({ id: "f", path: "/scratch/f" });
    assert.deepEqual(await running, answer);
    assert.deepEqual(removed, ["probe/f"]);
  });
}

Deno.test("confined tool: a run that is cancelled while it waits for its compartment starts nothing, and has no folder", async () => {
  const { tool, compartment, coming, folders, seen } = play();
  const controller = new AbortController();
  const running = tool.run(orderOf(), controller.signal);
  await flush();
  controller.abort();
  assert.deepEqual(await running, { status: "cancelled" });
  coming.resolve(compartment);
  await flush();
  assert.deepEqual([seen, folders], [[], []]);
});

Deno.test("confined tool: a run that is cancelled while it waits for its folder starts nothing, and its folder goes", async () => {
  const { tool, compartment, coming, folders, removed, seen } = play();
  const controller = new AbortController();
  coming.resolve(compartment);
  const running = tool.run(orderOf(), controller.signal);
  await flush();
  controller.abort();
  assert.deepEqual(await running, { status: "cancelled" });
  folders[0]!.resolve({ id: "f", path: "/scratch/f" });
  await flush();
  assert.deepEqual([seen, removed], [[], ["probe/f"]]);
});

Deno.test("confined tool: without compartment or folder nothing starts, and the reason is told", async () => {
  const none = play();
  assert.equal(none.tool.death, null);
  none.coming.reject(new CompartmentGone("no tier", true));
  assert.deepEqual(await none.tool.run(orderOf(), never), { status: "not_started", reason: "no tier" });
  assert.equal(none.tool.death, "no tier");
  assert.deepEqual(none.folders, []);
  const full = play();
  full.coming.resolve(full.compartment);
  const running = full.tool.run(orderOf(), never);
  await flush();
  full.folders[0]!.reject(new Error("the disk is full"));
  assert.deepEqual(await running, {
    status: "not_started",
    reason: "the disk is full",
    lacks: "folder",
  });
});

/** A compartment whose runs end when the test says so. */
function playCompartment() {
  const runs: ((execution: Execution) => void)[] = [];
  let closings = 0;
  const compartment = {
    death: null as string | null,
    run: () => new Promise<Execution>((resolve) => runs.push(resolve)),
    close: () => void closings++,
  };
  return {
    compartment: compartment as unknown as Compartment,
    state: compartment,
    runs,
    closings: () => closings,
  };
}

/** A tool with folders at once. */
function openTool(coming: Promise<Compartment>) {
  const removed: string[] = [];
  let folders = 0;
  const tool = new ConfinedTool("probe", coming, {
    makeScratch: () => {
      const id = `${++folders}`;
      return Promise.resolve({ id, path: `/scratch/${id}` });
    },
    removeScratch: (_, id) => Promise.resolve(void removed.push(id)),
  });
  return { tool, removed };
}

Deno.test("confined tool, replaced: what goes on ends where it began, and that is closed with the last of it", async () => {
  const [before, after] = [playCompartment(), playCompartment()];
  const { tool, removed } = openTool(Promise.resolve(before.compartment));
  const old = [tool.run(orderOf({ id: "a" }), never), tool.run(orderOf({ id: "b" }), never)];
  await flush();
  tool.replace(Promise.resolve(after.compartment));
  const next = tool.run(orderOf({ id: "c" }), never);
  await flush();
  assert.deepEqual([before.runs.length, after.runs.length], [2, 1]);
  before.runs[0]!(ENDED);
  assert.equal((await old[0]!).status, "ended");
  assert.equal(before.closings(), 0);
  before.runs[1]!(ENDED);
  await old[1];
  assert.equal(before.closings(), 1);
  after.runs[0]!(ENDED);
  await next;
  assert.equal(after.closings(), 0, "it is the tool's");
  for (const run of ["a", "b", "c"]) tool.gone(run);
  assert.deepEqual([removed, tool.isIdle], [["1", "2", "3"], true]);
});

Deno.test("confined tool, replaced: with nothing going on it is closed at once, also one that has yet to come", async () => {
  const [first, second, third] = [playCompartment(), playCompartment(), playCompartment()];
  const { tool } = openTool(Promise.resolve(first.compartment));
  await flush();
  const coming = Promise.withResolvers<Compartment>();
  tool.replace(coming.promise);
  assert.equal(first.closings(), 1);
  tool.replace(Promise.resolve(third.compartment));
  await flush();
  coming.resolve(second.compartment);
  await flush();
  assert.deepEqual([second.closings(), third.closings()], [1, 0]);
});

Deno.test("confined tool, replaced: runs that wait for a compartment begin in the one that there is by then", async () => {
  const [first, second] = [playCompartment(), playCompartment()];
  const coming = Promise.withResolvers<Compartment>();
  const { tool } = openTool(coming.promise);
  const waiting = tool.run(orderOf(), never);
  await flush();
  tool.replace(Promise.resolve(second.compartment));
  coming.resolve(first.compartment);
  await flush();
  assert.deepEqual([first.runs.length, second.runs.length, first.closings()], [0, 1, 1]);
  second.runs[0]!(ENDED);
  assert.equal((await waiting).status, "ended");
});

Deno.test("confined tool, replaced: a run whose folder is made meanwhile begins in the new one, or not at all", async () => {
  for (const isReleased of [false, true]) {
    const { tool, compartment, coming, folders, removed, seen } = play();
    Object.assign(compartment, { close() {} });
    coming.resolve(compartment);
    const running = tool.run(orderOf(), never);
    await flush();
    const next = playCompartment();
    if (isReleased) tool.release();
    else tool.replace(Promise.resolve(next.compartment));
    folders[0]!.resolve({ id: "f", path: "/scratch/f" });
    await flush();
    assert.deepEqual([seen, next.runs.length], [[], isReleased ? 0 : 1]);
    if (!isReleased) next.runs[0]!({ status: "cancelled" });
    const { status } = await running;
    assert.equal(status, isReleased ? "not_started" : "cancelled");
    assert.deepEqual(removed, ["probe/f"]);
  }
});

Deno.test("confined tool, replaced: its death is that of the compartment where runs begin", async () => {
  const [before, after] = [playCompartment(), playCompartment()];
  const { tool } = openTool(Promise.resolve(before.compartment));
  const running = tool.run(orderOf(), never);
  await flush();
  tool.replace(Promise.reject(new Error("there is no such program")));
  await flush();
  assert.equal(tool.death, "there is no such program");
  assert.deepEqual(await tool.run(orderOf(), never), {
    status: "not_started",
    reason: "there is no such program",
  });
  tool.replace(Promise.resolve(after.compartment));
  await flush();
  assert.equal(tool.death, null);
  before.state.death = "it was closed";
  assert.equal(tool.death, null);
  after.state.death = "Landlock: EPERM";
  assert.equal(tool.death, "Landlock: EPERM");
  before.runs[0]!(ENDED);
  assert.equal((await running).status, "ended");
});

Deno.test("confined tool, taken away: what goes on ends well, nothing else begins, and what waits is told", async () => {
  const only = playCompartment();
  const coming = Promise.withResolvers<Compartment>();
  const { tool, removed } = openTool(coming.promise);
  coming.resolve(only.compartment);
  const running = tool.run(orderOf({ id: "a" }), never);
  await flush();
  tool.release();
  const refused = { status: "not_started", reason: "the tool was taken away" };
  assert.deepEqual(await tool.run(orderOf(), never), refused);
  assert.deepEqual([tool.death, only.closings(), tool.isIdle], ["the tool was taken away", 0, false]);
  only.runs[0]!(ENDED);
  assert.equal((await running).status, "ended");
  assert.equal(only.closings(), 1);
  tool.gone("a");
  assert.deepEqual([removed, tool.isIdle], [["1"], true]);

  const late = Promise.withResolvers<Compartment>();
  const other = openTool(late.promise);
  const waiting = other.tool.run(orderOf(), never);
  await flush();
  other.tool.release();
  const unused = playCompartment();
  late.resolve(unused.compartment);
  assert.deepEqual(await waiting, refused);
  assert.deepEqual([unused.closings(), other.removed], [1, []]);
});

Deno.test("confined tool, replaced: a run that throws lets its compartment go all the same", async () => {
  const before = playCompartment();
  Object.assign(before.state, { run: () => Promise.reject(new Error("a bug")) });
  const { tool } = openTool(Promise.resolve(before.compartment));
  await flush();
  const running = tool.run(orderOf(), never);
  await assert.rejects(running, /a bug/);
  tool.replace(Promise.resolve(playCompartment().compartment));
  assert.equal(before.closings(), 1);
});
