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
  return plain(z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      tidy(jsonSchema);
      if (brief) delete jsonSchema.description;
    },
  }));
}

/** The same for several schemas by name. What one has of another is a reference to `uriOf` the other's name. */
export function jsonSchemasOf(
  schemas: ReadonlyMap<z.ZodType, string>,
  uriOf: (name: string) => string,
): ReadonlyMap<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [schema, id] of schemas) registry.add(schema, { id });
  const written = z.toJSONSchema(registry, { uri: uriOf, override: ({ jsonSchema }) => tidy(jsonSchema) });
  return new Map(Object.entries(written.schemas).map(([name, schema]) => [name, plain(schema)]));
}

function tidy(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.format !== undefined) delete schema.pattern;
  // Every name in JSON is a string.
  if (Object.entries(schema.propertyNames ?? {}).join() === "type,string") delete schema.propertyNames;
}

function plain({ $schema: _dialect, $id: _id, ...schema }: z.core.JSONSchema.BaseSchema): JsonSchema {
  return schema;
}
