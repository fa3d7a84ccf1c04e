/**
 * Starting the engine: find the programs, start the confinement, give every permission up.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { isBuiltIn } from "../catalog/builtin.ts";
import { programCandidates } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import {
  healthSettings,
  logSettings,
  namedToolSettings,
  ownCheckSettings,
  runStoreSettings,
} from "../config/settings.ts";
import type { Confinement, ToolToConfine } from "../confinement/confinement.ts";
import type { ConfinedTool } from "../confinement/confined_tool.ts";
import { giveUpPermissions, mayRun, workerSourceFolder } from "../confinement/permissions.ts";
import { serviceOf } from "../confinement/services.ts";
import { systemClock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import { EventFeed } from "../events/event_feed.ts";
import { healthEvent } from "../health/health_event.ts";
import { ServerHealth } from "../health/server_health.ts";
import { mayStill } from "../http/authorise.ts";
import type { Tokens } from "../http/tokens.ts";
import { type LogSettings, setUpLogging, standardError } from "../logging/setup.ts";
import { EventMetrics } from "../metrics/event_metrics.ts";
import { Registry as MetricRegistry } from "../metrics/registry.ts";
import { RunMetrics } from "../metrics/run_metrics.ts";
import { RunStatistics } from "../metrics/run_statistics.ts";
import type { Endpoint, FileFact } from "../policy/facts.ts";
import type { BreakerTransition } from "../resilience/circuit_breaker.ts";
import { measure, readTools } from "../runs/measure.ts";
import { Pipeline } from "../runs/pipeline.ts";
import { Resolver } from "../runs/resolver.ts";
import { Registry } from "../runs/registry.ts";
import { RunEvents } from "../runs/run_events.ts";
import { ToolWatch } from "../runs/tool_changes.ts";
import type { Toolbox } from "../runs/toolbox.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import { changedTools, isOtherResolver } from "./changed_programs.ts";
import { InEffect } from "./in_effect.ts";
import { keepInFolder, keepInMemory, type RunKeeping } from "./run_keeping.ts";
import { findPrograms, type Found } from "./find_programs.ts";
import type { FoundResolver } from "./find_resolver.ts";
import type { SelfFacts } from "./find_tools.ts";
import { OwnChecks } from "./own_checks.ts";
import type { Setup } from "./setup.ts";
import {
  confinedFirst,
  notConfined,
  readableLater,
  startConfinement,
  toConfine,
} from "./start_confinement.ts";
import { machineOfNow } from "./system.ts";

/** A running engine. */
export interface Engine {
  readonly inEffect: InEffect;
  readonly registry: Registry;
  readonly toolbox: Toolbox;
  readonly pipeline: Pipeline;
  readonly metrics: MetricRegistry;
  readonly statistics: RunStatistics;
  /** What happens, for whoever wants to be told at once. */
  readonly events: EventFeed;
  readonly confinement: Confinement;
  /** The last runs. */
  readonly runs: RunKeeping;
  /** How well the server is. It watches once it is started. */
  readonly health: ServerHealth;
  /** What the machine has for the setup that is in effect. */
  readonly found: Found;
  /** What was found out about this process while that was permitted. */
  readonly self: SelfFacts;
  /** Has another level or format of the log take effect, on standard error and in the log file. */
  setUpLogging(settings: LogSettings): void;
  /** Says where the server itself listens: nothing is aimed there. */
  listens(endpoint: Endpoint): void;
  /**
   * Has a setup and tokens take effect, with what the machine has for it, all at once.
   *
   * @param changed the paths of files that are others than before
   */
  apply(setup: Setup, tokens: Tokens | null, found: Found, changed: ReadonlySet<string>): void;
  /** Gives up every permission of this thread. The listener, if there is one, is bound before. */
  seal(): Promise<void>;
  /**
   * Waits until the tier is decided.
   *
   * @throws {Exit} with 2 when the one that was asked for is not to be had
   */
  confined(): Promise<void>;
  /**
   * Begins to keep runs where they outlast the server, if that is configured.
   *
   * @throws {Exit} with 2 when the folder may not be used
   */
  keepRuns(): Promise<void>;
  /** Ends the compartments, and with them whatever still runs. */
  close(): Promise<void>;
}

