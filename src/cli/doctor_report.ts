/**
 * What `bulkhead doctor` has found, put together: what the machine gives, what is enforced, and what was proved.
 *
 * @module
 */
import type { Decision } from "../confinement/confinement.ts";
import { landlockRules } from "../confinement/linux/landlock.ts";
import type { MachineFacts } from "../confinement/machine.ts";
import type { Proof } from "../confinement/proofs.ts";
import type { FoundTool } from "../server/find_tools.ts";

/** What was found. */
export interface Findings {
  readonly decision: Decision;
  readonly machine: MachineFacts;
  readonly found: readonly FoundTool[];
  /** Who the server runs as, or null where users have no numbers. */
  readonly uid: number | null;
  readonly proofs: readonly Proof[];
  /** What could not be proved, in words. */
  readonly unshown: readonly string[];
}

/** What is printed: with `--json` as it is. */
export interface Report {
  /** Whether every proof holds. */
  readonly ok: boolean;
  readonly tier: string;
  readonly user: { readonly uid: number | null; readonly root: boolean };
  /** Facts of the machine, in every tier; null is what could not be asked. */
  readonly kernel: Readonly<Record<string, unknown>>;
  readonly tools: readonly Readonly<Record<string, unknown>>[];
  readonly proofs: readonly Proof[];
  /** What is made of them in this tier. */
  readonly enforced: Readonly<Record<string, readonly string[] | string | null>>;
  readonly warnings: readonly string[];
}

/** Puts the report together. */
export function reportOf({ decision, machine, found, uid, proofs, unshown }: Findings): Report {
  const { tier, fallback, kernel } = decision;
  const because = tier === "kernel" ? null : fallback ?? "confinement.tier is basic";
  const landlock = kernel === null ? null : landlockRules(kernel.landlockAbi);
  return {
    ok: proofs.every(({ ok }) => ok),
    tier,
    user: { uid, root: uid === 0 },
    kernel: {
      os: Deno.build.os,
      architecture: Deno.build.arch,
      deno: Deno.version.deno,
      libc: machine.libc,
      seccomp_notifications: machine.seccompNotifications,
      landlock_abi: machine.landlockAbi,
      capabilities: machine.capabilities,
      not_asked: machine.notAsked,
    },
    tools: found.map(({ tool, enabled, availability, executables }) => ({
      name: tool.name,
      enabled,
      available: availability.available,
      path: availability.path,
      executables,
      capabilities: tool.manifest.capabilities,
      reason: availability.available ? null : availability.reason,
      remedy: availability.available ? null : availability.remedy,
    })),
    proofs,
    enforced: {
      landlock: landlock?.enforced ?? [],
      landlock_missing: landlock?.missing ?? [],
      landlock_unrestricted: landlock?.unrestricted ?? [],
      cgroup_ceilings: kernel?.cgroup ?? [],
      cgroup_reason: kernel === null ? null : kernel.cgroupReason,
    },
    warnings: [
      ...(uid === 0 ? ["the server runs as root; run it as a user of its own"] : []),
      ...(because === null ? [] : [`tier basic, because ${because}`]),
      ...unshown,
      ...(tier === "basic" ? ["programs run with time-outs and output caps only"] : []),
    ],
  };
}

/** The report for people, line by line. */
export function readable(report: Report): string {
  const { ok, tier, user, kernel, tools, proofs, enforced, warnings } = report;
  const facts = (title: string, about: Readonly<Record<string, unknown>>) =>
    Object.entries(about).map(([key, value]) => `${title}${key.replaceAll("_", " ")}: ${factText(value)}`);
  const { not_asked: notAsked, ...asked } = kernel;
  const lines = [
    `tier      ${tier}`,
    `user      ${user.uid ?? "unknown"}${user.root ? " (root)" : ""}`,
    ...facts("kernel    ", asked),
    ...(notAsked === null ? [] : [`kernel    could not be asked: ${notAsked}`]),
    ...(tier === "basic" ? [] : facts("enforced  ", withoutNulls(enforced))),
    ...tools.map(({ name, enabled, available, path, reason }) =>
      `tool      ${name}: ${
        !enabled ? "disabled" : available ? `available at ${path}` : `unavailable: ${reason}`
      }`
    ),
    ...proofs.map((proof) => `${proof.ok ? "ok        " : "FAILED    "}${proof.name} (${proof.detail})`),
    ...warnings.map((warning) => `warning   ${warning}`),
    !ok
      ? "a proof FAILED"
      : tier === "basic"
      ? "every proof holds; programs are not confined"
      : "every proof holds",
  ];
  return `${lines.join("\n")}\n`;
}

function factText(value: unknown): string {
  if (Array.isArray(value)) return value.join("; ") || "none";
  return value === null ? "unknown" : String(value);
}

function withoutNulls(facts: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== null));
}
