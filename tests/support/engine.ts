/**
 * A whole engine without programs: tools made from small manifests, an executor that a test plays by hand, a clock
 * that a test moves.
 *
 * @module
 */
import assert from "node:assert/strict";
import type * as z from "zod";
import type { Availability } from "../../src/catalog/availability.ts";
import { type Manifest, manifestSchema } from "../../src/catalog/manifest.ts";
import { resolveTool, type Tool, type ToolDefaults } from "../../src/catalog/tool.ts";
import type { Execution, OutputListener } from "../../src/confinement/compartment.ts";
import { ByteBuffer } from "../../src/confinement/byte_buffer.ts";
import type { Ending, Order, StreamName } from "../../src/confinement/protocol.ts";
import type { Refusal } from "../../src/core/refusal.ts";
import type { RunResult } from "../../src/core/result.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import type { Enforced } from "../../src/runs/execute.ts";
import type { Lookups } from "../../src/runs/lookups.ts";
import {
  type AnsweredRequest,
  Pipeline,
  type PipelineSettings,
  type Rules,
  type RunAnswer,
  type RunContext,
} from "../../src/runs/pipeline.ts";
import type { RunRequest } from "../../src/runs/plan.ts";
import type { RunObserver } from "../../src/runs/run_observer.ts";
import { Registry } from "../../src/runs/registry.ts";
import type { Executor, Toolbox, ToolState } from "../../src/runs/toolbox.ts";
import { FakeClock } from "./fake_clock.ts";

/** What a manifest may say. */
export type ManifestInput = z.input<typeof manifestSchema>;

/** A manifest with something of everything. */
export const PROBE: ManifestInput = {
  name: "probe",
  title: "Probe",
  description: "Probes one host.",
  command: "probe",
  first: ["-q"],
  target: { kinds: ["host", "cidr"], max_addresses: 16 },
  parameters: {
    ports: { type: "port_list", flag: "-p", description: "Ports" },
    level: { type: "integer", flag: "-T", join: true, min: 0, max: 5 },
    verbose: { type: "boolean", flag: "-v" },
  },
  flags: {
    "-sn": { description: "No ports" },
    "--rate": { value: { type: "integer", min: 1, max: 10 } },
    "-A": { intrusive: true },
  },
  limits: { timeout_sec: 60 },
  concurrency: 1,
  max_queue: 2,
  breaker: { failure_threshold: 2, recovery_timeout_sec: 10, jitter: 0 },
};

/** What the configuration would say where a manifest is silent. */
export const TOOL_DEFAULTS: ToolDefaults = {
  timeoutSec: 300,
  concurrency: 2,
  maxQueue: 16,
  limits: { memoryMb: 512, cpuSec: null, openFiles: 256, fileSizeMb: 64, processes: null },
  breaker: {
    failure_threshold: 5,
    recovery_timeout_sec: 60,
    success_threshold: 1,
    timeout_multiplier: 1.5,
    max_recovery_timeout_sec: 300,
    jitter: 0,
  },
};

/** The default targets. */
export function labPolicy(): TargetPolicy {
  return new TargetPolicy(["RFC1918", ".lab.internal"], []);
}

/** {@link PROBE} with changes, through the manifest's schema. */
export function manifestOf(changes: Partial<ManifestInput> = {}): Manifest {
  return manifestSchema.parse({ ...PROBE, ...changes });
}

/** A tool made of {@link PROBE} with changes. */
export function toolOf(changes: Partial<ManifestInput> = {}): Tool {
  return resolveTool({ manifest: manifestOf(changes), file: "probe.yaml" }, {}, TOOL_DEFAULTS);
}

/** An ending: exit code 0 after 1.5 s, unless `changes` say otherwise. */
export function endingOf(changes: Partial<Ending> = {}): Ending {
  return {
    code: 0,
    signal: null,
    cause: null,
    bytes: { stdout: 0, stderr: 0 },
    durationMs: 1500,
    heldOpen: false,
    ...changes,
  };
}