/**
 * Starts the engine.
 *
 * @param tokens those of callers over HTTP, or null
 * @param only the one tool that is wanted, or null for all
 * @throws {Exit} with 2 when there is nowhere to keep state
 */
export function startEngine(setup: Setup, tokens: Tokens | null, only: string | null, io: Io): Engine {
  const machine = machineOfNow(setup, { askPermission: true });
  let found = findPrograms(setup, machine);
  // Every path that may have been granted for a tool, found there or not.
  const commands = [...found.tools.map(({ tool }) => tool.manifest.command), RESOLVER.command];
  const candidates = [...new Set(commands.flatMap(programCandidates))];
  const { self: identity, compiled, capabilities } = machine;
  const granted = new Set(candidates.filter(mayRun));
  const readable = readableLater(setup, found, machine);
  const self: SelfFacts = { self: identity, compiled, capabilities, granted, readable };
  const first = new Map(confinedFirst(found, only).map((tool) => [tool.name, tool]));
  const confinement = startConfinement(setup, [...first.values()], self, () => registry.noteDeath(), io);
  const { scribe } = confinement;
  const toFile = setup.logFile === null ? undefined : (line: string) => scribe.writeLog(line);
  const logAs = (settings: LogSettings) => setUpLogging(settings, standardError, toFile);
  logAs(logSettings(setup.config));
  const names = new Resolver(systemClock);
  /** What executes a program: at the start the compartment that comes up already, later a new one. */
  const confine = (tool: ToolToConfine): ConfinedTool => {
    const isFirst = first.delete(tool.name);
    return isFirst ? confinement.tools.get(tool.name)! : confinement.confine(tool);
  };
  const useResolver = ({ program, whyNot }: FoundResolver) =>
    names.use(program === null ? null : confine(program), whyNot);
  useResolver(found.resolver);
  let ownListener: Endpoint | null = null;
  const inEffect = new InEffect(setup, tokens, systemClock);
  const metrics = new MetricRegistry();
  const isKnown = (name: string) => registry.tools.has(name);
  const runMetrics = new RunMetrics(metrics, isKnown);
  const statistics = new RunStatistics(isKnown, () => systemClock.wall());
  const eventMetrics = new EventMetrics(metrics, () => events.readers);
  const events: EventFeed = new EventFeed({
    clock: systemClock,
    boot: newId().slice(0, 8),
    observer: eventMetrics,
    health: () => health.monitor.latest?.status ?? null,
  });
  const runEvents = new RunEvents(events, isKnown);
  const registry = new Registry(found.tools, {
    clock: systemClock,
    random: Math.random,
    equip: ({ tool: { name } }) => {
      if (only !== null && only !== name) return null;
      const tool = found.tools.find((one) => one.tool.name === name);
      return tool?.availability.available ? confine(toConfine(tool, tool.availability)) : null;
    },
    retire: (name) => confinement.release(name),
    onTransition: (tool, transition) => {
      logTransition(tool, transition);
      runMetrics.recordTransition(tool, transition.to);
      const { from, to, cause } = transition;
      events.publish("breaker", { tool, from, to, cause });
    },
  });
  const toolWatch = new ToolWatch(registry.tools);
  registry.onChange(() => {
    for (const change of toolWatch.changes()) events.publish("tool", { ...change });
  });
  runMetrics.observe(() => readTools(registry.tools));
  const keeping = () => runStoreSettings(inEffect.setup.config);
  // A single run is told to whoever asked for it, and outlasts nothing.
  const runs = only === null && keeping().store === "folder"
    ? keepInFolder(scribe, keeping, systemClock)
    : keepInMemory(keeping, systemClock);
  const pipeline = new Pipeline({
    toolbox: registry.tools,
    rules: () => inEffect.rules,
    mayRun: (client) => mayStill(client, "execute", inEffect.tokens),
    clock: systemClock,
    lookups: {
      resolve: (name, signal) => names.resolve(name, signal),
      inspect: (name) => inspect(confinement, name),
      ownListener: () => ownListener,
    },
    enforced: async () => {
      const { tier, kernel } = await confinement.decided;
      return { tier, treeCeilings: kernel?.cgroup ?? [] };
    },
    record: (answered) => {
      for (const recorder of [runMetrics, statistics]) measure(recorder, answered);
      runEvents.answered(answered);
    },
    // Whoever hears of a run finds it among those that are kept.
    observers: [runs.store, runEvents],
  });
  // One run alone is nobody's to watch.
  const ownChecks = only === null ? new OwnChecks(setup, pipeline) : null;
  const health: ServerHealth = new ServerHealth({
    toolbox: registry.tools,
    isNamed: ({ tool: { name, file } }) =>
      !isBuiltIn(file) || namedToolSettings(inEffect.setup.config).namedTools.has(name),
    decision: () => confinement.stands ? confinement.decision : null,
    heartbeat: () => confinement.heartbeat,
    scribe,
    settings: () => healthSettings(inEffect.setup.config),
    ownChecks: () => ownChecks?.all ?? [],
    metrics,
    clock: systemClock,
  });
  health.monitor.onChange((change) => events.publish("health", healthEvent(change)));
  return {
    inEffect,
    registry,
    toolbox: registry.tools,
    pipeline,
    metrics,
    statistics,
    events,
    confinement,
    runs,
    health,
    get found() {
      return found;
    },
    self,
    setUpLogging: logAs,
    listens(endpoint) {
      ownListener = endpoint;
    },
    apply(next, nextTokens, foundNow, changed) {
      const before = found;
      found = foundNow;
      if (next !== inEffect.setup) ownChecks?.apply(next);
      inEffect.replace(next, nextTokens);
      const others = changedTools(before.tools, found.tools, changed);
      registry.update(found.tools, others);
      for (const tool of others) {
        toolLogger.info("the program has changed: new runs start the new one", { tool });
      }
      // One that can resolve nothing any more is made anew, as a tool's compartment is.
      if (names.death !== null || isOtherResolver(before.resolver, found.resolver, changed)) {
        useResolver(found.resolver);
      }
      pipeline.refresh();
      runs.store.refresh();
      health.monitor.reschedule();
    },
    async seal() {
      // In an executable the workers have all that they need; sources are read with this thread's permission.
      if (workerSourceFolder() !== null) await Promise.all([confinement.upright, ownChecks?.upright]);
      const services = ownCheckSettings(setup.config).dependencies.map(serviceOf);
      await giveUpPermissions(candidates, [...setup.readable, ...setup.writable], services);
    },
    async confined() {
      try {
        const { fallback } = await confinement.decided;
        if (fallback === null) return;
        logger.warn("tier basic: programs run without limits of the kernel", { reason: fallback });
      } catch (error) {
        throw notConfined(error, io);
      }
    },
    async keepRuns() {
      try {
        await runs.open();
      } catch (error) {
        io.stderr(`${(error as Error).message}\n`);
        throw new Exit(EXIT.usage);
      }
    },
    async close() {
      health.stop();
      ownChecks?.close();
      await runs.close();
      await confinement.close();
    },
  };
}

/** A file in the folders of word lists, as plans want to know it. */
async function inspect(confinement: Confinement, name: string): Promise<FileFact> {
  try {
    return { ok: true, ...await confinement.scribe.inspect(name) };
  } catch (error) {
    const remedy = "A person names the folders in tools.wordlist_dirs; give a file's name as it is there.";
    return { ok: false, reason: (error as Error).message, remedy };
  }
}

const logger = getLogger(["bulkhead", "confinement"]);
const toolLogger = getLogger(["bulkhead", "tools"]);

function logTransition(tool: string, { from, to, cause }: BreakerTransition): void {
  const about = { tool, from, to, cause };
  if (to === "open") toolLogger.warn("circuit breaker opened", about);
  else toolLogger.info(`circuit breaker ${to === "closed" ? "closed" : "half open"}`, about);
}
