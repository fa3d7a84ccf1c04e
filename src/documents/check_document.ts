/**
 * Checks a document, or a value from elsewhere, against a schema, and says every mistake with its place.
 *
 * @module
 */
import type * as z from "zod";
import { describeIssue, EXPECTED, NO_BRANCH } from "./describe_issue.ts";
import {
  byPosition,
  type Diagnostic,
  type DocumentPath,
  formatDiagnostic,
  formatPath,
} from "./diagnostics.ts";
import { nearest } from "./nearest.ts";
import type { SourceDocument } from "./parse_document.ts";
import { quote } from "../core/text.ts";
import { describeValue } from "./describe_value.ts";
import type { Position } from "./text_positions.ts";
import { judgeUnion, listedValues } from "./union_branch.ts";

/** What a schema made of a value, or everything that is wrong with the value. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/**
 * Checks a document that was read. Each diagnostic is at the offending value; at the key for an unknown or a bad key;
 * at the parent (its key, if it has one) for a missing key. They are sorted by position.
 *
 * Messages of `refine` and `superRefine` are kept as they are. Any other message of a schema that begins with
 * "expected " gets the offending value added.
 */
export function checkDocument<T>(schema: z.ZodType<T>, document: SourceDocument): Checked<T> {
  return check(schema, document.value, document.file, (path, what) => document.locate(path, what));
}

/**
 * Checks a value that is in no document.
 *
 * @param source the name to use for it in diagnostics, such as `BULKHEAD_PORT` or `--port`.
 */
export function checkValue<T>(schema: z.ZodType<T>, value: unknown, source: string): Checked<T> {
  return check(schema, value, source, () => ({ line: null, column: null }));
}

type Locate = (
  path: DocumentPath,
  what: "key" | "value",
) => Position | { readonly line: null; readonly column: null };

/** One mistake, not yet placed. */
interface Finding {
  readonly path: DocumentPath;
  readonly at: "key" | "value";
  readonly message: string;
}

function check<T>(schema: z.ZodType<T>, value: unknown, file: string, locate: Locate): Checked<T> {
  const result = schema.safeParse(value, { error: describeIssue });
  if (result.success) return { ok: true, value: result.data };
  const diagnostics = explainAll(result.error.issues, [], value)
    .map(({ path, at, message }): Diagnostic => ({
      file,
      ...locate(path, at),
      path: formatPath(path),
      message,
    }));
  // Several checks of one schema may fail for the same reason, and then say the same.
  const distinct = new Map(diagnostics.map((diagnostic) => [formatDiagnostic(diagnostic), diagnostic]));
  return { ok: false, diagnostics: [...distinct.values()].sort(byPosition) };
}

/** @param parent the path that the paths of the issues begin at; @param root the value that was checked. */
function explainAll(issues: readonly z.core.$ZodIssue[], parent: DocumentPath, root: unknown): Finding[] {
  return issues.flatMap((issue) => explain(issue, [...parent, ...issue.path.map(toStep)], root));
}

function toStep(step: PropertyKey): string | number {
  return typeof step === "number" ? step : String(step);
}

function explain(issue: z.core.$ZodIssue, path: DocumentPath, root: unknown): Finding[] {
  if (issue.code === "unrecognized_keys") return explainUnknownKeys(issue, path);
  const present = isPresent(root, path);
  if (issue.code === "custom") return [{ path, at: present ? "value" : "key", message: issue.message }];
  if (!present) return [{ path, at: "key", message: `missing key ${quote(String(path.at(-1)))}` }];
  if (issue.code === "invalid_key") {
    const [reason] = issue.issues;
    return [{ path, at: "key", message: `bad key ${quote(String(path.at(-1)))}: ${reason?.message}` }];
  }

  const value = valueAt(root, path);
  if (issue.code === "invalid_union" && issue.errors.length > 0 && issue.message === NO_BRANCH) {
    const verdict = judgeUnion(issue.errors);
    if ("issues" in verdict) return explainAll(verdict.issues, path, root);
    return [{ path, at: "value", message: contrast(EXPECTED + verdict.expectation, value, verdict.values) }];
  }
  // Of a list whose length is wrong, its kind says nothing.
  const given = Array.isArray(value) && (issue.code === "too_small" || issue.code === "too_big")
    ? countItems(value.length)
    : undefined;
  return [{ path, at: "value", message: contrast(issue.message, value, listedValues(issue), given) }];
}

/** One finding for each key, since the message has a line for each, unless the schema gave a message of its own. */
function explainUnknownKeys(issue: z.core.$ZodIssueUnrecognizedKeys, path: DocumentPath): Finding[] {
  const lines = issue.message.split("\n");
  return issue.keys.map((key, index) => ({
    path: [...path, key],
    at: "key",
    message: lines[index] ?? issue.message,
  }));
}

/** Adds to what was expected what was there, and which of the allowed values it is near to. */
function contrast(
  message: string,
  value: unknown,
  allowed: readonly unknown[],
  given = describeValue(value),
): string {
  if (!message.startsWith(EXPECTED)) return message;
  const words = allowed.filter((candidate) => typeof candidate === "string");
  const suggestion = typeof value === "string" ? nearest(value, words) : null;
  const hint = suggestion === null ? "" : `; did you mean ${quote(suggestion)}?`;
  return `${message}, got ${given}${hint}`;
}

function countItems(count: number): string {
  return count === 1 ? "1 item" : `${count} items`;
}

/** Whether the path leads to a value. Of a path that ends at a list item, it does: lists have no missing keys. */
function isPresent(root: unknown, path: DocumentPath): boolean {
  const last = path.at(-1);
  if (typeof last !== "string") return true;
  const parent = valueAt(root, path.slice(0, -1));
  return typeof parent === "object" && parent !== null && Object.hasOwn(parent, last);
}

function valueAt(root: unknown, path: DocumentPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
