import { AjvJsonSchemaValidator } from "../../src/mcp/sdk_v1.ts";
import type { JsonSchema } from "../../src/policy/value.ts";

const validator = new AjvJsonSchemaValidator();

/** What the validator of MCP's own clients says against `value`, or null when the schema takes it. */
export function schemaMistake(schema: JsonSchema, value: unknown): string | null {
  // Over the wire, what is undefined is absent.
  const wire = value === undefined ? value : JSON.parse(JSON.stringify(value));
  const checked = validator.getValidator(structuredClone(schema) as never)(wire);
  return checked.valid ? null : checked.errorMessage ?? "not valid";
}
