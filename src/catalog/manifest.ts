/**
 * The manifest: the YAML that declares a tool. This file is its schema, with the defaults, and the rules that a
 * schema alone cannot say.
 *
 * @module
 */
import * as z from "zod";
import { hasControls } from "../core/text.ts";
import { TARGET_KINDS } from "../policy/target.ts";
import { TargetPolicy } from "../policy/target_policy.ts";
import { readJsonValue } from "../policy/value.ts";
import { type ParserName, parserNames } from "./parsers/registry.ts";
import { valueSchema } from "./value_schema.ts";

/** Names that the server itself gives a meaning to. */
const RESERVED_TOOLS = ["run_wait", "run_output"];
const RESERVED_PARAMETERS = ["target", "extra_args", "timeout_sec", "correlation_id", "mode"];

const toolName = z.string().max(64).regex(
  /^[a-z][a-z0-9_]*$/,
  "expected a lower-case letter followed by lower-case letters, digits and underscores",
);
const flagName = z.string().max(64).regex(
  /^--?[A-Za-z0-9][A-Za-z0-9_.-]*$/,
  "expected a flag such as -p or --rate, without its value",
);
/** For values that are no targets. */
const NO_TARGETS = new TargetPolicy([], []);

/** A word that we put into the argument list ourselves. */
const argument = z.string().max(2048).refine(
  (text) => !hasControls(text),
  "expected text without control characters",
);
const template = argument.min(1).regex(
  /^(?:[^{}]|\{(?:target|host|port|address)\})+$/,
  "expected text with {target}, {host}, {port} or {address}",
);

/** What starts the program: a name that is looked for in fixed folders, or an absolute path. */
export const commandSchema = z.string().max(4096).regex(
  /^(?:[A-Za-z0-9][A-Za-z0-9._+-]*|\/[^\0\n,]+)$/,
  "expected a program's name or its absolute path, without commas",
);

const place = z.union([
  z.literal("last"),
  z.strictObject({ flag: flagName, template: template.default("{target}") }),
  z.strictObject({ template }),
]);

const pin = z.union([z.enum(["address", "none"]), z.strictObject({ flag: flagName, template })]);

const target = z.strictObject({
  kinds: z.array(z.enum(TARGET_KINDS)).min(1),
  max_addresses: z.int().min(1).max(1_048_576).default(1),
  place: place.default("last"),
  pin: pin.default("address"),
});

const parameter = valueSchema({
  flag: flagName,
  join: z.boolean().default(false),
  repeat: z.literal(false).default(false),
  required: z.boolean().default(false),
  intrusive: z.boolean().default(false),
  default: z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).optional(),
  description: z.string().max(500).optional(),
});

const flag = z.strictObject({
  value: valueSchema({}).optional(),
  join: z.boolean().default(false),
  repeat: z.boolean().default(false),
  intrusive: z.boolean().default(false),
  description: z.string().max(500).optional(),
});

/** Ceilings on one run. */
export const limitsSchema = z.strictObject({
  timeout_sec: z.number().min(0.1).max(86_400).describe(
    "Seconds; the default and the most a caller may ask for",
  ),
  memory_mb: z.int().min(16).max(1_048_576).describe("Address space of each process, in MiB"),
  cpu_sec: z.int().min(1).max(86_400).describe("Processor time of each process, in seconds"),
  open_files: z.int().min(8).max(1_048_576).describe("Open file descriptors of each process"),
  file_size_mb: z.int().min(0).max(1_048_576).describe("The largest file that may be written, in MiB"),
  processes: z.int().min(1).max(4_194_304).describe("Processes of one run together"),
}).partial();

/** The circuit breaker of one tool; what is absent comes from the configuration's `circuit_breaker`. */
export const breakerSchema = z.strictObject({
  failure_threshold: z.int().min(1).max(1000).describe("Consecutive failures that open the breaker"),
  recovery_timeout_sec: z.number().min(0.1).max(86_400).describe("Seconds until the first probe"),
  success_threshold: z.int().min(1).max(100).describe("Successful probes that close it"),
  timeout_multiplier: z.number().min(1).max(10).describe("How the recovery time grows when a probe fails"),
  max_recovery_timeout_sec: z.number().min(0.1).max(86_400).describe(
    "Seconds; the recovery time grows no further",
  ),
  jitter: z.number().min(0).max(0.5).describe("The fraction by which each recovery time varies"),
}).partial();

/** How many runs of a tool go on at once. */
export const concurrencySchema = z.int().min(1).max(256);

/** How many runs of a tool may wait. */
export const maxQueueSchema = z.int().min(0).max(10_000);

