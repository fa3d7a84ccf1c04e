import assert from "node:assert/strict";
import * as z from "zod";
import { limitsSchema } from "../../src/catalog/manifest.ts";
import { configSchema } from "../../src/config/schema.ts";
import { mistakes } from "../support/config.ts";

Deno.test("config: the defaults are the contract's", () => {
  assert.deepEqual(configSchema.parse({}), {
    server: {
      transport: "stdio",
      host: "127.0.0.1",
      port: 8080,
      shutdown_grace_period_sec: 30,
      max_connections: 256,
      max_body_bytes: 1_048_576,
      allowed_hosts: [],
      allowed_origins: [],
    },
    security: {
      allowed_targets: ["RFC1918", ".lab.internal"],
      denied_targets: [],
      allow_intrusive: false,
      confirm_intrusive: true,
      max_args_length: 2048,
      max_stdout_bytes: 1_048_576,
      max_stderr_bytes: 262_144,
    },
    tools: {
      include: ["*"],
      exclude: [],
      dirs: [],
      default_timeout_sec: 300,
      default_concurrency: 2,
      default_max_queue: 16,
      max_concurrency: 16,
      wordlist_dirs: [],
      overrides: {},
    },
    circuit_breaker: {
      failure_threshold: 5,
      recovery_timeout_sec: 60,
      success_threshold: 1,
      timeout_multiplier: 1.5,
      max_recovery_timeout_sec: 300,
      jitter: 0.1,
    },
    rate_limit: { enabled: false, per_second: 5, burst: 20 },
    limits: { memory_mb: 512, open_files: 256, file_size_mb: 64 },
    confinement: { tier: "auto", kill_grace_sec: 1, on_flood: "drain" },
    runs: { keep: 200, max_bytes: 67_108_864, store: "memory" },
    health: {
      check_interval_sec: 30,
      cpu_threshold: 80,
      memory_threshold: 80,
      disk_threshold: 80,
      timeout_sec: 10,
      dependencies: [],
      checks: [],
    },
    metrics: { enabled: true },
    logging: { level: "info", format: "auto", max_file_bytes: 10_485_760, backup_count: 5 },
    auth: {},
    mcp: { max_text_bytes: 16_384, max_sessions: 64, session_idle_sec: 1800 },
  });
});

/** Values at the ends of their ranges, and beyond. */
const RANGES: readonly (readonly [string, string, readonly unknown[], readonly unknown[]])[] = [
  ["server", "port", [0, 65535], [-1, 65536, 80.5, "80", null]],
  ["server", "transport", ["stdio", "http"], ["sse", "HTTP", ""]],
  ["server", "shutdown_grace_period_sec", [0, 0.5, 3600], [-1, 3601, Infinity, NaN]],
  ["server", "max_body_bytes", [1024, 67_108_864], [1023, 67_108_865]],
  ["security", "allowed_targets", [[], ["10.0.0.0/8"], ["loopback"]], [["10.0.0.5/8"], ["8.8.8"], "RFC1918", [
    "",
  ]]],
  ["security", "allow_intrusive", [true, false], ["true", 1]],
  ["security", "max_args_length", [0, 65_536], [-1, 65_537]],
  ["tools", "default_timeout_sec", [0.1, 86_400], [0, 86_401]],
  ["tools", "default_concurrency", [1, 256], [0, 257, 1.5]],
  ["tools", "default_max_queue", [0, 10_000], [-1, 10_001]],
  ["tools", "max_concurrency", [1, 1024], [0, 1025]],
  ["tools", "include", [["*"], ["nmap"], ["n*"], []], [["Nmap"], ["n?"], [".*"], ["^a"]]],
  ["circuit_breaker", "failure_threshold", [1, 1000], [0, 1001]],
  ["circuit_breaker", "jitter", [0, 0.5], [-0.1, 0.51]],
  ["rate_limit", "enabled", [true, false], ["true", 1]],
  ["rate_limit", "per_second", [0.01, 5, 1000], [0, -1, 1001, Infinity, "5"]],
  ["rate_limit", "burst", [1, 10_000], [0, 10_001, 1.5]],
  ["limits", "memory_mb", [16, 1_048_576], [15, 1_048_577, 16.5, "512"]],
  ["limits", "cpu_sec", [1, 86_400], [0, 86_401, 0.5, null]],
  ["limits", "open_files", [8, 1_048_576], [7, 1_048_577]],
  ["limits", "file_size_mb", [0, 1_048_576], [-1, 1_048_577]],
  ["limits", "processes", [1, 4_194_304], [0, 4_194_305, null]],
  ["confinement", "tier", ["auto", "kernel", "basic"], ["none", "Kernel", ""]],
  ["confinement", "state_dir", ["/var/lib/b", "state", "../state"], ["", "a\nb", "a\0b", null]],
  ["confinement", "on_flood", ["drain", "kill"], ["ignore"]],
  ["metrics", "enabled", [true, false], ["yes", 0]],
  ["logging", "level", ["debug", "info", "warning", "error"], ["warn", "INFO"]],
  ["logging", "file", ["/var/log/b.log", "b.log"], ["", "a\nb", true]],
  ["logging", "max_file_bytes", [1024, 1_073_741_824], [1023, 1_073_741_825]],
  ["logging", "backup_count", [0, 100], [-1, 101]],
  ["auth", "tokens_file", ["/etc/tokens", "my tokens", "a read/write b"], [
    "",
    "a\nb",
    1,
    null,
    "ci read abc123",
    [
      "/etc/tokens",
    ],
  ]],
  ["mcp", "max_text_bytes", [1024, 1_048_576], [0, 1023]],
];

