import assert from "node:assert/strict";
import type * as z from "zod";
import { checkDocument } from "../../src/documents/check_document.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { parseDocument, type SourceDocument } from "../../src/documents/parse_document.ts";

/** Reads a document that must be readable. */
export function read(text: string): SourceDocument {
  const parsed = parseDocument(text, "f.yaml");
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.diagnostics.map(formatDiagnostic).join("\n"));
  return parsed;
}

/** The printed diagnostics of a document that must not be readable. */
export function refusals(text: string): string[] {
  const parsed = parseDocument(text, "f.yaml");
  assert.ok(!parsed.ok, `was read: ${text.slice(0, 200)}`);
  return parsed.diagnostics.map(formatDiagnostic);
}

/** The printed diagnostics of a readable document under a schema, without the file name; empty when it fits. */
export function mistakes(schema: z.ZodType, text: string): string[] {
  const checked = checkDocument(schema, read(text));
  return checked.ok
    ? []
    : checked.diagnostics.map((diagnostic) => formatDiagnostic(diagnostic).replace("f.yaml:", ""));
}

/** JSON without the characters that YAML allows only as escapes. */
export function toJson(value: unknown, space?: string | number): string {
  return JSON.stringify(value, null, space).replace(
    /[\x7f-\x9f\uFFFE\uFFFF]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Whether a key that documents may not have is anywhere in a value. */
export function hasPrototypeKey(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, child]) =>
    ["__proto__", "constructor", "prototype"].includes(key) || hasPrototypeKey(child)
  );
}
