import assert from "node:assert/strict";
import { PROGRAM_FOLDERS } from "../../src/catalog/program.ts";
import { ENVIRONMENT_NAMES } from "../../src/config/environment.ts";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import {
  compiledGrants,
  grantFlags,
  type GrantNeeds,
  type Grants,
  PERMISSION_KINDS,
  runGrants,
  THREADS,
  workerSourceFolder,
} from "../../src/confinement/permissions.ts";
import {
  compartmentPermissions,
  proberPermissions,
  undertakerPermissions,
  wardenPermissions,
} from "../../src/confinement/workers.ts";

const needs: GrantNeeds = {
  programs: ["/usr/bin/nmap"],
  readable: ["/etc/b.yaml", "/m"],
  writable: ["/state"],
  tier: "auto",
  listener: null,
  services: [],
};

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
  assert.deepEqual(Object.keys(grants).sort(), ["env", "ffi", "net", "read", "run", "sys", "write"]);
  assert.deepEqual(grants.run, ["/usr/bin/nmap"]);
  assert.deepEqual(grants.net, []);
  assert.deepEqual(grants.env, ENVIRONMENT_NAMES);
  assert.deepEqual(grants.sys, ["uid", "gid", "cpus", "systemMemoryInfo", "statfs"]);
  assert.deepEqual(grants.read, [
    "/etc/b.yaml",
    "/m",
    "/state",
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

Deno.test("run grants: services by host and port, beside the listener or without one, each once", () => {
  const services = [
    { host: "10.0.0.5", port: 389 },
    { host: "fd00::5", port: 443 },
    { host: "ldap.lab.internal", port: 636 },
    { host: "10.0.0.5", port: 389 },
  ];
  const places = ["10.0.0.5:389", "[fd00::5]:443", "ldap.lab.internal:636"];
  assert.deepEqual(runGrants({ ...needs, services }).net, places);
  const listener = { host: "127.0.0.1", port: 80 };
  assert.deepEqual(runGrants({ ...needs, services, listener }).net, ["127.0.0.1:80", ...places]);
  assert.deepEqual(compiledGrants([], services).net, ["127.0.0.1", "[::1]", ...places]);
});

Deno.test("run grants: written are the folders of state and log alone, which are read too", () => {
  const writable = ["/state", "/var/log", "/state"];
  const { read, write } = runGrants({ ...needs, writable });
  assert.deepEqual(write, ["/state", "/var/log"]);
  for (const path of writable) assert.ok((read as string[]).includes(path));
  assert.deepEqual(runGrants({ ...needs, writable: [] }).write, []);
});

Deno.test("run grants: native code is libc alone, and only where tier kernel may be had", () => {
  assert.deepEqual(runGrants({ ...needs, tier: "auto" }).ffi, LIBC_PATHS);
  assert.deepEqual(runGrants({ ...needs, tier: "kernel" }).ffi, LIBC_PATHS);
  assert.deepEqual(runGrants({ ...needs, tier: "basic" }).ffi, []);
  for (const path of LIBC_PATHS) assert.match(path, /^\/(?:usr\/)?lib.*\/libc\.so\.6$/);
});

Deno.test("run grants: no kind is granted as a whole, and no code comes from the network", () => {
  for (const tier of ["auto", "basic"] as const) {
    const listener = { host: "127.0.0.1", port: 1 };
    const flags = grantFlags(runGrants({ ...needs, tier, listener })).join(" ");
    assert.doesNotMatch(flags, /--allow-(?:import|all)|(?:^| )-A/);
    assert.doesNotMatch(flags, /--allow-[a-z]+(?: |$)/, "no bare flag");
    assert.equal(/--allow-ffi/.test(flags), tier === "auto");
  }
});

Deno.test("compiled grants: every place where a catalog program may be, once, and no other program", () => {
  const { run } = compiledGrants(["nmap", "/opt/x/tool", "nmap"]);
  assert.deepEqual(run, [
    ...PROGRAM_FOLDERS.map((folder) => `${folder}/nmap`),
    "/opt/x/tool",
    ...PROGRAM_FOLDERS.map((folder) => `${folder}/getent`),
  ]);
});

Deno.test("compiled grants: loopback and libc alone; files are given up after the start", () => {
  const { net, read, write, ffi } = compiledGrants([]);
  assert.deepEqual([net, ffi], [["127.0.0.1", "[::1]"], LIBC_PATHS]);
  assert.deepEqual([read, write], [true, true]);
});

/** The kinds that are granted at all. */
function grantedIn(permissions: Deno.PermissionOptionsObject): unknown {
  assert.deepEqual(Object.keys(permissions).sort(), [...PERMISSION_KINDS].sort(), "none is left to inherit");
  return Object.fromEntries(Object.entries(permissions).filter(([, value]) => value !== false));
}

Deno.test("workers: a compartment may run its program, and call libc for as long as it needs", () => {
  assert.deepEqual(grantedIn(compartmentPermissions("/usr/bin/nmap", "/lib64/libc.so.6")), {
    run: ["/usr/bin/nmap"],
    ffi: ["/lib64/libc.so.6"],
  });
  assert.deepEqual(grantedIn(compartmentPermissions("/usr/bin/nmap", null)), { run: ["/usr/bin/nmap"] });
});

Deno.test("workers: the undertaker may call libc", () => {
  assert.deepEqual(grantedIn(undertakerPermissions("/lib64/libc.so.6")), { ffi: ["/lib64/libc.so.6"] });
});

Deno.test("workers: the warden may do what its compartments may; an empty list is nothing, not everything", () => {
  assert.deepEqual(grantedIn(wardenPermissions(["/a", "/b"], ["/libc"], "/src")), {
    run: ["/a", "/b"],
    ffi: ["/libc"],
    read: ["/src"],
  });
  assert.deepEqual(grantedIn(wardenPermissions([], [], null)), {});
});

Deno.test("workers: the prober may connect where it is told; to nowhere is nothing, not everything", () => {
  assert.deepEqual(grantedIn(proberPermissions(["10.0.0.5:389"])), { net: ["10.0.0.5:389"] });
  assert.deepEqual(grantedIn(proberPermissions([])), {});
});

Deno.test("threads: main holds nothing once it serves, and nobody but the scribe writes then", () => {
  const held = (thread: RegExp) => Object.keys(THREADS.find((row) => thread.test(row.thread))!.holds);
  assert.deepEqual(held(/from then on/), []);
  assert.deepEqual(held(/compartment/), ["run", "ffi"]);
  assert.deepEqual(held(/^warden/), ["run", "ffi", "read"]);
  assert.deepEqual(held(/^undertaker/), ["ffi"]);
  assert.deepEqual(held(/^prober/), ["net"]);
  assert.deepEqual(held(/^scribe/), ["read", "write", "sys"]);
  const later = THREADS.filter(({ thread }) => !/until start is done/.test(thread));
  const reaching = later.filter(({ holds }) => "net" in holds || "env" in holds);
  assert.deepEqual(reaching.map(({ thread }) => thread.split(",")[0]), ["prober"]);
});
