import assert from "node:assert/strict";
import { PROGRAM_FOLDERS } from "../../src/catalog/program.ts";
import { ENVIRONMENT_NAMES } from "../../src/config/environment.ts";
import {
  compiledGrants,
  grantFlags,
  type Grants,
  PERMISSION_KINDS,
  runGrants,
  THREADS,
  workerSourceFolder,
} from "../../src/confinement/permissions.ts";

const needs = { programs: ["/usr/bin/nmap"], readable: ["/etc/b.yaml", "/m"], listener: null } as const;

/** Always there: no prompt, and no code from the hosts that Deno would load from by default. */
const NOTHING = ["--no-prompt", "--deny-import"];

Deno.test("flags: no grants are no flags but those that refuse", () => {
  assert.deepEqual(grantFlags({}), NOTHING);
  assert.deepEqual(grantFlags({ run: [], net: [], env: [] }), NOTHING);
});

Deno.test("flags: one for each kind, and a bare one for everything", () => {
  const grants: Grants = {
    run: ["/a", "/b"],
    read: true,
    net: ["127.0.0.1:80"],
    env: ["A", "B"],
    sys: ["uid"],
  };
  assert.deepEqual(grantFlags(grants), [
    ...NOTHING,
    "--allow-run=/a,/b",
    "--allow-read",
    "--allow-net=127.0.0.1:80",
    "--allow-env=A,B",
    "--allow-sys=uid",
  ]);
});

Deno.test("flags: an empty list is never written as a bare flag, which would grant everything", () => {
  const empty = Object.fromEntries(PERMISSION_KINDS.map((kind) => [kind, []]));
  assert.deepEqual(grantFlags(empty), NOTHING);
});

Deno.test("run grants: the programs, what is read, and nothing to the network over stdio", () => {
  const grants = runGrants(needs);
  assert.deepEqual(Object.keys(grants).sort(), ["env", "net", "read", "run", "sys"]);
  assert.deepEqual(grants.run, ["/usr/bin/nmap"]);
  assert.deepEqual(grants.net, []);
  assert.deepEqual(grants.env, ENVIRONMENT_NAMES);
  assert.deepEqual(grants.sys, ["uid", "gid"]);
  assert.deepEqual(grants.read, [
    "/etc/b.yaml",
    "/m",
    workerSourceFolder(),
    "/usr/bin",
    ...PROGRAM_FOLDERS.slice(1),
  ]);
});

Deno.test("run grants: a program outside the fixed folders has its own folder read, each folder once", () => {
  const programs = ["/opt/x/a", "/opt/x/b", "/usr/bin/nmap"];
  const read = runGrants({ ...needs, programs }).read as string[];
  assert.equal(read.filter((path) => path === "/opt/x").length, 1);
  assert.equal(new Set(read).size, read.length);
});

for (
  const [host, port, grant] of [
    ["127.0.0.1", 8080, "127.0.0.1:8080"],
    ["127.0.0.1", 0, "127.0.0.1"],
    ["localhost", 8080, "127.0.0.1:8080"],
    ["::1", 8080, "[::1]:8080"],
    ["::1", 0, "[::1]"],
  ] as const
) {
  Deno.test(`run grants: a listener on ${host} port ${port} needs ${grant} and no more`, () => {
    assert.deepEqual(runGrants({ ...needs, listener: { host, port } }).net, [grant]);
  });
}

Deno.test("run grants: nothing is written, no native code is loaded, no code comes from the network", () => {
  const flags = grantFlags(runGrants({ ...needs, listener: { host: "127.0.0.1", port: 1 } })).join(" ");
  assert.doesNotMatch(flags, /--allow-(?:write|ffi|import|all)|(?:^| )-A/);
  assert.doesNotMatch(flags, /--allow-[a-z]+(?: |$)/, "no bare flag");
});

Deno.test("compiled grants: every place where a catalog program may be, once, and no other program", () => {
  const { run } = compiledGrants(["nmap", "/opt/x/tool", "nmap"]);
  assert.deepEqual(run, [...PROGRAM_FOLDERS.map((folder) => `${folder}/nmap`), "/opt/x/tool"]);
});

Deno.test("compiled grants: loopback alone", () => {
  const { net, write, ffi } = compiledGrants([]);
  assert.deepEqual([net, write, ffi], [["127.0.0.1", "[::1]"], undefined, undefined]);
});

Deno.test("threads: main holds nothing once it serves, a compartment only its own program", () => {
  const held = (thread: RegExp) => THREADS.find((row) => thread.test(row.thread))!.holds;
  assert.deepEqual(held(/from then on/), {});
  assert.deepEqual(Object.keys(held(/compartment/)), ["run"]);
});
