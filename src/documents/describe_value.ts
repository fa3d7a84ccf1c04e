/**
 * Values inside messages.
 *
 * @module
 */
import { redactText } from "../core/redact.ts";
import { quote } from "../core/text.ts";

/** Names a value for a message: scalars as they are (text quoted and cut, secrets taken out), collections by their kind. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return quote(redactText(value));
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a mapping";
  return String(value);
}
