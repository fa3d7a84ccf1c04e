/**
 * The environment variables that set configuration keys: the names of the system that came before this one.
 *
 * @module
 */

/** How a variable's text becomes a value. */
type Kind = "text" | "number" | "boolean" | "list";

/** One variable and the key that it sets. */
export interface EnvironmentVariable {
  readonly name: string;
  readonly path: readonly [section: string, key: string];
  readonly kind: Kind;
}

/** All of them. No secret is ever taken from the environment. */
export const ENVIRONMENT: readonly EnvironmentVariable[] = [
  variable("MCP_SERVER_TRANSPORT", "server", "transport", "text"),
  variable("MCP_SERVER_HOST", "server", "host", "text"),
  variable("MCP_SERVER_PORT", "server", "port", "number"),
  variable("MCP_SERVER_SHUTDOWN_GRACE_PERIOD", "server", "shutdown_grace_period_sec", "number"),
  variable("MCP_MAX_ARGS_LEN", "security", "max_args_length", "number"),
  variable("MCP_MAX_STDOUT_BYTES", "security", "max_stdout_bytes", "number"),
  variable("MCP_MAX_STDERR_BYTES", "security", "max_stderr_bytes", "number"),
  variable("MCP_SECURITY_ALLOW_INTRUSIVE", "security", "allow_intrusive", "boolean"),
  variable("MCP_DEFAULT_TIMEOUT_SEC", "tools", "default_timeout_sec", "number"),
  variable("MCP_DEFAULT_CONCURRENCY", "tools", "default_concurrency", "number"),
  variable("TOOL_INCLUDE", "tools", "include", "list"),
  variable("TOOL_EXCLUDE", "tools", "exclude", "list"),
  variable("MCP_CIRCUIT_BREAKER_FAILURE_THRESHOLD", "circuit_breaker", "failure_threshold", "number"),
  variable("MCP_CIRCUIT_BREAKER_RECOVERY_TIMEOUT", "circuit_breaker", "recovery_timeout_sec", "number"),
  variable("MCP_HEALTH_CHECK_INTERVAL", "health", "check_interval_sec", "number"),
  variable("MCP_MAX_MEMORY_MB", "limits", "memory_mb", "number"),
  variable("MCP_MAX_FILE_DESCRIPTORS", "limits", "open_files", "number"),
  variable("LOG_LEVEL", "logging", "level", "text"),
  variable("LOG_FORMAT", "logging", "format", "text"),
];

/** Variables that say where the configuration file and the state folder are. */
const LOCATION_ENVIRONMENT: readonly string[] = [
  "MCP_CONFIG_FILE",
  "XDG_CONFIG_HOME",
  "XDG_STATE_HOME",
  "HOME",
];

/** Every name that the program reads: what `--allow-env` grants. */
export const ENVIRONMENT_NAMES: readonly string[] = [
  ...ENVIRONMENT.map(({ name }) => name),
  ...LOCATION_ENVIRONMENT,
].sort();

/** The value that a variable's text means; text that is not of its kind stays text, for the schema to refuse. */
export function environmentValue(text: string, kind: Kind): unknown {
  const trimmed = text.trim();
  if (kind === "number") return /^-?[0-9]+(?:\.[0-9]+)?$/.test(trimmed) ? Number(trimmed) : trimmed;
  if (kind === "list") return trimmed.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (kind === "boolean") {
    const word = trimmed.toLowerCase();
    return ["true", "1", "yes", "on"].includes(word) ||
      (["false", "0", "no", "off"].includes(word) ? false : trimmed);
  }
  // The earlier system wrote levels in capitals.
  return trimmed.toLowerCase();
}

function variable(name: string, section: string, key: string, kind: Kind): EnvironmentVariable {
  return { name, path: [section, key], kind };
}
