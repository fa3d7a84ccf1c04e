import assert from "node:assert/strict";
import { findResolver } from "../../src/server/find_resolver.ts";
import { CONFIG, PlayedFiles, script, setupOf, STATIC_PROGRAM } from "../support/files.ts";

const GETENT = "/usr/bin/getent";

function find(
  files: ConstructorParameters<typeof PlayedFiles>[0],
  { config = "", granted = true }: { config?: string; granted?: boolean } = {},
) {
  const played = new PlayedFiles({ [CONFIG]: config, ...files });
  return findResolver(setupOf(played), {
    files: played,
    self: { uid: 1000, gid: 1000 },
    compiled: false,
    capabilities: null,
    mayRun: () => granted,
  });
}

Deno.test("find resolver: the program, what starting it executes, and all that this depends on", () => {
  const found = find({ [GETENT]: script("/usr/bin/sh"), "/usr/bin/sh": STATIC_PROGRAM });
  assert.deepEqual(found.program, {
    name: "resolver",
    program: GETENT,
    executables: [GETENT, "/usr/bin/sh"],
    capabilities: [],
  });
  assert.equal(found.whyNot, "");
  assert.deepEqual(found.looked, [GETENT, "/usr/bin/sh"]);
  assert.deepEqual([...found.dependsOn].sort(), ["/usr/bin", GETENT, "/usr/bin/sh"]);
});

Deno.test("find resolver: where no name is allowed nothing is asked", () => {
  const found = find({ [GETENT]: STATIC_PROGRAM }, { config: "security: { allowed_targets: [10.0.0.0/8] }" });
  assert.deepEqual(found, { program: null, whyNot: "no name is allowed", looked: [], dependsOn: [] });
});

Deno.test("find resolver: in tier basic nothing is asked of what it executes", () => {
  const rubbish = { text: "rubbish", mode: 0o755 };
  const found = find({ [GETENT]: rubbish }, { config: "confinement: { tier: basic }" });
  assert.deepEqual([found.program?.executables, found.looked], [[], []]);
});

for (
  const [what, files, granted, expected] of [
    ["is missing", {}, true, /there is no program getent in .*Install the package libc-bin/],
    [
      "may be written by others",
      { [GETENT]: { ...STATIC_PROGRAM, mode: 0o757 } },
      true,
      /may be written by other/,
    ],
    [
      "may not be run",
      { [GETENT]: STATIC_PROGRAM },
      false,
      /the permission to run \/usr\/bin\/getent is not granted/,
    ],
    ["cannot be followed", { [GETENT]: script("/lost") }, true, /Cannot tell which files/],
  ] as const
) {
  Deno.test(`find resolver: a program that ${what} is not used; why is told, and what that depends on`, () => {
    const found = find(files, { granted });
    assert.equal(found.program, null);
    assert.match(found.whyNot, expected);
    assert(found.dependsOn.includes(GETENT));
  });
}
