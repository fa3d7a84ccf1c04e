/**
 * `bulkhead call`: one run, then exit.
 *
 * @module
 */
import { argument, float, message, multiple, object, option, optional, string } from "@optique/core";
import type { Tool } from "../catalog/tool.ts";
import { type Refusal, REFUSAL_ANSWERS, refusalBody } from "../core/refusal.ts";
import { exitCodeOf, type RunResult } from "../core/result.ts";
import { escapeControls, escapeControlsInJson, quote } from "../core/text.ts";
import { jsonFromText } from "../policy/value.ts";
import type { RunAnswer } from "../runs/pipeline.ts";
import type { RunRequest } from "../runs/plan.ts";
import { readArguments } from "./arguments.ts";
import { askAt, ownTerminal } from "./ask_at_terminal.ts";
import type { Io } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { type Engine, startEngine } from "../server/engine.ts";
import { configFlags, configOptions, toolName } from "./options.ts";
import { readSetup } from "../server/setup.ts";

/** Its arguments. */
export const parser = object({
  tool: argument(toolName("TOOL"), { description: message`The tool's name.` }),
  target: optional(option("--target", string({ metavar: "T" }), { description: message`What to aim at.` })),
  param: multiple(option("--param", string({ metavar: "K=V" }), {
    description: message`A parameter of the tool; may be repeated.`,
  })),
  extraArgs: optional(option("--extra-args", string({ metavar: "S" }), {
    description: message`Further flags, in one text.`,
  })),
  timeout: optional(option("--timeout", float({ metavar: "SEC" }), {
    description: message`Seconds after which the run is stopped.`,
  })),
  json: option("--json", { description: message`Print the result as JSON.` }),
  ...configOptions,
});

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const options = readArguments(parser, invocation);
  // A person at a terminal asked for one result; what a server logs of a run would only stand around it.
  const setup = readSetup(configFlags({ ...options, logLevel: options.logLevel ?? "warning" }), io);
  const tool = setup.tools.find(({ tool }) => tool.name === options.tool)?.tool;
  // Of an unknown tool the pipeline says so; its parameters have no types to be read by.
  const parameters = readParameters(tool === undefined ? [] : options.param, tool);
  if (!parameters.ok) return refused(parameters.refusal, options.json, io);
  const engine = startEngine(setup, null, options.tool, io);
  const request: RunRequest = {
    parameters: parameters.value,
    ...(options.target !== undefined && { target: options.target }),
    ...(options.extraArgs !== undefined && { extra_args: options.extraArgs }),
    ...(options.timeout !== undefined && { timeout_sec: options.timeout }),
  };
  const answer = await answerOnce(engine, options.tool, request, io);
  if (answer.kind === "refusal") return refused(answer.refusal, options.json, io);
  if (options.json) io.stdout(`${escapeControlsInJson(JSON.stringify(answer.result, null, 2))}\n`);
  else printResult(answer.result, answer.summary, io);
  return exitCodeOf(answer.result);
};

/** Starts the engine up, runs once, and ends it, however that goes: nothing that was run is left. */
async function answerOnce(engine: Engine, tool: string, request: RunRequest, io: Io): Promise<RunAnswer> {
  const cancelled = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => cancelled.abort());
  }
  try {
    await engine.seal();
    await engine.confined();
    const terminal = ownTerminal(io.stderr);
    return await engine.pipeline.run(tool, request, {
      signal: cancelled.signal,
      client: "cli",
      mayIntrude: true,
      ...(terminal !== null && { ask: askAt(terminal) }),
    });
  } finally {
    await engine.close();
  }
}

function readParameters(
  pairs: readonly string[],
  tool: Tool | undefined,
): { readonly ok: true; readonly value: Record<string, unknown> } | {
  readonly ok: false;
  readonly refusal: Refusal;
} {
  const values = new Map<string, unknown>();
  const invalid = (error: string, remedy: string) =>
    ({ ok: false, refusal: { condition: "invalid", field: "parameters", error, remedy } }) as const;
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 1) {
      return invalid(`--param ${quote(pair)} has no name and value`, "Write --param name=value.");
    }
    const name = pair.slice(0, equals);
    if (values.has(name)) return invalid(`parameter ${quote(name)} is given twice`, "Give it once.");
    const text = pair.slice(equals + 1);
    // Which mode is meant is one of the parameters; of one name they are read alike.
    const spec = [...tool?.forms.values() ?? []].map(({ grammar }) => grammar.parameters.get(name)?.value)
      .find((value) => value !== undefined);
    values.set(name, spec === undefined ? text : jsonFromText(text, spec));
  }
  return { ok: true, value: Object.fromEntries(values) };
}

function refused(refusal: Refusal, json: boolean, io: Io): number {
  if (json) io.stdout(`${escapeControlsInJson(JSON.stringify(refusalBody(refusal), null, 2))}\n`);
  else io.stderr(escapeControls(`refused: ${refusal.error}\n${refusal.remedy}\n`));
  return REFUSAL_ANSWERS[refusal.condition].exitCode;
}

function printResult(result: RunResult, summary: string | null, io: Io): void {
  const output = summary ?? result.stdout;
  if (output !== "") io.stdout(`${escapeControls(output.trimEnd())}\n`);
  if (summary === null || result.outcome !== "success") {
    if (result.stderr !== "") io.stderr(`${escapeControls(result.stderr.trimEnd())}\n`);
  }
  if (result.truncated_stdout) {
    io.stderr(`only the first part of ${result.stdout_bytes} bytes of output was kept\n`);
  }
  if (result.error !== null) io.stderr(`${escapeControls(result.error)}\n`);
}
