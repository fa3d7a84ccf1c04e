/**
 * What stands behind the `?` of a request.
 *
 * @module
 */
import * as z from "zod";
import { newId } from "../core/ids.ts";
import { quote } from "../core/text.ts";
import { checkValue } from "../documents/check_document.ts";
import { refusalProblem } from "./problem.ts";

/** The query, or the answer that it is not one. */
export type QueryReading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly response: Response };

/** The schema of a query, a strict object whose values are made of text. */
export type QuerySchema<T> = z.ZodType<T> & z.ZodObject;

/** What a route takes that has no query. */
export const NO_QUERY = z.strictObject({});

/** A whole number in a query: digits and nothing else. */
export function wholeNumber(least: number, most: number) {
  return z.string().regex(/^[0-9]{1,16}$/, `expected a whole number from ${least} to ${most}`)
    .transform(Number).pipe(z.int().min(least).max(most));
}

/** Checks a request's query; each name may be there once. */
export function readQuery<T>(request: Request, schema: QuerySchema<T>): QueryReading<T> {
  const given = new Map<string, string>();
  for (const [name, value] of new URL(request.url).searchParams) {
    if (given.has(name)) return refused(name, `${quote(name)} is given twice`, "Give it once.");
    given.set(name, value);
  }
  const checked = checkValue(schema, Object.fromEntries(given), "query");
  if (checked.ok) return checked;
  const { path, message } = checked.diagnostics[0]!;
  const names = Object.keys(schema.shape);
  return refused(
    path,
    path === "" ? message : `${path}: ${message}`,
    names.length === 0
      ? "Leave out the question mark and what stands behind it."
      : `What may stand behind the question mark: ${names.join(", ")}.`,
  );
}

function refused(field: string, error: string, remedy: string): { ok: false; response: Response } {
  const refusal = {
    condition: "invalid",
    field: `query.${field}`,
    error: `query: ${error}`,
    remedy,
  } as const;
  return { ok: false, response: refusalProblem(refusal, newId()) };
}
