/**
 * The configuration: every key, its range and its default. Defaults live here and nowhere else, and a key that is
 * here is used: what is not yet used is refused as unknown.
 *
 * @module
 */
import * as z from "zod";
import {
  breakerSchema,
  commandSchema,
  concurrencySchema,
  limitsSchema,
  maxQueueSchema,
} from "../catalog/manifest.ts";
import { hasControls } from "../core/text.ts";
import { parseTargetRule } from "../policy/target_rule.ts";
import { healthSchema } from "./health_schema.ts";

const targetEntry = z.string().superRefine((text, context) => {
  const rule = parseTargetRule(text);
  if (typeof rule === "string") context.addIssue({ code: "custom", message: rule });
});

const bytes = (least: number, most: number) => z.int().min(least).max(most);

/** A path that messages and command lines can carry; in the configuration file, relative to that file. */
const path = z.string().min(1).max(4096).refine(
  (text) => !hasControls(text),
  "expected a path without control characters",
);

/** Tool names and globs: `*` stands for any characters. */
const toolPattern = z.string().regex(
  /^[a-z0-9_*]{1,64}$/,
  "expected a tool's name, in which * stands for anything",
);

const override = z.strictObject({
  command: commandSchema.regex(/^\//, "expected an absolute path"),
  limits: limitsSchema,
  concurrency: concurrencySchema,
  max_queue: maxQueueSchema,
  breaker: breakerSchema,
}).partial();

const server = z.strictObject({
  transport: z.enum(["stdio", "http"]).default("stdio"),
  host: z.string().min(1).max(253).default("127.0.0.1").describe("The address to listen on"),
  port: z.int().min(0).max(65535).default(8080).describe("0 takes a free port"),
  shutdown_grace_period_sec: z.number().min(0).max(3600).default(30)
    .describe("Seconds that running tools get to finish when the server stops"),
  max_connections: z.int().min(1).max(100_000).default(256).describe("Connections at once"),
  max_body_bytes: bytes(1024, 67_108_864).default(1_048_576),
  allowed_hosts: z.array(z.string().min(1)).default([])
    .describe("Host header values accepted beside the listener's own"),
  allowed_origins: z.array(z.string().min(1)).default([]).describe("Origin header values accepted"),
});

const security = z.strictObject({
  allowed_targets: z.array(targetEntry).default(["RFC1918", ".lab.internal"]),
  denied_targets: z.array(targetEntry).default([]).describe("These win over allowed_targets"),
  allow_intrusive: z.boolean().default(false),
  confirm_intrusive: z.boolean().default(true).describe("Ask the human before each intrusive run"),
  max_args_length: z.int().min(0).max(65_536).default(2048).describe("Bytes of extra_args"),
  max_stdout_bytes: bytes(1024, 268_435_456).default(1_048_576).describe(
    "Bytes kept of a run's standard output",
  ),
  max_stderr_bytes: bytes(1024, 268_435_456).default(262_144).describe(
    "Bytes kept of a run's standard error",
  ),
});

const tools = z.strictObject({
  include: z.array(toolPattern).default(["*"]),
  exclude: z.array(toolPattern).default([]).describe("These win over include"),
  dirs: z.array(z.string().min(1)).default([]).describe("Folders with manifests of your own"),
  default_timeout_sec: z.number().min(0.1).max(86_400).default(300),
  default_concurrency: concurrencySchema.default(2),
  default_max_queue: maxQueueSchema.default(16),
  max_concurrency: z.int().min(1).max(1024).default(16).describe("Runs at once, all tools together"),
  wordlist_dirs: z.array(z.string().min(1)).max(64).default([])
    .describe("Folders whose files tools may be told to read, such as word lists"),
  overrides: z.record(z.string(), override).default({}).describe(
    "A part of a tool's manifest, by the tool's name",
  ),
});

const circuitBreaker = z.strictObject({
  failure_threshold: breakerSchema.shape.failure_threshold.unwrap().default(5),
  recovery_timeout_sec: breakerSchema.shape.recovery_timeout_sec.unwrap().default(60),
  success_threshold: breakerSchema.shape.success_threshold.unwrap().default(1),
  timeout_multiplier: breakerSchema.shape.timeout_multiplier.unwrap().default(1.5),
  max_recovery_timeout_sec: breakerSchema.shape.max_recovery_timeout_sec.unwrap().default(300),
  jitter: breakerSchema.shape.jitter.unwrap().default(0.1),
});

const rateLimit = z.strictObject({
  enabled: z.boolean().default(false).describe("Whether runs are limited by client and tool"),
  per_second: z.number().min(0.01).max(1000).default(5).describe(
    "Runs of one tool that one client may begin each second, on average",
  ),
  burst: z.int().min(1).max(10_000).default(20).describe("Runs that it may begin at once after a rest"),
});

/** What a run gets where its tool's manifest is silent. */
const limits = z.strictObject({
  memory_mb: limitsSchema.shape.memory_mb.unwrap().default(512),
  cpu_sec: limitsSchema.shape.cpu_sec.describe(
    "Processor time of each process, in seconds; where absent, it follows from the time-out",
  ),
  open_files: limitsSchema.shape.open_files.unwrap().default(256),
  file_size_mb: limitsSchema.shape.file_size_mb.unwrap().default(64),
  processes: limitsSchema.shape.processes.describe(
    "Processes of one run together; where absent, they are not counted",
  ),
});

const confinement = z.strictObject({
  tier: z.enum(["auto", "kernel", "basic"]).default("auto").describe(
    "auto takes the strongest that there is; kernel stops the start where it cannot be had",
  ),
  state_dir: path.optional().describe("Where state is kept; $XDG_STATE_HOME/bulkhead where absent"),
  kill_grace_sec: z.number().min(0).max(60).default(1).describe("Seconds between SIGTERM and SIGKILL"),
  on_flood: z.enum(["drain", "kill"]).default("drain").describe("What to do when a stream's cap is reached"),
});

/** What is kept of runs that have ended. */
const runs = z.strictObject({
  keep: z.int().min(0).max(100_000).default(200).describe("Runs that are kept"),
  max_bytes: bytes(0, 17_179_869_184).default(67_108_864).describe(
    "Bytes that they may take together: output, and what is known of each",
  ),
  store: z.enum(["memory", "folder"]).default("memory").describe(
    "folder: below confinement.state_dir, where they outlast the server",
  ),
});

const metrics = z.strictObject({
  enabled: z.boolean().default(true).describe("Whether the server counts, and answers for its counts"),
});

const logging = z.strictObject({
  level: z.enum(["debug", "info", "warning", "error"]).default("info"),
  format: z.enum(["auto", "pretty", "json"]).default("auto").describe(
    "auto: pretty on a terminal, json otherwise",
  ),
  file: path.optional().describe("A file that log lines go to as well"),
  max_file_bytes: bytes(1024, 1_073_741_824).default(10_485_760).describe(
    "When the file is as long as this, a new one is begun",
  ),
  backup_count: z.int().min(0).max(100).default(5).describe("Earlier log files that are kept"),
});

/** How a line of a file of tokens begins: someone who writes one in place of the file's path shows a secret. */
const TOKEN_LINE = /^\s*\S+\s+(?:read|execute|admin)(?:\s*,\s*(?:read|execute|admin))*\s+\S/;

// What stands here may be a token by mistake. Messages that do not begin with "expected" do not show the value.
const tokensFile = z.string({ error: "must be the path of a file; the value is not shown" })
  .refine(
    (text) => path.safeParse(text).success && !TOKEN_LINE.test(text),
    "must be the path of a file that holds the tokens, never a token itself; the value is not shown",
  );

const auth = z.strictObject({
  tokens_file: tokensFile.optional().describe(
    "A file, mode 0600, of lines NAME SCOPE[,SCOPE] TOKEN; scopes are read, execute and admin",
  ),
}, {
  error: (issue) =>
    issue.code === "invalid_type" ? "must be a mapping with tokens_file; the value is not shown" : undefined,
});

const mcp = z.strictObject({
  max_text_bytes: bytes(1024, 1_048_576).default(16_384).describe(
    "Bytes of program output shown in one answer",
  ),
  max_sessions: z.int().min(1).max(10_000).default(64),
  session_idle_sec: z.number().min(1).max(86_400).default(1800),
});

/** The schema of the whole configuration. An empty object is a configuration. */
export const configSchema = z.strictObject({
  server: server.prefault({}),
  security: security.prefault({}),
  tools: tools.prefault({}),
  circuit_breaker: circuitBreaker.prefault({}),
  rate_limit: rateLimit.prefault({}),
  limits: limits.prefault({}),
  confinement: confinement.prefault({}),
  runs: runs.prefault({}),
  health: healthSchema.prefault({}),
  metrics: metrics.prefault({}),
  logging: logging.prefault({}),
  auth: auth.prefault({}),
  mcp: mcp.prefault({}),
});

/** The effective configuration. */
export type Config = z.output<typeof configSchema>;
