/**
 * Which branch of a failed union a value was meant for.
 *
 * @module
 */
import type * as z from "zod";
import { EXPECTED } from "./describe_issue.ts";

type Issue = z.core.$ZodIssue;

/** What to say of a failed union: what all branches expected together, or the issues of one branch. */
export type UnionVerdict =
  | { readonly expectation: string; readonly values: readonly unknown[] }
  | { readonly issues: readonly Issue[] };

/**
 * Judges a failed union by the issues of its branches (which are not empty).
 *
 * When no branch gets beyond the value itself, all that was expected is said at once. Otherwise one branch is chosen:
 * one that the value's kind fits, then one whose constants it has, then the one that fails deepest, then the one with
 * the fewest issues, then the first.
 */
export function judgeUnion(branches: readonly (readonly Issue[])[]): UnionVerdict {
  const flat = branches.flatMap(flattenBranch);
  const own = flat.map((issues) => issues.find(isOwnExpectation));
  if (flat.every((issues) => issues.every((issue) => issue.path.length === 0)) && own.every(isDefined)) {
    const expectations = own.map((issue) => issue.message.slice(EXPECTED.length));
    return { expectation: joinAlternatives([...new Set(expectations)]), values: own.flatMap(listedValues) };
  }
  const ranked = flat.map((issues) => ({ issues, rank: rankBranch(issues) }));
  const best = ranked.reduce((a, b) => compareRanks(b.rank, a.rank) < 0 ? b : a);
  return { issues: best.issues };
}

/** The values that an issue lists as allowed. */
export function listedValues(issue: Issue): readonly unknown[] {
  if (issue.code === "invalid_value") return issue.values;
  return issue.code === "invalid_union" && issue.inclusive !== false ? issue.options ?? [] : [];
}

/** A branch that is itself a union stands for its own branches. */
function flattenBranch(issues: readonly Issue[]): readonly (readonly Issue[])[] {
  const [only] = issues;
  if (issues.length !== 1 || only?.code !== "invalid_union" || only.path.length > 0) return [issues];
  return only.errors.length === 0 ? [issues] : only.errors.flatMap(flattenBranch);
}

function isDefined<T>(value: T | undefined): value is T {
  return value !== undefined;
}

function isOwnExpectation(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code !== "custom" && issue.message.startsWith(EXPECTED);
}

/** The smaller, the better, entry by entry. */
function rankBranch(issues: readonly Issue[]): readonly number[] {
  const wrongKind = issues.some(({ code, path }) =>
    path.length === 0 && (code === "invalid_type" || code === "invalid_value")
  );
  const wrongConstants = issues.filter((issue) =>
    issue.code === "invalid_value" && issue.values.length === 1
  );
  const depth = Math.max(...issues.map((issue) => issue.path.length));
  return [wrongKind ? 1 : 0, wrongConstants.length, -depth, issues.length];
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const difference = a.map((entry, index) => entry - (b[index] ?? 0)).find((entry) => entry !== 0);
  return difference ?? 0;
}

function joinAlternatives(alternatives: readonly string[]): string {
  return alternatives.length < 3
    ? alternatives.join(" or ")
    : `${alternatives.slice(0, -1).join(", ")} or ${alternatives.at(-1)}`;
}