/** An execution that ended, with what it wrote. */
export function endedWith(changes: Partial<Ending> = {}, stdout = "", stderr = ""): Execution {
  const encoder = new TextEncoder();
  const output = { stdout: encoder.encode(stdout), stderr: encoder.encode(stderr) };
  const bytes = { stdout: output.stdout.length, stderr: output.stderr.length };
  return { status: "ended", ending: endingOf({ bytes, ...changes }), output };
}

/** One order that an executor was given and has not answered. */
export interface PendingOrder {
  readonly order: Order;
  readonly signal: AbortSignal;
  /** Has the program write something. */
  onOutput(stream: StreamName, bytes: Uint8Array): void;
  end(execution?: Execution): void;
}

/** An executor that a test plays: each order waits until the test ends it. A cancelled one ends by itself. */
export class FakeExecutor implements Executor {
  death: string | null = null;
  /** Every order that ever came, in order. */
  readonly orders: Order[] = [];
  readonly pending: PendingOrder[] = [];
  /** When set, orders are answered with it at once. */
  answer: ((order: Order) => Execution | Promise<Execution>) | null = null;

  run(order: Order, signal: AbortSignal, onOutput?: OutputListener): Promise<Execution> {
    this.orders.push(order);
    if (this.answer !== null) return Promise.resolve(this.answer(order));
    const kept = { stdout: new ByteBuffer(Infinity), stderr: new ByteBuffer(Infinity) };
    return new Promise((resolve) => {
      const pending: PendingOrder = {
        order,
        signal,
        onOutput: (stream, bytes) => {
          kept[stream].append(bytes);
          onOutput?.(stream, bytes, kept[stream].bytes());
        },
        end: (execution = endedWith()) => {
          this.pending.splice(this.pending.indexOf(pending), 1);
          signal.removeEventListener("abort", cancel);
          resolve(execution);
        },
      };
      const cancel = () => pending.end(endedWith({ code: null, signal: "SIGTERM", cause: "cancelled" }));
      this.pending.push(pending);
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel, { once: true });
    });
  }
}

/** How an engine differs from the usual one. */
export interface EngineOptions {
  readonly tools?: readonly Tool[];
  readonly settings?: Partial<PipelineSettings>;
  readonly enforced?: () => Promise<Enforced>;
  readonly policy?: TargetPolicy;
  /** What names and files are; without it there are none. */
  readonly lookups?: Partial<Lookups>;
  /** Whether a client may still run tools; without it everyone may. */
  readonly mayRun?: (client: string) => boolean;
  /** Told of runs. */
  readonly observers?: readonly RunObserver[];
  /** Told of each request that was answered. */
  readonly onRecord?: (answered: AnsweredRequest) => void;
  /** By tool name. */
  readonly disabled?: readonly string[];
  readonly availability?: Readonly<Record<string, Availability>>;
}

/** No name has an address, and no file is there. */
const NO_LOOKUPS: Lookups = {
  resolve: () => Promise.resolve({ ok: false, reason: "the name has no address", remedy: "Check it." }),
  inspect: () => Promise.resolve({ ok: false, reason: "there is no such file", remedy: "Check it." }),
  ownListener: () => null,
};

/** An engine and the handles on it. */
export interface TestEngine {
  readonly clock: FakeClock;
  readonly policy: TargetPolicy;
  readonly registry: Registry;
  readonly toolbox: Toolbox;
  readonly pipeline: Pipeline;
  /** What holds now; a test may put another in its place. */
  rules: Rules;
  /** Every request that was answered, in that order. */
  readonly recorded: readonly AnsweredRequest[];
  /** The executor of the tool `probe`. */
  readonly executor: FakeExecutor;
  readonly executors: ReadonlyMap<string, FakeExecutor>;
  /** Asks for a run of `probe` on 10.0.0.5 unless `request` says otherwise. */
  run(request?: RunRequest, context?: Partial<RunContext>, tool?: string): Promise<RunAnswer>;
}

