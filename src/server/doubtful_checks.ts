/**
 * Checks of the user's own that cannot succeed as things stand: found before they are made, so that a mistake is seen at
 * the start and not in the next alarm.
 *
 * @module
 */
import { ownCheckSettings, pipelineSettings } from "../config/settings.ts";
import { withRemedy } from "../core/text.ts";
import { INTRUSIVE, requestOf } from "../health/tool_checks.ts";
import { planRun } from "../runs/plan.ts";
import type { Setup } from "./setup.ts";

/** A check, and why it cannot succeed. */
export interface DoubtfulCheck {
  readonly name: string;
  readonly reason: string;
}

/**
 * Plans the run of each check as it would be made now. What takes a look at the machine (the addresses of a name, a file)
 * is left to the run itself.
 */
export function doubtfulChecks({ config, tools, policy }: Setup): DoubtfulCheck[] {
  const { maxArgsBytes } = pipelineSettings(config);
  return ownCheckSettings(config).toolChecks.flatMap((check) => {
    const { name } = check;
    const found = tools.find(({ tool }) => tool.name === check.tool);
    if (found === undefined) return [];
    if (!found.enabled) return [{ name, reason: `the tool ${check.tool} is disabled` }];
    const planned = planRun(found.tool, requestOf(check), policy, maxArgsBytes);
    if (planned.ok) return planned.plan.intrusive.length === 0 ? [] : [{ name, reason: INTRUSIVE }];
    if ("need" in planned) return [];
    const { error, remedy } = planned.refusal;
    return [{ name, reason: withRemedy(error, remedy) }];
  });
}
