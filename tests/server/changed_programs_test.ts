import assert from "node:assert/strict";
import { changedTools, isOtherResolver } from "../../src/server/changed_programs.ts";
import type { FoundResolver } from "../../src/server/find_resolver.ts";
import type { FoundTool } from "../../src/server/find_tools.ts";
import { stateOf, toolOf } from "../support/engine.ts";

const FOUND: FoundTool = {
  ...stateOf(toolOf()),
  executables: ["/usr/bin/dash", "/lib/ld.so"],
  looked: ["/usr/bin/probe", "/usr/bin/sh", "/usr/bin/dash", "/lib/ld.so"],
  dependsOn: ["/usr/bin/probe", "/usr/bin", "/usr/bin/sh", "/usr/bin/dash", "/lib/ld.so"],
};
const AVAILABLE = { available: true, path: "/usr/bin/probe", helpers: [], capabilities: [] } as const;
const MISSING = { available: false, path: null, reason: "not there", remedy: "install it" } as const;

function changed(now: FoundTool, paths: readonly string[] = [], before: readonly FoundTool[] = [FOUND]) {
  return [...changedTools(before, [now], new Set(paths))];
}

Deno.test("changed programs: nothing is, where nothing is", () => {
  assert.deepEqual(changed({ ...FOUND, tool: toolOf({ concurrency: 9 }) }), []);
});

for (const path of FOUND.looked) {
  Deno.test(`changed programs: one that executes ${path}, when that is another file of the same name`, () => {
    assert.deepEqual(changed(FOUND, [path]), ["probe"]);
  });
}

Deno.test("changed programs: a change beside the program is none of it", () => {
  assert.deepEqual(changed(FOUND, ["/usr/bin", "/etc/bulkhead/config.yaml"]), []);
});

Deno.test("changed programs: in tier basic the program itself counts", () => {
  const basic = { ...FOUND, executables: [], looked: [] };
  assert.deepEqual(changed(basic, ["/usr/bin/probe"], [basic]), ["probe"]);
});

for (
  const [what, now] of [
    ["another path", { ...FOUND, availability: { ...AVAILABLE, path: "/usr/sbin/probe" } }],
    ["another interpreter", { ...FOUND, executables: ["/usr/bin/bash", "/lib/ld.so"] }],
    ["one helper more", { ...FOUND, executables: [...FOUND.executables, "/usr/bin/sleep"] }],
    ["a capability more", { ...FOUND, availability: { ...AVAILABLE, capabilities: ["net_raw"] } }],
  ] satisfies [string, FoundTool][]
) {
  Deno.test(`changed programs: one with ${what}, and the same the other way round`, () => {
    assert.deepEqual(changed(now), ["probe"]);
    assert.deepEqual(changed(FOUND, [], [now]), ["probe"]);
  });
}

Deno.test("changed programs: one that comes or goes is not another one", () => {
  const gone = { ...FOUND, availability: MISSING, executables: [] };
  assert.deepEqual(changed(gone, ["/usr/bin/probe"]), []);
  assert.deepEqual(changed(FOUND, ["/usr/bin/probe"], [gone]), []);
  assert.deepEqual(changed(FOUND, ["/usr/bin/probe"], []), []);
});

const RESOLVER: FoundResolver = {
  program: { name: "resolver", program: "/usr/bin/getent", executables: ["/lib/ld.so"], capabilities: [] },
  whyNot: "",
  looked: ["/usr/bin/getent", "/lib/ld.so"],
  dependsOn: ["/usr/bin", "/usr/bin/getent", "/lib/ld.so"],
};
const NONE: FoundResolver = { program: null, whyNot: "no name is allowed", looked: [], dependsOn: [] };

Deno.test("changed programs: the resolver, when it comes, goes, or is another file", () => {
  const other = (before: FoundResolver, now: FoundResolver, ...paths: readonly string[]) =>
    isOtherResolver(before, now, new Set(paths));
  assert.deepEqual([other(RESOLVER, RESOLVER), other(NONE, NONE)], [false, false]);
  assert.deepEqual([other(NONE, RESOLVER), other(RESOLVER, NONE)], [true, true]);
  assert.equal(other(NONE, { ...NONE, whyNot: "there is no program getent" }), true);
  assert.deepEqual([other(RESOLVER, RESOLVER, "/lib/ld.so"), other(RESOLVER, RESOLVER, "/usr/bin")], [
    true,
    false,
  ]);
  assert.equal(other(NONE, NONE, "/usr/bin/getent"), false);
});