/** Puts an engine together. */
export function makeEngine(options: EngineOptions = {}): TestEngine {
  const clock = new FakeClock();
  const policy = options.policy ?? labPolicy();
  const tools = options.tools ?? [toolOf()];
  const states = tools.map((tool) => ({
    ...stateOf(tool),
    enabled: !(options.disabled ?? []).includes(tool.name),
    availability: options.availability?.[tool.name] ?? stateOf(tool).availability,
  }));
  const executors = new Map<string, FakeExecutor>();
  const registry = new Registry(states, {
    clock,
    random: () => 0.5,
    equip: ({ tool }) => {
      const executor = new FakeExecutor();
      executors.set(tool.name, executor);
      return executor;
    },
  });
  const settings: PipelineSettings = {
    allowIntrusive: false,
    confirmIntrusive: true,
    maxArgsBytes: 2048,
    maxStdoutBytes: 1024,
    maxStderrBytes: 512,
    killGraceMs: 1000,
    onFlood: "drain",
    maxConcurrency: 16,
    rateLimiter: null,
    ...options.settings,
  };
  const recorded: AnsweredRequest[] = [];
  const held: { rules: Rules } = { rules: { policy, settings } };
  const pipeline = new Pipeline({
    toolbox: registry.tools,
    rules: () => held.rules,
    mayRun: options.mayRun ?? (() => true),
    lookups: { ...NO_LOOKUPS, ...options.lookups },
    enforced: options.enforced ?? (() => Promise.resolve({ tier: "basic", treeCeilings: [] })),
    record: (answered) => {
      recorded.push(answered);
      options.onRecord?.(answered);
    },
    observers: options.observers ?? [],
    clock,
  });
  return {
    clock,
    policy,
    registry,
    toolbox: registry.tools,
    pipeline,
    get rules() {
      return held.rules;
    },
    set rules(rules) {
      held.rules = rules;
    },
    recorded,
    executor: executors.get("probe") ?? new FakeExecutor(),
    executors,
    run: (request = { target: "10.0.0.5" }, context = {}, tool = "probe") =>
      pipeline.run(tool, request, {
        client: "test",
        signal: new AbortController().signal,
        mayIntrude: true,
        ...context,
      }),
  };
}

/** A tool that is enabled and available. */
export function stateOf(tool: Tool): ToolState {
  const availability = {
    available: true,
    path: `/usr/bin/${tool.name}`,
    helpers: [],
    capabilities: [],
  } as const;
  return { tool, enabled: true, availability };
}

/** The breaker's counters of one tool. */
export function breakerOf(engine: TestEngine, tool = "probe") {
  const { successes, failures, excluded, state } = engine.toolbox.get(tool)!.breaker.statistics();
  return { successes, failures, excluded, state };
}

/** Permits that are out, all tools together; nothing may be left when all is done. */
export function permitsOut(engine: TestEngine): number {
  return [...engine.toolbox.values()].reduce((sum, entry) => sum + entry.semaphore.running, 0);
}

/** Makes the next runs of `probe` end as given, and answers one. */
export async function runOnce(engine: TestEngine, execution: Execution): Promise<RunAnswer> {
  engine.executor.answer = () => execution;
  return await engine.run();
}

/** A run whose compartment died with it. */
export const LOST: Execution = {
  status: "lost",
  reason: "the compartment fell silent",
  output: { stdout: new TextEncoder().encode("half"), stderr: new Uint8Array() },
  durationMs: 700,
};

/** Lets everything run that waits for nothing but its turn. */
export function flush(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** The refusal in an answer that must be one. */
export function refusalIn(answer: RunAnswer): Refusal {
  assert(answer.kind === "refusal", `a refusal was expected: ${JSON.stringify(answer)}`);
  return answer.refusal;
}

/** The result in an answer that must be one. */
export function resultIn(answer: RunAnswer): RunResult {
  assert(answer.kind === "result", `a result was expected: ${JSON.stringify(answer)}`);
  return answer.result;
}

/** Every field of a result, sorted: the contract. */
export const RESULT_FIELDS: readonly string[] = [
  "argv",
  "correlation_id",
  "error",
  "error_type",
  "execution_time_sec",
  "metadata",
  "outcome",
  "parsed",
  "queue_time_sec",
  "returncode",
  "run_id",
  "signal",
  "stderr",
  "stderr_bytes",
  "stdout",
  "stdout_bytes",
  "target",
  "timed_out",
  "tool",
  "truncated_stderr",
  "truncated_stdout",
];
