// deno-lint-ignore-file no-console -- what is measured here is printed by nobody else
/**
 * What a compartment costs in memory: resident memory of a process of its own, before and after compartments are up,
 * for each tier. It is no matter of time, so it is measured once and printed, beside what `deno bench` measures.
 *
 *     deno task bench
 *
 * @module
 */
import type { Tier } from "../../src/confinement/tier.ts";

/** Many enough that one more page here or there does not matter. */
const COMPARTMENTS = 8;

const PROBE = decodeURIComponent(new URL("./memory_probe.ts", import.meta.url).pathname);
const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** Measures one tier and prints it. Whether it could be measured; if not, that is said. */
async function measure(tier: Tier): Promise<boolean> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-P=test", PROBE, tier, String(COMPARTMENTS)],
    cwd: ROOT,
    stdin: "null",
  }).output();
  const notMeasured = (reason: string) => {
    console.error(`memory in tier ${tier} was not measured: ${reason}`);
    return false;
  };
  if (!success) return notMeasured(new TextDecoder().decode(stderr).trim());
  const { before, after } = JSON.parse(new TextDecoder().decode(stdout));
  if (!(after > before)) return notMeasured(`${before} bytes before, ${after} after`);
  const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  console.log(
    `memory in tier ${tier}: ${mib((after - before) / COMPARTMENTS)} each, ` +
      `${mib(before)} before and ${mib(after)} with ${COMPARTMENTS} compartments`,
  );
  return true;
}

// One after the other: they share the processors, and starting takes memory too.
const measured = [await measure("basic"), await measure("kernel")];
if (!measured.includes(true)) throw new Error("memory was measured in no tier");