for (const [section, key, good, bad] of RANGES) {
  Deno.test(`config: ${section}.${key} takes its range and nothing else`, () => {
    const takes = (value: unknown) => configSchema.safeParse({ [section]: { [key]: value } }).success;
    for (const value of good) assert.equal(takes(value), true, JSON.stringify(value));
    for (const value of bad) assert.equal(takes(value), false, JSON.stringify(value));
  });
}

Deno.test("config: limits have the ranges that a manifest's have", () => {
  const { timeout_sec: _, ...manifest } = limitsSchema.shape;
  const limits = configSchema.shape.limits.unwrap().shape;
  assert.deepEqual(Object.keys(limits), Object.keys(manifest));
  const range = (schema: z.ZodType) => {
    const { minimum, maximum, type } = z.toJSONSchema(schema, { io: "input" });
    return { minimum, maximum, type };
  };
  for (const key of Object.keys(manifest) as (keyof typeof manifest)[]) {
    assert.deepEqual(range(limits[key]), range(manifest[key]), key);
    assert.equal(typeof range(limits[key]).maximum, "number");
  }
});

Deno.test("config: a tool's override has a part of the manifest, with an absolute command", () => {
  const takes = (override: object) =>
    configSchema.safeParse({ tools: { overrides: { nmap: override } } }).success;
  assert.equal(takes({}), true);
  assert.equal(takes({ command: "/opt/nmap/bin/nmap", limits: { timeout_sec: 5 }, concurrency: 2 }), true);
  assert.equal(takes({ max_queue: 0, breaker: { failure_threshold: 1 } }), true);
  for (
    const bad of [{ command: "nmap" }, { first: [] }, { flags: {} }, { target: {} }, { intrusive: false }]
  ) {
    assert.equal(takes(bad), false, JSON.stringify(bad));
  }
});

const ALMOST = ["auth: { tokens_file: 31415926535 }", "auth: { tokens_file: [s3cr3t] }", "auth: s3cr3t"];
const TOKEN_LINES = [
  "ci read s3cr3t",
  "ci read,execute s3cr3t",
  "ci read, admin s3cr3t",
  "ci admin  s3cr3t # x",
];

for (
  const text of [
    ...ALMOST,
    ...TOKEN_LINES.map((line) => `auth: { tokens_file: "${line}" }`),
    ...TOKEN_LINES.map((line) => `auth: { tokens_file: ["${line}"] }`),
    ...TOKEN_LINES.map((line) => `auth: "${line}"`),
    "auth:\n  tokens_file: |\n    ci read s3cr3t\n    me admin s3cr3t\n",
    "auth:\n  tokens_file:\n    ci read s3cr3t\n",
    "auth:\n  - ci read s3cr3t\n",
  ]
) {
  Deno.test(`config: a token where its file's path belongs is refused and not shown: ${JSON.stringify(text)}`, () => {
    const lines = mistakes({ file: text });
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^\/etc\/b\.yaml:\d:\d+: auth[a-z_.]*: must be .*; the value is not shown$/);
    assert.doesNotMatch(lines[0]!, /s3cr3t|31415926535/);
  });
}

Deno.test("config: an unknown key of auth is still told with the nearest", () => {
  assert.deepEqual(mistakes({ file: "auth: { token_file: /x }" }), [
    '/etc/b.yaml:1:9: auth.token_file: unknown key "token_file"; did you mean "tokens_file"?',
  ]);
});

Deno.test("config: the schema can be published for editors", () => {
  const schema = z.toJSONSchema(configSchema, { io: "input" });
  assert.deepEqual(Object.keys(schema.properties!), Object.keys(configSchema.shape));
});
