/**
 * The manifest: the YAML that declares a tool. This file is its schema, with the defaults, and the rules that a
 * schema alone cannot say.
 *
 * @module
 */
import * as z from "zod";
import { hasControls } from "../core/text.ts";
import { TARGET_KINDS } from "../policy/target.ts";
import { checkForm, type DeclaredForm, type Path } from "./manifest_rules.ts";
import { type ParserName, parserNames } from "./parsers/registry.ts";
import { valueSchema } from "./value_schema.ts";

/** Names that the server itself gives a meaning to. */
const RESERVED_TOOLS = ["run_wait", "run_output", "resolver"];
const RESERVED_PARAMETERS = ["target", "extra_args", "timeout_sec", "correlation_id", "mode"];

/**
 * How many helpers, files and capabilities a manifest may name. A compartment is told of at most 256 files, and each
 * program may be up to seven, with the interpreters that it names; of the others it takes fewer still.
 */
const MAX_HELPERS = 32;
const MAX_FORBIDDEN_FILES = 64;
const MAX_CAPABILITIES = 4;

const toolName = z.string().max(64).regex(
  /^[a-z][a-z0-9_]*$/,
  "expected a lower-case letter followed by lower-case letters, digits and underscores",
);
const flagName = z.string().max(64).regex(
  /^(?:--?|\+)[A-Za-z0-9][A-Za-z0-9_.-]*$/,
  "expected a flag such as -p, --rate or +tcp, without its value",
);
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

const parameters = z.record(
  toolName.refine(
    (name) => !RESERVED_PARAMETERS.includes(name),
    "every tool has a parameter of this name already",
  ),
  parameter,
);

const capability = z.enum(["net_raw"]);
const absolutePath = z.string().max(4096).regex(/^\/[^\0\n,]+$/, "expected an absolute path, without commas");

/** One way to use a program that has sub-commands. */
const mode = z.strictObject({
  description: z.string().min(1).max(500),
  first: z.array(argument).default([]).describe(
    "Arguments put after those of the manifest, before all others",
  ),
  target: target.optional().describe("Instead of the manifest's"),
  parameters: parameters.default({}).describe("Beside the manifest's"),
  flags: z.record(flagName, flag).default({}).describe("Beside the manifest's"),
  intrusive: z.boolean().default(false),
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
  parameters: parameters.default({}),
  flags: z.record(flagName, flag).default({}),
  modes: z.record(toolName, mode).default({})
    .describe("For programs with sub-commands: the mode becomes a required parameter"),
  output: z.strictObject({ parser: z.enum(parserNames as [ParserName, ...ParserName[]]) }).optional(),
  limits: limitsSchema.default({}),
  concurrency: concurrencySchema.optional(),
  max_queue: maxQueueSchema.optional(),
  breaker: breakerSchema.default({}),
  success_exit_codes: z.array(z.int().min(0).max(255)).min(1).default([0]),
  target_exit_codes: z.array(z.int().min(1).max(255)).default([])
    .describe("Failures that say something about the target; the circuit breaker does not count them"),
  capabilities: z.array(capability).max(MAX_CAPABILITIES).default([]).describe(
    "Without these the tool is not available",
  ),
  optional_capabilities: z.array(capability).max(MAX_CAPABILITIES).default([])
    .describe("Given where the server has them"),
  forbidden_files: z.array(absolutePath).max(MAX_FORBIDDEN_FILES).default([])
    .describe(
      "Configuration that the program reads and no flag stops: where it is, the tool is not available",
    ),
  helpers: z.array(commandSchema).max(MAX_HELPERS).default([])
    .describe("Other programs that the tool may execute"),
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

/** What a caller may say in one mode, or in a tool without modes. */
export type ManifestForm = Pick<Manifest, "first" | "target" | "parameters" | "flags" | "intrusive">;

/** What a mode comes to, together with what is common to all. */
export function formOf(manifest: ManifestForm, mode: Manifest["modes"][string]): ManifestForm {
  return {
    first: [...manifest.first, ...mode.first],
    target: mode.target ?? manifest.target,
    parameters: { ...manifest.parameters, ...mode.parameters },
    flags: { ...manifest.flags, ...mode.flags },
    intrusive: manifest.intrusive || mode.intrusive,
  };
}

/** Checks every form of use by itself, and that modes add to what is common rather than change it. */
function checkConsistency(manifest: Omit<Manifest, "output">, context: z.RefinementCtx): void {
  const said = new Set<string>();
  const report = (path: Path, message: string) => {
    // What is common to several modes is wrong once.
    const key = JSON.stringify([path, message]);
    if (said.has(key)) return;
    said.add(key);
    context.addIssue({ code: "custom", path: [...path], message });
  };
  const modes = Object.entries(manifest.modes);
  if (modes.length === 0) return checkForm(manifest as DeclaredForm, (path) => path, report);
  for (const [name, mode] of modes) {
    for (const kind of ["parameters", "flags"] as const) {
      for (const key of Object.keys(mode[kind])) {
        if (!Object.hasOwn(manifest[kind], key)) continue;
        report(["modes", name, kind, key], `${key} is declared for all modes already`);
      }
    }
    const common = manifest.first.length;
    const at = (path: Path): Path => {
      const [key, part] = path;
      if (key === "first") {
        return Number(part) < common ? path : ["modes", name, "first", Number(part) - common];
      }
      const own = key === "target"
        ? mode.target !== undefined
        : Object.hasOwn(mode[key as "parameters" | "flags"], String(part));
      return own ? ["modes", name, ...path] : path;
    };
    checkForm(formOf(manifest, mode) as DeclaredForm, at, report);
  }
}
