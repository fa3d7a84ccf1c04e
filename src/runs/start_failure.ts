/**
 * Why a program could not be started, for the person who reads it: whose fault it is, and what helps.
 *
 * @module
 */
import type { Execution } from "../confinement/compartment.ts";
import type { Tier } from "../confinement/tier.ts";
import type { Refusal } from "../core/refusal.ts";

/** errno(3), as Deno writes them at the end of its messages: `(os error 13)`. */
const OS_ERROR = /\(os error ([0-9]+)\)/;

/** What each means for a start. Where the machine is short of something, the tool is not to blame. */
const REMEDIES: Readonly<Record<string, (path: string, tier: Tier) => string>> = {
  // ENOENT
  2: (path) => `Check that ${path} is there, and its loader or interpreter.`,
  // EAGAIN
  11: () => "The server's user has as many processes as it may have. Wait, or raise that limit.",
  // ENOMEM
  12: () => "The machine is short of memory. Wait until less runs.",
  // EACCES
  13: (path, tier) =>
    tier === "kernel"
      ? `If ${path}, or its loader, was just replaced, as by an upgrade, ask again in a few seconds: only the very file ` +
        "that was checked may be executed, and a new one is noticed by then. Otherwise check that it can be executed."
      : `Check that ${path} can be executed.`,
  // EMFILE and ENFILE
  24: () => "The server has as many files open as it may have. Wait, or raise that limit.",
  23: () => "The machine has as many files open as it may have. Wait until less runs.",
};

/**
 * The refusal of a run whose program could not be started.
 *
 * @param failure as the compartment gave it
 */
export function startFailure(
  tool: string,
  path: string,
  tier: Tier,
  { reason, lacks }: Pick<Extract<Execution, { status: "not_started" }>, "reason" | "lacks">,
): Refusal {
  if (lacks === "folder") {
    return {
      condition: "unavailable",
      error: `${tool} could not be started: ${reason}`,
      remedy:
        "That is no fault of the tool: a person has to see to the folder for state, confinement.state_dir.",
    };
  }
  const remedy = REMEDIES[OS_ERROR.exec(reason)?.[1] ?? ""];
  return {
    condition: "unavailable",
    error: `${tool} could not be started: ${reason}`,
    remedy: remedy?.(path, tier) ?? `Check that ${path} is there and can be executed; the log may say more.`,
  };
}
