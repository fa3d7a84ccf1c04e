/**
 * The checks of the user's own, as far as they can be judged before anything is checked: whether the tools are there, and
 * whether each name stands for one check.
 *
 * @module
 */
import { quote } from "../core/text.ts";
import { type Diagnostic, type DocumentPath, formatPath } from "../documents/diagnostics.ts";
import type { Locate } from "./load.ts";
import type { Config } from "./schema.ts";
import { ownCheckSettings } from "./settings.ts";
import { unknownTool } from "./tools.ts";

/** The checks that the server makes by itself. */
export const SERVER_CHECKS = [
  "system_resources",
  "process_health",
  "confinement",
  "tool_availability",
] as const;

/** How the names of the checks begin that the server makes of its tools, one each. */
export const TOOL_CHECK_PREFIX = "tool_";

/**
 * Everything that is wrong with `health.dependencies` and `health.checks` beyond what the schema sees.
 *
 * @param tools the names of all tools, the disabled ones too
 * @param locate where the configuration's values come from, for messages
 */
export function ownCheckMistakes(config: Config, tools: readonly string[], locate: Locate): Diagnostic[] {
  const { dependencies, toolChecks } = ownCheckSettings(config);
  const taken = new Set(dependencies.map(({ name }) => name));
  const at = (path: DocumentPath, message: string): Diagnostic => ({
    ...locate(path, "value"),
    path: formatPath(path),
    message,
  });
  const ofServer = (path: DocumentPath, name: string) =>
    isOfServer(name)
      ? [at(path, `${quote(name)} is kept for the server's own checks; choose another name`)]
      : [];
  return [
    ...dependencies.flatMap(({ name }, index) => ofServer(["health", "dependencies", index, "name"], name)),
    ...toolChecks.flatMap(({ name, tool }, index) => {
      const path = ["health", "checks", index];
      return [
        ...ofServer([...path, "name"], name),
        ...(taken.has(name)
          ? [at([...path, "name"], `a dependency has the name ${quote(name)} already; choose another`)]
          : []),
        ...(tools.includes(tool) ? [] : [unknownTool([...path, "tool"], tool, tools, locate)]),
      ];
    }),
  ];
}

function isOfServer(name: string): boolean {
  return name.startsWith(TOOL_CHECK_PREFIX) || SERVER_CHECKS.some((one) => one === name);
}
