/**
 * The effective configuration as people and programs are shown it: every value, where it comes from, and no secret.
 *
 * @module
 */
import * as z from "zod";
import { redactJson } from "../core/redact.ts";
import { type ConfigLeaf, configLeaves } from "./leaves.ts";
import type { LoadedConfig } from "./load.ts";

/** A configuration, described. */
export const configDescriptionSchema = z.strictObject({
  file: z.string().nullable().describe("The file that was read, or null"),
  config: z.record(z.string(), z.unknown())
    .describe("Nested as in the file; an optional key that is not set is null"),
  sources: z.record(z.string(), z.string()).describe("Where each value comes from, by the path of its key"),
});

/** What {@link configDescriptionSchema} describes. */
export type ConfigDescription = Readonly<z.infer<typeof configDescriptionSchema>>;

/** What holds where an optional key is not set. */
export const WHERE_ABSENT: Readonly<Record<string, string>> = {
  "limits.cpu_sec": "follows from the time-out",
  "limits.processes": "not counted",
  "confinement.state_dir": "$XDG_STATE_HOME/bulkhead",
  "logging.file": "no log file",
  "auth.tokens_file": "no tokens: loopback only",
};

/** Describes a configuration. */
export function describeConfig({ config, file, sources }: Omit<LoadedConfig, "locate">): ConfigDescription {
  return redactJson({ file, config: nested(configLeaves(config)), sources: Object.fromEntries(sources) });
}

/** The same for people: what was read, then a line for each value and its source. */
export function configText({ config, file, sources }: Omit<LoadedConfig, "locate">): string {
  const rows = configLeaves(config).map(({ name, pattern, value }) => {
    const absent = WHERE_ABSENT[pattern];
    const shown = value === undefined
      ? `not set${absent === undefined ? "" : ` (${absent})`}`
      : compactJson(redactJson(value));
    return { name, shown, source: redactJson(sources.get(name) ?? "") };
  });
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  // A long list moves the source of its own line only.
  const valueWidth = Math.max(
    ...rows.map(({ shown }) => shown.length).filter((width) => width <= MAX_VALUE_WIDTH),
  );
  const lines = rows.map(({ name, shown, source }) =>
    `${name.padEnd(nameWidth)}  ${shown.padEnd(valueWidth)}  ${source}\n`
  );
  return `# configuration file: ${redactJson(file) ?? "none"}\n${lines.join("")}`;
}

/** Characters up to which values are made equally wide. */
const MAX_VALUE_WIDTH = 40;

/** JSON on one line, with a space behind each comma between items. */
function compactJson(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]`
    : JSON.stringify(value);
}

function nested(leaves: readonly ConfigLeaf[]): Record<string, unknown> {
  const whole: Record<string, unknown> = {};
  for (const { path, value } of leaves) {
    const holder = path.slice(0, -1).reduce(
      (inner, step) => (inner[step] ??= {}) as Record<string, unknown>,
      whole,
    );
    holder[path.at(-1)!] = value ?? null;
  }
  return whole;
}
