import assert from "node:assert/strict";
import fc from "fast-check";
import { findTool, findTools, type Machine, machineLater } from "../../src/server/find_tools.ts";
import type { WantedTier } from "../../src/confinement/tier.ts";
import { type PlayedFile, PlayedFiles, script, setupOf, STATIC_PROGRAM } from "../support/files.ts";
import { CONFIG } from "../support/files.ts";
import { type ManifestInput, toolOf } from "../support/engine.ts";

function machineWith(files: PlayedFiles, granted: readonly string[] | null = null): Machine {
  return {
    files,
    self: { uid: 1000, gid: 1000 },
    compiled: false,
    capabilities: new Set(["net_raw"]),
    mayRun: granted === null ? null : (path) => granted.includes(path),
  };
}

function find(
  files: Readonly<Record<string, PlayedFile | string>>,
  manifest: Partial<ManifestInput> = {},
  tier: WantedTier = "auto",
) {
  const machine = machineWith(new PlayedFiles(files));
  return findTool({ tool: toolOf({ command: "/opt/probe", ...manifest }), enabled: true }, tier, machine);
}

Deno.test("find tools: what starting a tool executes is found through its interpreters and helpers", () => {
  const found = find({
    "/opt/probe": script("/usr/bin/sh -e"),
    "/usr/bin/sh": { text: "", link: "/usr/bin/dash" },
    "/usr/bin/dash": STATIC_PROGRAM,
    "/usr/bin/sleep": STATIC_PROGRAM,
  }, { helpers: ["sleep", "not-there"] });
  assert.equal(found.availability.available, true);
  assert.deepEqual(found.executables, ["/opt/probe", "/usr/bin/dash", "/usr/bin/sleep"]);
  // By the names that it was asked for, and where they lead.
  assert.deepEqual([...found.looked].sort(), [
    "/opt/probe",
    "/usr/bin/dash",
    "/usr/bin/sh",
    "/usr/bin/sleep",
  ]);
  for (
    const path of ["/opt/probe", "/opt", "/usr/bin/sh", "/usr/bin/not-there", "/opt/homebrew/bin/not-there"]
  ) {
    assert(found.dependsOn.includes(path), path);
  }
});

Deno.test("find tools: in tier basic nothing is asked of what a program executes", () => {
  const found = find(
    { "/opt/probe": { text: "neither an ELF file nor a script", mode: 0o755 } },
    {},
    "basic",
  );
  assert.deepEqual([found.availability.available, found.executables, found.looked], [true, [], []]);
  assert.deepEqual([...found.dependsOn].sort(), ["/opt", "/opt/probe"]);
});

Deno.test("find tools: a program that cannot be followed is not available, and it is known what that depends on", () => {
  const found = find({ "/opt/probe": script("/usr/bin/lost") });
  assert(!found.availability.available);
  assert.match(found.availability.reason, /Cannot tell which files "\/opt\/probe" executes/);
  assert.deepEqual([found.availability.path, found.executables, found.looked], ["/opt/probe", [], []]);
  assert(found.dependsOn.includes("/usr/bin/lost"));
});

Deno.test("find tools: each by itself, whether it is enabled or not", () => {
  const files = new PlayedFiles({ [CONFIG]: "tools: { include: [dig] }", "/usr/bin/curl": STATIC_PROGRAM });
  const found = findTools(setupOf(files), machineWith(files));
  const one = (name: string) => found.find(({ tool }) => tool.name === name)!;
  assert.deepEqual([one("curl").enabled, one("curl").availability.available], [false, true]);
  assert.deepEqual([one("dig").enabled, one("dig").availability.available], [true, false]);
});

Deno.test("find tools: later, only what was granted at the start may be run", () => {
  const files = new PlayedFiles({ "/opt/probe": STATIC_PROGRAM });
  const facts = { self: { uid: 1000, gid: 1000 }, compiled: false, capabilities: null, readable: [] };
  const later = (granted: readonly string[]) =>
    findTool(
      { tool: toolOf({ command: "/opt/probe" }), enabled: true },
      "auto",
      machineLater({ ...facts, granted: new Set(granted) }, files),
    ).availability;
  assert.equal(later(["/opt/probe"]).available, true);
  const refused = later([]);
  assert(!refused.available);
  assert.match(refused.reason, /the permission to run \/opt\/probe is not granted/);
});

/** Paths that programs of the test stand at, and what may stand there. */
const PATHS = [
  "/usr/bin/probe",
  "/usr/local/bin/probe",
  "/opt/homebrew/bin/probe",
  "/usr/bin/helper",
  "/usr/bin/a",
  "/usr/bin/b",
  "/usr/bin/c",
  "/etc/forbidden",
] as const;

const anyFile: fc.Arbitrary<PlayedFile> = fc.oneof(
  fc.constant(STATIC_PROGRAM),
  fc.constantFrom("/usr/bin/a", "/usr/bin/b", "/usr/bin/c", "/usr/bin/../bin/a", "relative", "/lost").map(
    script,
  ),
  fc.constantFrom("/usr/bin/a", "/usr/bin/b").map((link) => ({ text: "", link })),
  fc.constant({ ...STATIC_PROGRAM, mode: 0o777 }),
  fc.constant({ ...STATIC_PROGRAM, mode: 0o644 }),
  fc.constant({ ...STATIC_PROGRAM, error: new Error("it is locked") }),
  fc.constant({ text: "rubbish", mode: 0o755 }),
);

/** No link leads to itself: the played system would follow it for ever. */
const anyFiles = fc.array(fc.record({ path: fc.constantFrom(...PATHS), file: anyFile }), { maxLength: 8 })
  .map((list) => list.filter(({ path, file }) => file.link === undefined || path > file.link));

Deno.test("find tools: whatever changes outside of what an answer depends on, the answer is the same", () => {
  const configured = {
    tool: toolOf({ command: "probe", helpers: ["helper"], forbidden_files: ["/etc/forbidden"] }),
    enabled: true,
  };
  let differed = 0;
  fc.assert(
    fc.property(
      anyFiles,
      fc.constantFrom(...PATHS),
      fc.option(anyFile),
      fc.constantFrom("auto", "basic"),
      (list, path, other, tier) => {
        if (other?.link !== undefined && path <= other.link) return;
        const files = Object.fromEntries(list.map(({ path, file }) => [path, file]));
        const before = findTool(configured, tier, machineWith(new PlayedFiles(files)));
        const changed = new PlayedFiles(files);
        changed.put(path, other);
        const after = findTool(configured, tier, machineWith(changed));
        // A link is what it leads to, for whoever watches it.
        const same = JSON.stringify(before) === JSON.stringify(after);
        if (!same) differed++;
        assert(same || before.dependsOn.some((one) => leadsTo(files, one, path)), `${path} matters`);
      },
    ),
    { numRuns: 3000 },
  );
  assert(differed > 100, `the files mattered ${differed} times only`);
});

/** Whether looking at `from`, with links followed, looks at `to`, or into a folder that it makes. */
function leadsTo(files: Readonly<Record<string, PlayedFile>>, from: string, to: string): boolean {
  if (from === to || to.startsWith(`${from}/`)) return true;
  const link = files[from]?.link;
  return link !== undefined && leadsTo(files, link, to);
}
