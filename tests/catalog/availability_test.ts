import assert from "node:assert/strict";
import {
  type AvailabilityWorld,
  type Capability,
  checkAvailability,
} from "../../src/catalog/availability.ts";
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
    mayRun: () => true,
    compiled: false,
    capabilities: new Set<Capability>(),
    ...changes,
  };
}

Deno.test("availability: a program that is there and granted", () => {
  assert.deepEqual(checkAvailability(toolOf(), world()), {
    available: true,
    path: "/usr/bin/probe",
    helpers: [],
    capabilities: [],
  });
});

Deno.test("availability: a missing program has the search's reason, its package in the remedy, and no path", () => {
  const answer = checkAvailability(toolOf({ command: "nope", package: "nope-utils" }), world());
  assert(!answer.available);
  assert.equal(answer.path, null);
  assert.match(answer.reason, /^there is no program nope in /);
  assert.match(answer.remedy, /package nope-utils/);
});

Deno.test("availability: a tool that needs raw sockets is unavailable where there are none to give, and told so", () => {
  const answer = checkAvailability(toolOf({ capabilities: ["net_raw"] }), world());
  assert(!answer.available);
  assert.equal(answer.path, "/usr/bin/probe");
  assert.match(answer.reason, /capabilities: \[net_raw\]/);
  assert.match(
    answer.remedy,
    /not to the program.*AmbientCapabilities=CAP_NET_RAW.*setcap cap_net_raw\+ep/,
  );
});

Deno.test("availability: a tool that needs raw sockets is there where they can be given, or are not asked about", () => {
  const tool = toolOf({ capabilities: ["net_raw"] });
  for (const capabilities of [new Set<Capability>(["net_raw"]), null]) {
    assert.equal((checkAvailability(tool, world({ capabilities }))).available, true);
  }
});

/** A machine whose /usr/bin holds these beside `probe`; those that others may write to are named too. */
function worldWith(names: readonly string[], unsafe: readonly string[] = []): AvailabilityWorld {
  const paths = ["probe", ...names].map((name) => `/usr/bin/${name}`);
  const files: AvailabilityWorld["files"] = {
    realPath: (path) => path,
    stat: (path) => {
      if (path === "/usr/bin") return { mode: 0o755, uid: 0, gid: 0, isFile: false };
      if (!paths.includes(path)) return null;
      const isUnsafe = unsafe.some((name) => path === `/usr/bin/${name}`);
      return { mode: isUnsafe ? 0o777 : 0o755, uid: 0, gid: 0, isFile: true };
    },
  };
  return world({ files });
}

Deno.test("availability: helpers are those that are there, and one that is not keeps nothing back", () => {
  const tool = toolOf({ helpers: ["one", "missing", "/usr/bin/two"] });
  const answer = checkAvailability(tool, worldWith(["one", "two"]));
  assert(answer.available);
  assert.deepEqual(answer.helpers, ["/usr/bin/one", "/usr/bin/two"]);
});

Deno.test("availability: a helper that others could replace makes the tool unavailable", () => {
  const answer = checkAvailability(toolOf({ helpers: ["one"] }), worldWith(["one"], ["one"]));
  assert(!answer.available);
  assert.equal(answer.path, "/usr/bin/probe");
  assert.match(answer.reason, /\/usr\/bin\/one/);
});

for (
  const [compiled, remedy] of [
    [false, /bulkhead permissions --format flags.*--allow-run=\/usr\/bin\/probe\.$/],
    [true, /only that it was compiled for.*--tools DIR.*from source/],
  ] as const
) {
  Deno.test(`availability: without the permission, ${compiled ? "compiled" : "from source"}, the remedy fits`, () => {
    const answer = checkAvailability(
      toolOf(),
      world({ compiled, mayRun: () => false }),
    );
    assert(!answer.available);
    assert.equal(answer.path, "/usr/bin/probe");
    assert.equal(answer.reason, "the permission to run /usr/bin/probe is not granted");
    assert.match(answer.remedy, remedy);
  });
}

Deno.test("availability: the permission is asked for the very path, and only where it is to be asked", () => {
  const asked: string[] = [];
  const mayRun = (path: string) => asked.push(path) > 0;
  checkAvailability(toolOf(), world({ mayRun }));
  checkAvailability(toolOf({ command: "nope" }), world({ mayRun }));
  assert.deepEqual(asked, ["/usr/bin/probe"]);
  assert.equal((checkAvailability(toolOf(), world({ mayRun: null }))).available, true);
});
