/**
 * What an execution's end means: the outcome, its error, and whether the circuit breaker counts it.
 *
 * @module
 */
import type { ErrorType } from "../core/refusal.ts";
import type { Outcome } from "../core/result.ts";
import type { Ending } from "../confinement/protocol.ts";
import type { BreakerOutcome } from "../resilience/circuit_breaker.ts";

/** The judgement of one ended run. */
export interface Classification {
  readonly outcome: Outcome;
  readonly error: string | null;
  readonly errorType: ErrorType | null;
  readonly breaker: BreakerOutcome;
  /** The limit that ended the run, as the manifest calls it (`output` is what is kept of it), where it is known. */
  readonly limit?: ReachedLimit;
}

/** A limit, other than the time-out, that is known to have ended a run. */
export type ReachedLimit = "cpu_sec" | "file_size_mb" | "output";

/** The part of a plan and its tool that the judgement depends on. */
export interface ClassificationRules {
  readonly toolName: string;
  readonly successExitCodes: readonly number[];
  /** Failures that are about the target: one host that is down must not take the tool from all others. */
  readonly targetExitCodes: readonly number[];
  readonly timeoutMs: number;
  /** A deadline that the caller made shorter says nothing about the tool's health. */
  readonly callerShortened: boolean;
  /** The address space that each process had, in MiB; null when it was not limited. */
  readonly memoryMb: number | null;
}

/** The signals, and the exit code of the dynamic loader (ld.so(8)), by which programs end that are out of memory too. */
const OUT_OF_MEMORY: readonly (string | number | null)[] = ["SIGSEGV", "SIGBUS", "SIGABRT", "SIGKILL", 127];

/** The signals by which the kernel says that a ceiling was reached; setrlimit(2). */
const CEILING_SIGNALS: Readonly<Record<string, { readonly limit: ReachedLimit; readonly hint: string }>> = {
  SIGXCPU: { limit: "cpu_sec", hint: ": it used up its processor time, limits.cpu_sec" },
  SIGXFSZ: { limit: "file_size_mb", hint: ": it wrote a larger file than limits.file_size_mb allows" },
};

/** Judges an ending. Every way to end has exactly one outcome (D10). */
export function classify(ending: Ending, rules: ClassificationRules): Classification {
  const { toolName } = rules;
  switch (ending.cause) {
    case "timeout":
      return {
        outcome: "timeout",
        error: `${toolName} was stopped after its time-out of ${rules.timeoutMs / 1000} s`,
        errorType: "timeout",
        breaker: rules.callerShortened ? "excluded" : "failure",
      };
    case "cancelled":
      return {
        outcome: "cancelled",
        error: `${toolName} was cancelled`,
        errorType: "cancelled",
        breaker: "excluded",
      };
    case "flood":
      return {
        outcome: "killed",
        error: `${toolName} was stopped because it wrote more than is kept`,
        errorType: "resource_exhausted",
        breaker: "failure",
        limit: "output",
      };
    case null:
      break;
  }
  if (ending.code === null) {
    const ceiling = CEILING_SIGNALS[ending.signal ?? ""];
    return {
      outcome: "killed",
      error: `${toolName} was ended by ${ending.signal}${ceiling?.hint ?? ""}${
        memoryHint(ending.signal, rules)
      }`,
      errorType: "resource_exhausted",
      breaker: "failure",
      ...(ceiling !== undefined && { limit: ceiling.limit }),
    };
  }
  if (rules.successExitCodes.includes(ending.code)) {
    return { outcome: "success", error: null, errorType: null, breaker: "success" };
  }
  return {
    outcome: "failure",
    error: `${toolName} ended with exit code ${ending.code}${memoryHint(ending.code, rules)}`,
    errorType: "execution_error",
    breaker: rules.targetExitCodes.includes(ending.code) ? "excluded" : "failure",
  };
}

function memoryHint(how: string | number | null, { memoryMb }: ClassificationRules): string {
  return memoryMb !== null && OUT_OF_MEMORY.includes(how)
    ? `; if that was for want of memory, raise limits.memory_mb (now ${memoryMb})`
    : "";
}
