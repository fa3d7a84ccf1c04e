/**
 * The JSON Schema of a call's arguments, with the words that a model goes by.
 *
 * @module
 */
import { NO_MODE, targetNeed, type Tool, type ToolForm } from "../catalog/tool.ts";
import { CORRELATION_ID_PATTERN } from "../core/ids.ts";
import type { ParameterSpec } from "../policy/flags.ts";
import { describeKinds, MAX_TARGET_LENGTH } from "../policy/target.ts";
import type { TargetPolicy } from "../policy/target_policy.ts";
import { describeValue, type JsonSchema, valueJsonSchema } from "../policy/value.ts";
import { beyondSchema, valueShape } from "../policy/value_words.ts";

/** The JSON Schema of a call's arguments: the tool's own parameters beside the ones that every tool has. */
export function inputSchema(tool: Tool, policy: TargetPolicy): JsonSchema {
  const forms = [...tool.forms];
  const needs = forms.map(([, form]) => targetNeed(form));
  const names = [...new Set(forms.flatMap(([, { grammar }]) => [...grammar.parameters.keys()]))];
  const isRequired = (name: string) =>
    forms.every(([, { grammar }]) => grammar.parameters.get(name)?.required === true);
  const hasModes = !tool.forms.has(NO_MODE);
  return {
    type: "object",
    properties: {
      ...(hasModes && { mode: modeProperty(tool) }),
      ...(needs.some((need) => need !== "none") && { target: targetProperty(tool, policy) }),
      ...Object.fromEntries(names.map((name) => [name, parameterProperty(tool, name)])),
      extra_args: { type: "string", default: "", description: extraArgsDescription(tool) },
      timeout_sec: {
        type: "number",
        minimum: 0.1,
        maximum: tool.timeoutSec,
        default: tool.timeoutSec,
        description: "Seconds after which the run is stopped; what it wrote until then is kept",
      },
      correlation_id: {
        type: "string",
        pattern: CORRELATION_ID_PATTERN,
        description: "Your own id for the run, for the log",
      },
    },
    required: [
      ...(hasModes ? ["mode"] : []),
      ...(needs.every((need) => need === "required") ? ["target"] : []),
      ...names.filter(isRequired),
    ],
    additionalProperties: false,
  };
}

function modeProperty(tool: Tool): JsonSchema {
  const modes = Object.entries(tool.manifest.modes);
  const lines = modes.map(([name, mode]) =>
    `${name}: ${mode.description}${mode.intrusive ? " (intrusive: needs leave)" : ""}`
  );
  return { type: "string", enum: modes.map(([name]) => name), description: lines.join(". ") };
}

function targetProperty(tool: Tool, policy: TargetPolicy): JsonSchema {
  const kinds = byMode(tool, (form) => targetNeed(form) === "none" ? null : describeKinds(form.target.kinds));
  return {
    type: "string",
    minLength: 1,
    maxLength: MAX_TARGET_LENGTH,
    description: `${capital(kinds)}; allowed: ${policy.describe()}`,
  };
}

/** One parameter; where modes declare it differently, either way. */
function parameterProperty(tool: Tool, name: string): JsonSchema {
  const specs = [...tool.forms.values()].flatMap(({ grammar }) => grammar.parameters.get(name) ?? []);
  const schemas = distinct(specs.map(({ value }) => valueJsonSchema(value)));
  const defaults = distinct(specs.map((spec) => spec.default));
  // What only some modes take must not be in the schema's own words: a client would fill it in for the others too.
  const inAll = specs.length === tool.forms.size;
  const isRequired = inAll && specs.every(({ required }) => required);
  const fallback = inAll && defaults.length === 1 ? defaults[0] : undefined;
  const description = byMode(tool, ({ grammar }) => {
    const spec = grammar.parameters.get(name);
    if (spec === undefined) return null;
    const words = describeParameter(spec, schemas.length > 1);
    const required = spec.required && !isRequired ? "; required" : "";
    const value = spec.default === undefined || fallback !== undefined ? "" : `; default ${spec.default}`;
    return `${words}${required}${value}${spec.intrusive ? ". Intrusive: needs leave" : ""}`;
  });
  return {
    ...(schemas.length === 1 ? schemas[0] : { anyOf: schemas }),
    description,
    ...(fallback !== undefined && { default: fallback }),
  };
}

/** @param alone whether the schema does not tell which bounds are meant */
function describeParameter({ description, value }: ParameterSpec, alone: boolean): string {
  if (description === undefined) return describeValue(value);
  const more = alone && value.type !== "pattern" ? describeValue(value) : beyondSchema(value);
  return more === null ? description : `${description} (${more})`;
}

function extraArgsDescription(tool: Tool): string {
  const flags = byMode(
    tool,
    ({ grammar }) =>
      grammar.flags.size === 0 ? null : [...grammar.flags].map(([flag, spec]) => {
        const shape = spec.value === undefined ? "" : ` <${valueShape(spec.value)}>`;
        const about = [spec.description, spec.intrusive ? "intrusive: needs leave" : undefined].filter(
          Boolean,
        )
          .join("; ");
        return `${flag}${shape}${about === "" ? "" : `: ${about}`}`;
      }).join(". "),
  );
  if (flags === "") return "This tool takes no further flags";
  return `Further flags in one line, nothing else is taken. ${capital(flags)}`;
}

/** What is said of each mode: once where all say the same, with the names of the modes where they differ. */
function byMode(tool: Tool, say: (form: ToolForm) => string | null): string {
  const modes = new Map<string, string[]>();
  for (const [mode, form] of tool.forms) {
    const text = say(form);
    if (text !== null) modes.set(text, [...modes.get(text) ?? [], mode]);
  }
  const [only, ...others] = modes;
  if (only === undefined) return "";
  if (others.length === 0 && only[1].length === tool.forms.size) return only[0];
  return [...modes].map(([text, names]) => `mode ${names.join(" or ")}: ${text}`).join("; ");
}

function distinct<T>(items: readonly T[]): T[] {
  return [...new Map(items.map((item) => [JSON.stringify(item), item])).values()];
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
