/**
 * What confinement costs: one `/usr/bin/true` in a compartment of each tier, against a bare `Deno.Command` in the same
 * run.
 *
 *     deno task bench
 *
 * @module
 */
import { CHILD_ENVIRONMENT } from "../../src/confinement/child_environment.ts";
import type { Compartment } from "../../src/confinement/compartment.ts";
import type { Tier } from "../../src/confinement/tier.ts";
import { orderOf } from "../confinement/fake_inside.ts";
import { LiveWarden } from "../confinement/live_warden.ts";

const PROGRAM = "/usr/bin/true";
const FOLDER = "/";
const never = new AbortController().signal;
// deno-lint-ignore no-console -- what is not measured must not look as if it had been
const say = console.error;

/** A compartment for the program, or null with a line that says why there is none. */
async function open(tier: Tier): Promise<Compartment | null> {
  const live = new LiveWarden(tier, [PROGRAM]);
  // The folder is needed for as long as the warden is, which is to the end of the process.
  globalThis.addEventListener("unload", () => Deno.removeSync(live.folder, { recursive: true }));
  try {
    await live.open();
    const compartment = live.compartment("bench", PROGRAM, []);
    await compartment.ready;
    return compartment;
  } catch (error) {
    say(`no tier ${tier}: ${(error as Error).message}`);
    return null;
  }
}

async function bare(): Promise<void> {
  const options = { clearEnv: true, env: CHILD_ENVIRONMENT, cwd: FOLDER, stdin: "null" } as const;
  const { success } = await new Deno.Command(PROGRAM, options).output();
  if (!success) throw new Error("it failed");
}

async function confined(compartment: Compartment): Promise<void> {
  const order = orderOf({
    args: [],
    env: CHILD_ENVIRONMENT,
    maxBytes: { stdout: 1_048_576, stderr: 262_144 },
  });
  const execution = await compartment.run(order, FOLDER, never);
  if (execution.status !== "ended" || execution.ending.code !== 0) throw new Error(JSON.stringify(execution));
}

const compartments = { basic: await open("basic"), kernel: await open("kernel") };

for (const [group, concurrency] of [["one at a time", 1], ["eight at once", 8]] as const) {
  const bench = (name: string, work: () => Promise<void>, baseline = false) =>
    Deno.bench({
      name: `${name}, ${group}`,
      group,
      baseline,
      // Only an async function is waited for; one that merely returns a promise is timed up to its first await.
      fn: async () => void await Promise.all(Array.from({ length: concurrency }, work)),
    });
  bench("bare Deno.Command", bare, true);
  for (const [tier, compartment] of Object.entries(compartments)) {
    if (compartment !== null) bench(`tier ${tier}`, () => confined(compartment));
  }
}
