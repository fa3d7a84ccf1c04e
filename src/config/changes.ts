/**
 * Which keys of the configuration can change while the server runs, and what differs between two configurations.
 *
 * @module
 */
import { type ConfigLeaf, configLeaves, schemaLeaves } from "./leaves.ts";
import type { Config } from "./schema.ts";

/** `live`: a reload applies it. `restart`: it is bound when the server starts. */
export type Change = "live" | "restart";

/** Every leaf of the schema; `*` stands for any tool. */
export const CHANGES: Readonly<Record<string, Change>> = {
  // The listener is bound while that is still permitted.
  "server.transport": "restart",
  "server.host": "restart",
  "server.port": "restart",
  "server.shutdown_grace_period_sec": "live",
  "server.max_connections": "live",
  "server.max_body_bytes": "live",
  "server.allowed_hosts": "live",
  "server.allowed_origins": "live",
  "security.allowed_targets": "live",
  "security.denied_targets": "live",
  "security.allow_intrusive": "live",
  "security.confirm_intrusive": "live",
  "security.max_args_length": "live",
  "security.max_stdout_bytes": "live",
  "security.max_stderr_bytes": "live",
  "tools.include": "live",
  "tools.exclude": "live",
  // The scribe may read the folders that it was made with; what is in them may change.
  "tools.dirs": "restart",
  "tools.default_timeout_sec": "live",
  "tools.default_concurrency": "live",
  "tools.default_max_queue": "live",
  "tools.max_concurrency": "live",
  "tools.wordlist_dirs": "restart",
  // A program that may not be run, because it was not named at the start, makes its tool unavailable.
  "tools.overrides.*.command": "live",
  "tools.overrides.*.limits.timeout_sec": "live",
  "tools.overrides.*.limits.memory_mb": "live",
  "tools.overrides.*.limits.cpu_sec": "live",
  "tools.overrides.*.limits.open_files": "live",
  "tools.overrides.*.limits.file_size_mb": "live",
  "tools.overrides.*.limits.processes": "live",
  "tools.overrides.*.concurrency": "live",
  "tools.overrides.*.max_queue": "live",
  "tools.overrides.*.breaker.failure_threshold": "live",
  "tools.overrides.*.breaker.recovery_timeout_sec": "live",
  "tools.overrides.*.breaker.success_threshold": "live",
  "tools.overrides.*.breaker.timeout_multiplier": "live",
  "tools.overrides.*.breaker.max_recovery_timeout_sec": "live",
  "tools.overrides.*.breaker.jitter": "live",
  "circuit_breaker.failure_threshold": "live",
  "circuit_breaker.recovery_timeout_sec": "live",
  "circuit_breaker.success_threshold": "live",
  "circuit_breaker.timeout_multiplier": "live",
  "circuit_breaker.max_recovery_timeout_sec": "live",
  "circuit_breaker.jitter": "live",
  "rate_limit.enabled": "live",
  "rate_limit.per_second": "live",
  "rate_limit.burst": "live",
  "limits.memory_mb": "live",
  "limits.cpu_sec": "live",
  "limits.open_files": "live",
  "limits.file_size_mb": "live",
  "limits.processes": "live",
  // Compartments arm themselves once, for good.
  "confinement.tier": "restart",
  // The scribe may write the folders that it was made with.
  "confinement.state_dir": "restart",
  "confinement.kill_grace_sec": "live",
  "confinement.on_flood": "live",
  "runs.keep": "live",
  "runs.max_bytes": "live",
  // The scribe is told of the folder when it is made.
  "runs.store": "restart",
  "health.check_interval_sec": "live",
  "health.cpu_threshold": "live",
  "health.memory_threshold": "live",
  "health.disk_threshold": "live",
  "health.timeout_sec": "live",
  // The prober may reach the addresses that it was made with.
  "health.dependencies": "restart",
  "health.checks": "live",
  "metrics.enabled": "live",
  "logging.level": "live",
  "logging.format": "live",
  // The scribe is told of the log file when it is made.
  "logging.file": "restart",
  "logging.max_file_bytes": "restart",
  "logging.backup_count": "restart",
  // Which file may be read is settled at the start; what is in it may change.
  "auth.tokens_file": "restart",
  "mcp.max_text_bytes": "live",
  "mcp.max_sessions": "live",
  "mcp.session_idle_sec": "live",
};

/** What differs between two configurations. */
export interface ConfigChanges {
  /** The paths of all leaves that differ, such as `tools.overrides.nmap.limits.memory_mb`. */
  readonly changed: readonly string[];
  /** Those of them that need a restart. */
  readonly restart: readonly string[];
}

/** Compares two configurations leaf by leaf. The order of a list matters. */
export function compareConfigs(before: Config, after: Config): ConfigChanges {
  const old = new Map(configLeaves(before).map((leaf) => [leaf.name, leaf]));
  const now = new Map(configLeaves(after).map((leaf) => [leaf.name, leaf]));
  const all = new Map([...now, ...[...old].filter(([name]) => !now.has(name))]);
  const differing = [...all.values()].filter(({ name }) => textOf(old.get(name)) !== textOf(now.get(name)));
  return {
    changed: differing.map(({ name }) => name),
    // What the table does not know is not changed under a running server.
    restart: differing.filter(({ pattern }) => CHANGES[pattern] !== "live").map(({ name }) => name),
  };
}

/**
 * The later configuration as far as it can take effect now: what needs a restart is as it was before.
 *
 * @param before what is in effect
 */
export function keepUntilRestart(before: Config, after: Config): Config {
  const kept = structuredClone(after) as Sections;
  for (const { pattern } of schemaLeaves()) {
    if (CHANGES[pattern] === "live") continue;
    const [section, key, ...rest] = pattern.split(".");
    if (section === undefined || key === undefined || rest.length > 0) {
      throw new Error(`${pattern} does not lie where it can be kept`);
    }
    const value = (before as Sections)[section]?.[key];
    if (value === undefined) delete kept[section]?.[key];
    else kept[section] = { ...kept[section], [key]: value };
  }
  return kept as Config;
}

/** A configuration by section and key. */
type Sections = { [section: string]: { [key: string]: unknown } };

/** A leaf's value as text; nothing for one that is absent, and for a mapping without keys, which says nothing. */
function textOf(leaf: ConfigLeaf | undefined): string {
  const text = JSON.stringify(leaf?.value) ?? "";
  return text === "{}" ? "" : text;
}
