import assert from "node:assert/strict";
import { ENVIRONMENT, ENVIRONMENT_NAMES, environmentValue } from "../../src/config/environment.ts";
import { configSchema } from "../../src/config/schema.ts";
import { stateFolder } from "../../src/config/state_folder.ts";
import { loaded } from "../support/config.ts";

/** Every name of the earlier system, a value for it, and the key that it sets. */
const NAMES: readonly (readonly [string, string, string, string, unknown])[] = [
  ["MCP_SERVER_TRANSPORT", "http", "server", "transport", "http"],
  ["MCP_SERVER_HOST", "::1", "server", "host", "::1"],
  ["MCP_SERVER_PORT", "9000", "server", "port", 9000],
  ["MCP_SERVER_SHUTDOWN_GRACE_PERIOD", "2.5", "server", "shutdown_grace_period_sec", 2.5],
  ["MCP_MAX_ARGS_LEN", "100", "security", "max_args_length", 100],
  ["MCP_MAX_STDOUT_BYTES", "4096", "security", "max_stdout_bytes", 4096],
  ["MCP_MAX_STDERR_BYTES", "2048", "security", "max_stderr_bytes", 2048],
  ["MCP_SECURITY_ALLOW_INTRUSIVE", "true", "security", "allow_intrusive", true],
  ["MCP_DEFAULT_TIMEOUT_SEC", "12", "tools", "default_timeout_sec", 12],
  ["MCP_DEFAULT_CONCURRENCY", "3", "tools", "default_concurrency", 3],
  ["TOOL_INCLUDE", "nmap, curl", "tools", "include", ["nmap", "curl"]],
  ["TOOL_EXCLUDE", "openssl", "tools", "exclude", ["openssl"]],
  ["MCP_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "7", "circuit_breaker", "failure_threshold", 7],
  ["MCP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT", "90", "circuit_breaker", "recovery_timeout_sec", 90],
  ["MCP_HEALTH_CHECK_INTERVAL", "60", "health", "check_interval_sec", 60],
  ["MCP_MAX_MEMORY_MB", "128", "limits", "memory_mb", 128],
  ["MCP_MAX_FILE_DESCRIPTORS", "64", "limits", "open_files", 64],
  ["LOG_LEVEL", "DEBUG", "logging", "level", "debug"],
  ["LOG_FORMAT", "JSON", "logging", "format", "json"],
];

for (const [name, text, section, key, value] of NAMES) {
  Deno.test(`environment: ${name} sets ${section}.${key}`, () => {
    const config = loaded({ env: { [name]: text } }) as unknown as Record<string, Record<string, unknown>>;
    assert.deepEqual(config[section]![key], value);
  });
}

Deno.test("environment: the table has these names and no other, each for a key that exists", () => {
  assert.deepEqual(ENVIRONMENT.map(({ name }) => name).sort(), NAMES.map(([name]) => name).sort());
  const shape = configSchema.shape as unknown as Record<string, { unwrap(): { shape: object } }>;
  for (const { path: [section, key] } of ENVIRONMENT) {
    assert(key in shape[section]!.unwrap().shape, `${section}.${key}`);
  }
});

Deno.test("environment: --allow-env names every variable that is read, and no secret's", () => {
  const asked = new Set<string>();
  const env = new Proxy<Record<string, string>>({}, {
    get: (_, name) => {
      asked.add(String(name));
      return undefined;
    },
  });
  stateFolder(loaded({ env }), { env: (name) => env[name] });
  assert.deepEqual([...asked].sort(), [...ENVIRONMENT_NAMES]);
  assert.deepEqual(ENVIRONMENT_NAMES.filter((name) => /TOKEN|SECRET|PASSWORD|KEY/.test(name)), []);
});

for (
  const [text, kind, value] of [
    ["8080", "number", 8080],
    [" -1.5 ", "number", -1.5],
    ["1e3", "number", "1e3"],
    ["0x10", "number", "0x10"],
    ["Infinity", "number", "Infinity"],
    ["", "number", ""],
    ["true", "boolean", true],
    ["YES", "boolean", true],
    ["1", "boolean", true],
    ["on", "boolean", true],
    ["False", "boolean", false],
    ["off", "boolean", false],
    ["0", "boolean", false],
    ["maybe", "boolean", "maybe"],
    ["a, b,,c ", "list", ["a", "b", "c"]],
    [",", "list", []],
    [" Info ", "text", "info"],
  ] as const
) {
  Deno.test(`environment: ${JSON.stringify(text)} as ${kind} is ${JSON.stringify(value)}`, () => {
    assert.deepEqual(environmentValue(text, kind), value);
  });
}
