/**
 * Values in few words, for whoever has the JSON Schema beside them, or a list of flags before them.
 *
 * @module
 */
import { describeValue, type ValueSpec } from "./value.ts";

/** What the JSON Schema of a value does not say; null where it says all. */
export function beyondSchema(spec: ValueSpec): string | null {
  switch (spec.type) {
    case "boolean":
    case "pattern":
      return null;
    case "integer":
    case "number":
      return spec.intrusive_above === undefined ? null : `above ${spec.intrusive_above} needs leave`;
    case "enum":
    case "list": {
      const intrusive = spec.intrusive_values ?? [];
      return intrusive.length === 0 ? null : `need leave: ${intrusive.join(", ")}`;
    }
    case "port_list":
      return `at most ${spec.max_ranges} ranges`;
    case "duration":
    case "file":
    case "target":
      return describeValue(spec);
  }
}

/** What stands behind a flag: `1 to 10`, `text`. Of a pattern a refusal tells more, and its description says what fits. */
export function valueShape(spec: ValueSpec): string {
  const leave = beyondSchema(spec);
  switch (spec.type) {
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return `${spec.min} to ${spec.max}${leave === null ? "" : `, ${leave}`}`;
    case "enum":
      return `${[...spec.values, ...spec.intrusive_values ?? []].join(" or ")}${
        leave === null ? "" : ` (${leave})`
      }`;
    case "port_list":
      return `ports such as 22,8000-8100, ${leave}`;
    case "pattern":
      return "text";
    case "list":
    case "duration":
    case "file":
    case "target":
      return describeValue(spec);
  }
}
