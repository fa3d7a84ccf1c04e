/**
 * What a compartment costs: one `/usr/bin/true` through it, against a bare `Deno.Command` in the same run.
 *
 *     deno task bench
 *
 * @module
 */
import { systemClock } from "../../src/core/clock.ts";
import { CHILD_ENVIRONMENT } from "../../src/confinement/child_environment.ts";
import { Compartment } from "../../src/confinement/compartment.ts";

const PROGRAM = "/usr/bin/true";
const compartment = new Compartment("bench", PROGRAM, systemClock);
await compartment.ready;
const never = new AbortController().signal;

function bare(): Promise<Deno.CommandOutput> {
  return new Deno.Command(PROGRAM, { clearEnv: true, env: CHILD_ENVIRONMENT, cwd: "/", stdin: "null" })
    .output();
}

let count = 0;
async function confined(): Promise<void> {
  const order = {
    id: String(count++),
    args: [],
    env: CHILD_ENVIRONMENT,
    deadlineMs: 10_000,
    killGraceMs: 1000,
    maxBytes: { stdout: 1_048_576, stderr: 262_144 },
    onFlood: "drain",
  } as const;
  const execution = await compartment.run(order, never);
  if (execution.status !== "ended" || execution.ending.code !== 0) throw new Error(JSON.stringify(execution));
}

// Only an async function is waited for; one that merely returns a promise is timed up to its first await.
for (const [group, concurrency] of [["one at a time", 1], ["eight at once", 8]] as const) {
  const times = async <T>(work: () => Promise<T>) => {
    await Promise.all(Array.from({ length: concurrency }, work));
  };
  Deno.bench({
    name: `bare Deno.Command, ${group}`,
    group,
    baseline: true,
    fn: async () => await times(bare),
  });
  Deno.bench({ name: `through a compartment, ${group}`, group, fn: async () => await times(confined) });
}
