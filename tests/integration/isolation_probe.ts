/**
 * Run as a process of its own by `isolation_test.ts`: starts the engine as the server does, gives the permissions up,
 * and then tries what it must not be able to do. Prints one JSON object.
 *
 * @module
 */
import { compartmentPermissions, WORKER_URL } from "../../src/confinement/compartment.ts";
import { startEngine } from "../../src/cli/engine.ts";
import { readSetup } from "../../src/cli/setup.ts";

const setup = readSetup({ tools: [], allowTargets: ["loopback"] }, { stdout() {}, stderr() {} });

// A compartment for curl, told to start openssl: as if the thread inside it had been taken over.
const worker = new Worker(WORKER_URL, {
  type: "module",
  name: "curl",
  deno: { permissions: compartmentPermissions("/usr/bin/curl") },
});
const ofCompartment = (program: string) => {
  const answered = new Promise((resolve) => {
    worker.onmessage = ({ data }) => {
      if (data.type !== "ready" && data.type !== "output") resolve(data);
    };
  });
  worker.postMessage({ type: "open", program });
  const order = {
    id: program,
    args: ["--version"],
    env: {},
    deadlineMs: 5000,
    killGraceMs: 100,
    maxBytes: { stdout: 1000, stderr: 1000 },
    onFlood: "drain",
  };
  worker.postMessage({ type: "run", order });
  return answered;
};
const compartment = {
  own: await ofCompartment("/usr/bin/curl"),
  other: await ofCompartment("/usr/bin/openssl"),
};
worker.terminate();

const engine = await startEngine(setup, null);
await engine.seal();

/** The name of the error that `attempt` fails with, or "succeeded". */
async function outcome(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return "succeeded";
  } catch (error) {
    return (error as Error).name;
  }
}

const programs = ["/usr/bin/curl", "/usr/bin/nmap", "/usr/bin/openssl", "/bin/sh", "curl"];
const main = {
  ...Object.fromEntries(
    await Promise.all(
      programs.map(async (program) =>
        [`run ${program}`, await outcome(() => new Deno.Command(program).outputSync())] as const
      ),
    ),
  ),
  "run in a worker": await outcome(() =>
    new Worker("data:text/javascript,0", {
      type: "module",
      deno: { permissions: { run: ["/usr/bin/curl"] } },
    })
  ),
  "read": await outcome(() => Deno.readTextFileSync("/etc/hostname")),
  "read a program": await outcome(() => Deno.statSync("/usr/bin/curl")),
  "write": await outcome(() => Deno.writeTextFileSync("/tmp/bulkhead-probe", "")),
  "connect": await outcome(() => Deno.connect({ hostname: "127.0.0.1", port: 9 })),
  "listen": await outcome(() => Deno.listen({ hostname: "127.0.0.1", port: 0 })),
  "env": await outcome(() => Deno.env.get("HOME")),
  "sys": await outcome(() => Deno.uid()),
  // Deno's own list of hosts, from which code may be imported unless that is denied.
  "import": await outcome(() => import(["https://deno.land", "x.ts"].join("/"))),
  "ffi": await outcome(() => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {})),
};

// The positive control: through its compartment the program still runs.
const answer = await engine.pipeline.run(
  "curl",
  { target: "http://127.0.0.1:9/", parameters: { max_time: 5 } },
  { signal: AbortSignal.timeout(10_000), mayIntrude: true },
);
engine.close();
await new Promise((resolve) => setTimeout(resolve));
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify({ main, compartment, answer })));
Deno.exit(0);
