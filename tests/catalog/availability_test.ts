import assert from "node:assert/strict";
import { type AvailabilityWorld, checkAvailability } from "../../src/catalog/availability.ts";
import { toolOf } from "../support/engine.ts";

/** A machine on which root's /usr/bin holds `probe`. */
function world(changes: Partial<AvailabilityWorld> = {}): AvailabilityWorld {
  const facts = { mode: 0o755, uid: 0, gid: 0 };
  return {
    files: {
      stat: (path) =>
        path === "/usr/bin/probe" || path === "/usr/bin" ? { ...facts, isFile: path !== "/usr/bin" } : null,
      realPath: (path) => path,
    },
    self: { uid: 1000, gid: 1000 },
    mayRun: () => Promise.resolve(true),
    compiled: false,
    ...changes,
  };
}

Deno.test("availability: a program that is there and granted", async () => {
  assert.deepEqual(await checkAvailability(toolOf(), world()), { available: true, path: "/usr/bin/probe" });
});

Deno.test("availability: a missing program has the search's reason, its package in the remedy, and no path", async () => {
  const answer = await checkAvailability(toolOf({ command: "nope", package: "nope-utils" }), world());
  assert(!answer.available);
  assert.equal(answer.path, null);
  assert.match(answer.reason, /^there is no program nope in /);
  assert.match(answer.remedy, /package nope-utils/);
});

Deno.test("availability: a tool that needs raw sockets is unavailable and told so, though its program is there", async () => {
  const answer = await checkAvailability(toolOf({ capabilities: ["net_raw"] }), world());
  assert(!answer.available);
  assert.equal(answer.path, "/usr/bin/probe");
  assert.match(answer.reason, /capabilities: \[net_raw\]/);
  assert.match(answer.remedy, /tools\.exclude/);
});

for (
  const [compiled, remedy] of [
    [false, /bulkhead permissions --format flags.*--allow-run=\/usr\/bin\/probe\.$/],
    [true, /compiled for the catalog's own programs.*from source/],
  ] as const
) {
  Deno.test(`availability: without the permission, ${compiled ? "compiled" : "from source"}, the remedy fits`, async () => {
    const answer = await checkAvailability(
      toolOf(),
      world({ compiled, mayRun: () => Promise.resolve(false) }),
    );
    assert(!answer.available);
    assert.equal(answer.path, "/usr/bin/probe");
    assert.equal(answer.reason, "the permission to run /usr/bin/probe is not granted");
    assert.match(answer.remedy, remedy);
  });
}

Deno.test("availability: the permission is asked for the very path, and only where it is to be asked", async () => {
  const asked: string[] = [];
  const mayRun = (path: string) => Promise.resolve(asked.push(path) > 0);
  await checkAvailability(toolOf(), world({ mayRun }));
  await checkAvailability(toolOf({ command: "nope" }), world({ mayRun }));
  assert.deepEqual(asked, ["/usr/bin/probe"]);
  assert.equal((await checkAvailability(toolOf(), world({ mayRun: null }))).available, true);
});
