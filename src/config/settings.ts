/**
 * What each part of the program is told of the configuration: the one place where its keys are read, beside the tools
 * and the folder for state, and where its units become those of the code.
 *
 * Every function is pure and cheap. Whoever asks again whenever it needs an answer follows a reload.
 *
 * @module
 */
import type { LogSettings } from "../logging/setup.ts";
import type { Config } from "./schema.ts";

/** How runs are made. */
export function pipelineSettings({ security, confinement, tools }: Config) {
  return {
    allowIntrusive: security.allow_intrusive,
    confirmIntrusive: security.confirm_intrusive,
    maxArgsBytes: security.max_args_length,
    maxStdoutBytes: security.max_stdout_bytes,
    maxStderrBytes: security.max_stderr_bytes,
    killGraceMs: confinement.kill_grace_sec * 1000,
    onFlood: confinement.on_flood,
    maxConcurrency: tools.max_concurrency,
  } as const;
}

/** What may be aimed at: entries as `TargetPolicy` takes them. */
export function targetSettings({ security }: Config) {
  return { allowedTargets: security.allowed_targets, deniedTargets: security.denied_targets } as const;
}

/** How often one client may begin runs of one tool; null when that is not limited. */
export function rateSettings({ rate_limit: limit }: Config) {
  return limit.enabled ? { perSecond: limit.per_second, burst: limit.burst } as const : null;
}

/** What programs are confined by. */
export function confinementSettings({ confinement }: Config) {
  return { tier: confinement.tier } as const;
}

/** The folders that a user names for reading: absolute paths. */
export function folderSettings({ tools }: Config) {
  return { manifestFolders: tools.dirs, wordListFolders: tools.wordlist_dirs } as const;
}

/** Where clients connect. */
export function listenerSettings({ server: { transport, host, port } }: Config) {
  return { transport, host, port } as const;
}

/** What an HTTP request may be. */
export function httpSettings({ server }: Config) {
  return {
    maxBodyBytes: server.max_body_bytes,
    allowedHosts: server.allowed_hosts,
    allowedOrigins: server.allowed_origins,
  } as const;
}

/** How many clients may be connected at once. */
export function connectionSettings({ server }: Config) {
  return { maxConnections: server.max_connections } as const;
}

/** What is kept of runs that have ended, and where. */
export function runStoreSettings({ runs }: Config) {
  return { keep: runs.keep, maxBytes: runs.max_bytes, store: runs.store } as const;
}

/** When the server's health is checked, and what is too much. Thresholds are in percent. */
export function healthSettings({ health }: Config) {
  return {
    intervalMs: health.check_interval_sec * 1000,
    timeoutMs: health.timeout_sec * 1000,
    cpuThreshold: health.cpu_threshold,
    memoryThreshold: health.memory_threshold,
    diskThreshold: health.disk_threshold,
  } as const;
}

/** The tools that the configuration speaks of by their names: whoever named them wants to use them. */
export function namedToolSettings({ tools: { include, overrides } }: Config) {
  const named = [...include.filter((pattern) => !pattern.includes("*")), ...Object.keys(overrides)];
  return { namedTools: new Set(named) } as const;
}

/** What is checked because the user says so: services, and runs of tools. */
export function ownCheckSettings({ health }: Config) {
  return { dependencies: health.dependencies, toolChecks: health.checks } as const;
}

/** How the server stops. */
export function stopSettings({ server }: Config) {
  return { graceMs: server.shutdown_grace_period_sec * 1000 } as const;
}

/** How MCP clients are answered, and how many of them there may be over HTTP. */
export function mcpSettings({ mcp }: Config) {
  return {
    maxTextBytes: mcp.max_text_bytes,
    maxSessions: mcp.max_sessions,
    idleMs: mcp.session_idle_sec * 1000,
  } as const;
}

/** The file of tokens: an absolute path, or null. */
export function authSettings({ auth }: Config) {
  return { tokensFile: auth.tokens_file ?? null } as const;
}

/** Whether the server counts what it does. */
export function metricsSettings({ metrics }: Config) {
  return { metricsEnabled: metrics.enabled } as const;
}

/** What is logged, and how. */
export function logSettings({ logging: { level, format } }: Config): LogSettings {
  return { level, format };
}

/** The log file, an absolute path, and how it is rotated; null when there is none. */
export function logFileSettings({ logging }: Config) {
  const { file, max_file_bytes: maxBytes, backup_count: backups } = logging;
  return file === undefined ? null : { path: file, maxBytes, backups } as const;
}
