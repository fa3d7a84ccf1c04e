/**
 * Schemas as others read them: JSON Schema from zod's, without what only zod has to say.
 *
 * @module
 */
import * as z from "zod";

/** A JSON Schema (2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** How a schema is written. */
export interface JsonSchemaOptions {
  /** Leaves descriptions out: where a model pays for each word. */
  readonly brief?: boolean;
}

/**
 * What `schema` describes, as JSON Schema: of what comes out of it. The dialect is left out, as are bounds of integers
 * that nobody chose and the pattern of a format that is well known.
 */
export function jsonSchemaOf(schema: z.ZodType, { brief = false }: JsonSchemaOptions = {}): JsonSchema {
  const { $schema: _, ...plain } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      if (brief) delete jsonSchema.description;
    },
  });
  return plain;
}
