/**
 * A tool's manual, generated from its manifest.
 *
 * @module
 */
import { NO_MODE, targetNeed, type ToolForm, type ToolLimits } from "../catalog/tool.ts";
import type { WantedTier } from "../confinement/tier.ts";
import type { FlagSpec } from "../policy/flags.ts";
import { describeKinds } from "../policy/target.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { describeValue } from "../policy/value.ts";
import { unenforced } from "./unenforced.ts";
import { type ToolboxEntry, unavailability } from "./toolbox.ts";

/** The manual as plain text. */
export function manualOf(entry: ToolboxEntry, policy: TargetPolicy, tier: WantedTier): string {
  const { tool, availability } = entry;
  const { manifest } = tool;
  const missing = unavailability(entry);
  const state = !entry.enabled
    ? "disabled by the configuration"
    : missing === null
    ? `available at ${availability.path}`
    : `unavailable: ${missing.reason}. ${missing.remedy}`;
  const loose = unenforced(manifest, tier);
  const modes = Object.keys(manifest.modes);
  return [
    `${tool.name}: ${manifest.title}`,
    "",
    folded(manifest.description.trim(), 0),
    "",
    `State: ${state}`,
    `Time-out: ${tool.timeoutSec} s`,
    `Limits: ${describeLimits(tool.limits)}`,
    ...(manifest.helpers.length === 0 ? [] : [`May execute: ${manifest.helpers.join(", ")}, and itself`]),
    `Runs at once: ${tool.concurrency}; waiting: at most ${tool.maxQueue}`,
    ...(modes.length === 0 ? [] : [`Modes: give one of ${modes.join(", ")} as the parameter mode`]),
    ...[...tool.forms].flatMap(([mode, form]) => [
      ...(mode === NO_MODE ? [] : ["", `Mode ${mode}: ${manifest.modes[mode]!.description}`]),
      ...describeForm(form, policy),
    ]),
    ...section("Declared but not enforced", loose.map((text) => `  ${text}`)),
    "",
  ].join("\n");
}

function describeForm(form: ToolForm, policy: TargetPolicy): string[] {
  const { target, grammar, first } = form;
  const parameters = [...grammar.parameters].map(([name, spec]) => {
    const fallback = spec.default === undefined ? "" : `; default ${spec.default}`;
    return entry(`${name} (${spec.flag})${fallback}${spec.required ? "; required" : ""}`, spec);
  });
  const flags = [...grammar.flags].map(([name, spec]) => entry(name, spec));
  const most = target.max_addresses > 1 ? `; at most ${target.max_addresses} addresses` : "";
  return [
    ...(form.intrusive ? ["Intrusive: every run needs leave"] : []),
    targetNeed(form) === "none"
      ? "Target: none"
      : `Target: ${describeKinds(target.kinds)}; allowed: ${policy.describe()}${most}`,
    `Always given: ${first.join(" ") || "nothing"}`,
    ...section("Parameters", parameters),
    ...section("Flags of extra_args", flags),
  ];
}

/** A parameter or flag: what it is called, what for, and what it takes. */
function entry(head: string, { description, value, intrusive }: FlagSpec): string {
  const takes = value === undefined || value.type === "boolean" ? [] : [describeValue(value)];
  const below = [...(description === undefined ? [] : [description]), ...takes].map((text) => folded(text));
  return [`  ${head}${intrusive ? "; intrusive" : ""}`, ...below].join("\n");
}

/** How wide a line may be, in characters; terminals are often no wider. */
const WIDTH = 100;

/** A paragraph with an indent, broken at its spaces. */
function folded(text: string, indent = 6): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || indent + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => " ".repeat(indent) + line).join("\n");
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
