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
