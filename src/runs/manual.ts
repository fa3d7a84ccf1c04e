/**
 * A tool's manual, generated from its manifest.
 *
 * @module
 */
import { targetNeed, type ToolLimits } from "../catalog/tool.ts";
import type { WantedTier } from "../confinement/tier.ts";
import { describeKinds } from "../policy/target.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { describeValue } from "../policy/value.ts";
import { unenforced } from "./unenforced.ts";
import { type ToolboxEntry, unavailability } from "./toolbox.ts";

/** The manual as plain text. */
export function manualOf(entry: ToolboxEntry, policy: TargetPolicy, tier: WantedTier): string {
  const { tool, availability } = entry;
  const { manifest, grammar } = tool;
  const missing = unavailability(entry);
  const state = !entry.enabled
    ? "disabled by the configuration"
    : missing === null
    ? `available at ${availability.path}`
    : `unavailable: ${missing.reason}. ${missing.remedy}`;
  const parameters = Object.entries(manifest.parameters).map(([name, spec]) => {
    const value = describeValue(grammar.parameters.get(name)!.value);
    const fallback = spec.default === undefined ? "" : `; default ${JSON.stringify(spec.default)}`;
    return `  ${name} (${spec.flag}): ${value}${fallback}${spec.required ? "; required" : ""}` +
      `${spec.intrusive ? "; intrusive" : ""}${
        spec.description === undefined ? "" : `\n      ${spec.description}`
      }`;
  });
  const flags = Object.entries(manifest.flags).map(([name, spec]) => {
    const value = grammar.flags.get(name)?.value;
    const shape = value === undefined ? "" : ` ${describeValue(value)}`;
    return `  ${name}${shape}${spec.intrusive ? "; intrusive" : ""}` +
      `${spec.description === undefined ? "" : `\n      ${spec.description}`}`;
  });
  const loose = unenforced(manifest, tier);
  return [
    `${tool.name}: ${manifest.title}`,
    "",
    manifest.description.trim(),
    "",
    `State: ${state}`,
    targetNeed(manifest) === "none"
      ? "Target: none"
      : `Target: ${describeKinds(manifest.target.kinds)}; allowed: ${policy.describe()}` +
        (manifest.target.max_addresses > 1 ? `; at most ${manifest.target.max_addresses} addresses` : ""),
    `Time-out: ${tool.timeoutSec} s`,
    `Limits: ${describeLimits(tool.limits)}`,
    `Runs at once: ${tool.concurrency}; waiting: at most ${tool.maxQueue}`,
    `Always given: ${manifest.first.join(" ") || "nothing"}`,
    ...section("Parameters", parameters),
    ...section("Flags of extra_args", flags),
    ...section("Declared but not enforced", loose.map((text) => `  ${text}`)),
    "",
  ].join("\n");
}

function describeLimits({ memoryMb, cpuSec, openFiles, fileSizeMb, processes }: ToolLimits): string {
  return [
    `memory ${memoryMb} MiB`,
    `processor time ${cpuSec === null ? "as the time-out" : `${cpuSec} s`}`,
    `open files ${openFiles}`,
    `file size ${fileSizeMb} MiB`,
    `processes ${processes ?? "not counted"}`,
  ].join("; ");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...lines];
}
