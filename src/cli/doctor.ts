/**
 * `bulkhead doctor`: what this machine gives, and proofs of what is kept from whom, run live.
 *
 * @module
 */
import { message, object, option } from "@optique/core";
import { LIBC_PATHS } from "../confinement/linux/kernel.ts";
import { landlockRules } from "../confinement/linux/landlock.ts";
import {
  LOOKING_TOOLS,
  type Proof,
  proveCompartment,
  proveMain,
  provePrograms,
} from "../confinement/proofs.ts";
import { escapeControls, escapeControlsInJson } from "../core/text.ts";
import { readArguments } from "./arguments.ts";
import { type Command, EXIT } from "./command.ts";
import { type Engine, type FoundTool, startEngine } from "./engine.ts";
import { configFlags, configOptions } from "./options.ts";
import { readSetup, type Setup } from "./setup.ts";
import { ownUser } from "./system.ts";

const parser = object({
  json: option("--json", { description: message`Print JSON.` }),
  ...configOptions,
});

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  const setup = readSetup(configFlags({ ...options, logLevel: options.logLevel ?? "warning" }), io);
  const uid = ownUser();
  const engine = await startEngine(setup, null, io);
  let report: Report;
  try {
    report = await examine(engine, setup, uid);
  } finally {
    await engine.close();
  }
  if (options.json) io.stdout(`${escapeControlsInJson(JSON.stringify(report, null, 2))}\n`);
  else io.stdout(escapeControls(readable(report)));
  return report.ok ? EXIT.ok : EXIT.runFailed;
};

/** Looks at everything, and tries it. */
async function examine(engine: Engine, setup: Setup, uid: number | null): Promise<Report> {
  await engine.confined();
  const programs = programsOf(engine.found);
  const plan = {
    // A shell is everywhere, and what a compartment must not become.
    programs: [...programs, "/bin/sh"],
    files: ["/etc/hostname"],
    folders: [setup.stateFolder!, "/tmp"],
    libraries: [engine.confinement.decision.kernel?.libc ?? LIBC_PATHS[0]!],
  };
  const ofCompartment = programs[0] === undefined ? [] : await proveCompartment(programs[0], plan);
  await engine.seal();
  const inside = await ofPrograms(engine, setup);
  const proofs = [...await proveMain(plan), ...ofCompartment, ...inside ?? []];
  const unshown = inside === null
    ? [`nothing was proved from inside a program: that takes ${LOOKING_TOOLS}`]
    : [];
  return reportOf(engine, uid, proofs, unshown);
}

function programsOf(found: readonly FoundTool[]): string[] {
  const paths = found.flatMap(({ enabled, availability }) =>
    enabled && availability.available ? [availability.path] : []
  );
  return [...new Set(paths)];
}

/** Null when there is no program to look with. */
function ofPrograms(engine: Engine, setup: Setup): Promise<Proof[] | null> {
  const { tools } = engine.confinement;
  const { tier, kernel } = engine.confinement.decision;
  // Without the kernel's help there is nothing that a program could see.
  if (tier === "basic" || kernel === null) return Promise.resolve([]);
  return provePrograms({
    tools,
    serverPid: Deno.pid,
    landlockAbi: kernel.landlockAbi,
    forbiddenFolder: setup.stateFolder!,
  });
}

/** What is printed: with `--json` as it is. */
interface Report {
  readonly ok: boolean;
  readonly tier: string;
  readonly user: { readonly uid: number | null; readonly root: boolean };
  readonly kernel: Readonly<Record<string, unknown>>;
  readonly tools: readonly Readonly<Record<string, unknown>>[];
  readonly proofs: readonly Proof[];
  readonly warnings: readonly string[];
}

function reportOf(
  engine: Engine,
  uid: number | null,
  proofs: readonly Proof[],
  unshown: readonly string[],
): Report {
  const { tier, fallback, kernel } = engine.confinement.decision;
  const landlock = landlockRules(kernel?.landlockAbi ?? 0);
  const warnings = [
    ...(uid === 0 ? ["the server runs as root; run it as a user of its own"] : []),
    ...(fallback === null ? [] : [`tier basic, because: ${fallback}`]),
    ...unshown,
    ...(tier === "basic" ? ["programs run with time-outs and output caps only"] : []),
  ];
  return {
    ok: proofs.every(({ ok }) => ok),
    tier,
    user: { uid, root: uid === 0 },
    kernel: {
      os: Deno.build.os,
      architecture: Deno.build.arch,
      deno: Deno.version.deno,
      libc: kernel?.libc ?? null,
      seccomp_notifications: kernel !== null,
      landlock_abi: kernel?.landlockAbi ?? null,
      landlock_enforced: kernel === null ? [] : landlock.enforced,
      landlock_missing: kernel === null ? [] : landlock.missing,
      landlock_unrestricted: kernel === null ? [] : landlock.unrestricted,
      capabilities: kernel?.capabilities ?? [],
      cgroup_ceilings: kernel?.cgroup ?? [],
      cgroup_reason: kernel?.cgroupReason ?? null,
    },
    tools: engine.found.map(({ tool, enabled, availability, executables }) => ({
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
    warnings,
  };
}

function readable({ ok, tier, user, kernel, tools, proofs, warnings }: Report): string {
  const list = (value: unknown) =>
    Array.isArray(value) ? value.join("; ") || "none" : String(value ?? "none");
  const lines = [
    `tier      ${tier}`,
    `user      ${user.uid ?? "unknown"}${user.root ? " (root)" : ""}`,
    ...Object.entries(kernel).map(([key, value]) => `kernel    ${key.replaceAll("_", " ")}: ${list(value)}`),
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
