/**
 * Run as a process of its own by `isolation_test.ts`: starts the engine as the server does, and tries from inside each
 * thread, before and after the permissions are given up, what the table of permissions speaks of. Prints one JSON
 * object.
 *
 * @module
 */
import { startEngine } from "../../src/server/engine.ts";
import { readSetup } from "../../src/server/setup.ts";
import { systemIo } from "../../src/server/system.ts";
import { type Attempt, tryAll } from "../../src/confinement/attempts.ts";
import { LIBC_PATHS, openKernel } from "../../src/confinement/linux/kernel.ts";
import { workerSourceFolder } from "../../src/confinement/permissions.ts";
import { Probe } from "../../src/confinement/proofs.ts";
import {
  compartmentPermissions,
  scribePermissions,
  undertakerPermissions,
  wardenPermissions,
} from "../../src/confinement/workers.ts";

const setup = readSetup({ tools: [], allowTargets: ["loopback"] }, systemIo);
const kernel = openKernel();
if ("reason" in kernel) throw new Error(kernel.reason);
const libc = kernel.path;
kernel.close();
const sources = workerSourceFolder()!;
const plan = {
  programs: ["/usr/bin/curl", "/usr/bin/openssl", "/bin/sh"],
  files: [`${sources}/workers.ts`, "/etc/hostname"],
  folders: [setup.stateFolder!, "/tmp"],
  libraries: [libc],
  services: [],
};

/** What could be done, by what was tried. */
const allowed = (attempts: readonly Attempt[]) =>
  attempts.filter(({ allowed }) => allowed).map(({ what }) => what);

// All this before there are compartments: while they come up they copy what this process has open, pipes too.
const before = allowed(await tryAll(plan));
const inside = async (permissions: Deno.PermissionOptionsObject, givesUp: string | null = null) => {
  const { neverHeld, attempts } = await new Probe(permissions).tryAll(plan, givesUp);
  if (neverHeld !== null) throw new Error(neverHeld);
  return allowed(attempts);
};
const threads = {
  // What a compartment still has when it takes its first order: it is made with libc, and gives it up.
  compartment: await inside(compartmentPermissions("/usr/bin/curl", libc), libc),
  warden: await inside(wardenPermissions(["/usr/bin/curl", "/usr/bin/openssl"], LIBC_PATHS, sources)),
  undertaker: await inside(undertakerPermissions(libc)),
  scribe: await inside(scribePermissions(setup.stateFolder!, null, [], [])),
};
const engine = startEngine(setup, null, null, systemIo);
await engine.confined();
await engine.seal();
const after = allowed(await tryAll(plan));

/** The name of the error that `attempt` fails with, or "succeeded". */
async function outcome(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "succeeded";
  } catch (error) {
    return (error as Error).name;
  }
}

const worker = (permissions: Deno.PermissionOptionsObject) => () =>
  new Worker("data:text/javascript,0", { type: "module", deno: { permissions } });
const more = {
  "run in a worker": await outcome(worker({ run: ["/usr/bin/curl"] })),
  "libc in a worker": await outcome(worker({ ffi: [libc] })),
  "look at a program": await outcome(() => Deno.statSync("/usr/bin/curl")),
  // Deno's own list of hosts, from which code may be imported unless that is denied.
  "import": await outcome(() => import(["https://deno.land", "x.ts"].join("/"))),
};

// The positive control: through its compartment the program still runs.
const answer = await engine.pipeline.run(
  "curl",
  { target: "http://127.0.0.1:9/", parameters: { max_time: 5 } },
  { signal: AbortSignal.timeout(10_000), client: "probe", mayIntrude: true },
);
await engine.close();
const report = { before, threads, after, more, answer, sources, stateFolder: setup.stateFolder, libc };
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
Deno.exit(0);