/** The schema of a manifest. */
export const manifestSchema = z.strictObject({
  name: toolName.refine(
    (name) => !RESERVED_TOOLS.includes(name),
    "the server has a tool of this name itself",
  ),
  title: z.string().min(1).max(100),
  description: z.string().min(1).max(4000),
  command: commandSchema,
  package: z.string().max(100).optional().describe(
    "The package that holds the program, for the remedy when it is missing",
  ),
  first: z.array(argument).default([]).describe("Arguments put before everything else"),
  target: target.default({ kinds: ["none"], max_addresses: 1, place: "last", pin: "none" }),
  parameters: z.record(
    toolName.refine(
      (name) => !RESERVED_PARAMETERS.includes(name),
      "every tool has a parameter of this name already",
    ),
    parameter,
  ).default({}),
  flags: z.record(flagName, flag).default({}),
  output: z.strictObject({ parser: z.enum(parserNames as [ParserName, ...ParserName[]]) }).optional(),
  limits: limitsSchema.default({}),
  concurrency: concurrencySchema.optional(),
  max_queue: maxQueueSchema.optional(),
  breaker: breakerSchema.default({}),
  success_exit_codes: z.array(z.int().min(0).max(255)).min(1).default([0]),
  target_exit_codes: z.array(z.int().min(1).max(255)).default([])
    .describe("Failures that say something about the target; the circuit breaker does not count them"),
  capabilities: z.array(z.enum(["net_raw"])).default([]),
  helpers: z.array(commandSchema).default([]).describe("Other programs that the tool may execute"),
  intrusive: z.boolean().default(false),
  annotations: z.strictObject({
    read_only: z.boolean(),
    destructive: z.boolean(),
    idempotent: z.boolean(),
    open_world: z.boolean(),
  }).partial().default({}),
}).superRefine(checkConsistency);

/** A manifest as it was parsed, defaults filled in. */
export type Manifest = z.output<typeof manifestSchema>;

/** What can only be seen by looking at several keys together. */
function checkConsistency(manifest: {
  first: string[];
  target: z.output<typeof target>;
  parameters: Record<string, z.output<typeof parameter>>;
  flags: Record<string, z.output<typeof flag>>;
}, context: z.RefinementCtx): void {
  const report = (path: (string | number)[], message: string) =>
    context.addIssue({ code: "custom", path, message });
  const owners = new Map<string, string>();
  const { place, pin, kinds } = manifest.target;
  // A caller who may repeat the flag that carries the target could aim elsewhere.
  if (typeof place === "object" && "flag" in place) owners.set(place.flag, "the target's place");
  if (typeof pin === "object") owners.set(pin.flag, "the target's pin");
  for (const [name, spec] of Object.entries(manifest.parameters)) {
    const owner = owners.get(spec.flag);
    if (owner !== undefined) report(["parameters", name, "flag"], `${spec.flag} belongs to ${owner} already`);
    owners.set(spec.flag, `parameter ${name}`);
    if ("min" in spec && spec.min > spec.max) report(["parameters", name, "min"], "min is greater than max");
    if (spec.join && spec.type === "boolean") {
      report(["parameters", name, "join"], "a flag without a value has nothing to join");
    }
    if (spec.required && spec.default !== undefined) {
      report(["parameters", name, "default"], "a required parameter has no default");
    }
    // Which targets are allowed is the configuration's to say, and not known here.
    if (spec.default !== undefined && spec.type !== "target") {
      const reading = readJsonValue(spec.default, spec, NO_TARGETS);
      if (!reading.ok) report(["parameters", name, "default"], `expected ${reading.expected}`);
    }
  }
  for (const [name, spec] of Object.entries(manifest.flags)) {
    const owner = owners.get(name);
    if (owner !== undefined) report(["flags", name], `${name} belongs to ${owner} already`);
    owners.set(name, "the flags");
    if (spec.value !== undefined && "min" in spec.value && spec.value.min > spec.value.max) {
      report(["flags", name, "value", "min"], "min is greater than max");
    }
    if (spec.join && (spec.value === undefined || spec.value.type === "boolean")) {
      report(["flags", name, "join"], "a flag without a value has nothing to join");
    }
  }
  if (kinds.some((kind) => kind === "cidr") && manifest.target.max_addresses === 1) {
    report(["target"], "kind cidr needs max_addresses: the most addresses that one run may reach");
  }
  for (const [index, word] of manifest.first.entries()) {
    if (owners.has(word)) {
      report(["first", index], `${word} is in the grammar too; a caller must not repeat it`);
    }
  }
  const portless = kinds.filter((kind) => kind !== "none" && kind !== "url" && kind !== "host_port");
  for (const [key, part] of [["place", place], ["pin", pin]] as const) {
    if (typeof part === "object" && part.template.includes("{port}") && portless.length > 0) {
      report(["target", key, "template"], `{port} has no meaning for kind ${portless.join(", ")}`);
    }
    if (typeof part === "object" && part.template.startsWith("-") && !("flag" in part)) {
      report(["target", key, "template"], "an argument made of the target must not begin with '-'");
    }
  }
}
