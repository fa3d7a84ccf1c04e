/**
 * `bulkhead doctor`: what this machine gives, and proofs of what is kept from whom, run live.
 *
 * @module
 */
import { message, object, option } from "@optique/core";
import { LIBC_PATHS } from "../confinement/linux/kernel.ts";
import { askMachine } from "../confinement/machine.ts";
import {
  LOOKING_TOOLS,
  type Proof,
  proveCompartment,
  proveMain,
  proveProber,
  provePrograms,
} from "../confinement/proofs.ts";
import { placeText } from "../confinement/place.ts";
import { mayConnect } from "../confinement/permissions.ts";
import { serviceOf } from "../confinement/services.ts";
import { ownCheckSettings } from "../config/settings.ts";
import { escapeControls, escapeControlsInJson } from "../core/text.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { readable, type Report, reportOf } from "./doctor_report.ts";
import { type Engine, startEngine } from "../server/engine.ts";
import type { FoundTool } from "../server/find_tools.ts";
import { configFlags, configOptions } from "./options.ts";
import { readSetup, type Setup } from "../server/setup.ts";
import { ownUser } from "../server/system.ts";

/** Its arguments. */
export const parser = object({
  json: option("--json", { description: message`Print JSON.` }),
  ...configOptions,
});

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  const setup = readSetup(configFlags({ ...options, logLevel: options.logLevel ?? "warning" }), io);
  const uid = ownUser();
  const engine = startEngine(setup, null, null, io);
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
  const machine = askMachine();
  const { decision } = engine.confinement;
  const programs = programsOf(engine.found.tools);
  const wanted = ownCheckSettings(setup.config).dependencies.map(serviceOf).filter(mayConnect);
  const services = [...new Map(wanted.map((service) => [placeText(service), service])).values()];
  const plan = {
    // A shell is everywhere, and what a compartment must not become.
    programs: [...new Set([...programs, "/bin/sh"])],
    files: ["/etc/hostname"],
    folders: [setup.stateFolder!, "/tmp"],
    libraries: [machine.libc ?? LIBC_PATHS[0]!],
    services,
  };
  const ofCompartment = programs[0] === undefined
    ? []
    : await proveCompartment(programs[0], decision.kernel?.libc ?? null, plan);
  const ofProber = services.length === 0 ? [] : await proveProber(services, plan);
  // Before everything is given up, because a file that should not be there is looked for, and removed.
  const inside = await ofPrograms(engine, setup);
  await engine.seal();
  return reportOf({
    decision,
    machine,
    found: engine.found.tools,
    uid,
    proofs: [...await proveMain(plan), ...ofCompartment, ...ofProber, ...inside ?? []],
    unshown: inside === null ? [`nothing was proved from inside a program: that takes ${LOOKING_TOOLS}`] : [],
  });
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
    remove: removeFile,
  });
}

/** Removes a file. Whether it was there. */
function removeFile(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
