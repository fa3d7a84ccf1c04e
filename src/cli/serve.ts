/**
 * `bulkhead serve`: MCP over stdio or HTTP, until a signal or the client ends it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { object } from "@optique/core";
import { abortionOf } from "../confinement/compartment.ts";
import { reportStrayOutput } from "../confinement/standard_output.ts";
import { listenerSettings, stopSettings } from "../config/settings.ts";
import { describeValue } from "../documents/describe_value.ts";
import type { Tokens } from "../http/tokens.ts";
import { type Address, parseAddress } from "../policy/address.ts";
import { standardError } from "../logging/setup.ts";
import { LOCALHOST } from "../policy/hostname.ts";
import { isOffered } from "../runs/toolbox.ts";
import { readArguments } from "./arguments.ts";
import { EXIT, Exit, type Io } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { type Engine, startEngine } from "../server/engine.ts";
import type { Listener } from "../server/listener.ts";
import { configFlags, configOptions, serverOptions } from "./options.ts";
import { readTokens } from "../server/read_tokens.ts";
import { Reloader } from "../server/reloader.ts";
import { readSetup } from "../server/setup.ts";
import { UncaughtErrors } from "../server/uncaught_errors.ts";

/** Its arguments. */
export const parser = object({ ...serverOptions, ...configOptions });
const logger = getLogger(["bulkhead", "server"]);

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const flags = configFlags(readArguments(parser, invocation));
  // Heard from the beginning: whoever reads the ready line may send one at once.
  using signals = new Signals();
  using uncaught = new UncaughtErrors();
  const setup = readSetup(flags, io);
  const { transport, host: named } = listenerSettings(setup.config);
  const tokens = transport === "http" ? await readTokens(setup, io) : null;
  const host = transport === "http" ? listenAddress(named, tokens, io) : "";
  if (tokens !== null) warnAbout(tokens, host);
  // Each transport brings its own packages; they are loaded while the compartments come up.
  const http = transport === "http" ? import("../server/listen_http.ts") : null;
  const stdio = transport === "stdio" ? import("../server/listen_stdio.ts") : null;
  const engine = startEngine(setup, tokens, null, io);
  reportStrayOutput((text) => logger.warn("something was kept from standard output", { text }));
  // The listener is bound while that is still permitted; a client over stdio is heard only after.
  const sealed = Promise.withResolvers<void>();
  try {
    const bound = (await http)?.listenHttp(engine, host, sealed.promise, io);
    await engine.seal();
    sealed.resolve();
    // A client over stdio may begin to speak meanwhile; its runs wait for the same decision.
    const listener = bound ?? await (await stdio)!.listenStdio(engine);
    const confined = engine.confined().then(() => engine.keepRuns());
    // Whoever stops the server meanwhile does not wait to hear that it could not have begun.
    confined.catch(() => {});
    await Promise.race([confined, signals.first]);
    // What changes once the server has said that it is ready is noticed.
    if (!signals.wereHeard) await Promise.race([keepUp(engine, signals), signals.first]);
    if (!signals.wereHeard) {
      announce(engine, listener);
      engine.health.start();
    }
    const end = await untilStopped(signals, uncaught, listener, engine);
    if (end.bug !== null) throw end.bug.error;
    if (end.lost === null) return EXIT.ok;
    standardError.write(`bulkhead: ${end.lost}: stopped rather than run programs unconfined\n`);
    return EXIT.bug;
  } finally {
    // However it ends, nothing that was run is left.
    await engine.close();
  }
};

/** The address to listen on. Without tokens nobody but this machine may connect. */
function listenAddress(text: string, tokens: Tokens | null, io: Io): string {
  const host = text === LOCALHOST.name ? LOCALHOST.address : text;
  const address = parseAddress(host);
  const problem = address === null
    ? "it is not an address; use 127.0.0.1 or ::1"
    : tokens === null && !isLoopback(address)
    ? "without auth.tokens_file it listens on loopback only; use 127.0.0.1 or ::1, or configure tokens"
    : address.value === 0n
    // What is aimed at the server itself could not be told from what is aimed at the lab.
    ? "it stands for every address of this machine; name the one to listen on"
    : null;
  if (problem === null) return host;
  io.stderr(`server.host: cannot listen on ${describeValue(text)}: ${problem}\n`);
  throw new Exit(EXIT.usage);
}

function isLoopback({ family, value }: Address): boolean {
  return family === 4 ? value >> 24n === 127n : value === 1n;
}

function warnAbout(tokens: Tokens, host: string): void {
  if (tokens.size === 0) logger.warn("the file of tokens has none: nobody is let in");
  if (isLoopback(parseAddress(host)!)) return;
  logger.warn("tokens cross the network as they are: put a proxy with TLS in front", { host });
}

function announce(engine: Engine, listener: Listener): void {
  const entries = [...engine.toolbox.values()];
  const offered = entries.filter(isOffered).map(({ tool }) => tool.name);
  // As the log is written: a client over stdio may have filled the pipe already, and not read it.
  standardError.write(`bulkhead: ready on ${listener.place}; tools: ${offered.join(", ") || "none"}\n`);
  for (const { tool, enabled, availability } of entries) {
    if (!enabled || availability.available) continue;
    logger.warn("tool not available", {
      tool: tool.name,
      reason: availability.reason,
      remedy: availability.remedy,
    });
  }
}

/**
 * Takes over what changes while the server runs: by itself, and when SIGHUP asks for it. Resolves when whatever changes
 * from then on is noticed.
 */
function keepUp(engine: Engine, signals: Signals): Promise<void> {
  const reloader = new Reloader(engine, engine.confinement.scribe, engine.setUpLogging);
  signals.onHangUp(() => void reloader.reload("SIGHUP"));
  return reloader.begin();
}

/** Signals: those that ask the server to stop, the first politely, the second at once; and the one to reload. */
class Signals implements Disposable {
  /** Resolves at the first signal to stop. */
  readonly first: Promise<void>;
  readonly #second = new AbortController();
  readonly #onSignal: () => void;
  readonly #onHangUp = () => this.#hungUp();
  /** One that came before there was anything to reload is answered as soon as there is. */
  #hungUp: () => void = () => this.#wasHungUp = true;
  #wasHungUp = false;
  #count = 0;

  constructor() {
    const first = Promise.withResolvers<void>();
    this.first = first.promise;
    this.#onSignal = () => {
      if (++this.#count > 1) this.#second.abort();
      first.resolve();
    };
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#onSignal);
    Deno.addSignalListener("SIGHUP", this.#onHangUp);
  }

  /** Whether a signal to stop has come. */
  get wereHeard(): boolean {
    return this.#count > 0;
  }

  /** Has `listener` called at each SIGHUP. */
  onHangUp(listener: () => void): void {
    this.#hungUp = listener;
    if (this.#wasHungUp) listener();
  }

  /** Aborted at the second signal. */
  get second(): AbortSignal {
    return this.#second.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#onSignal);
    Deno.removeSignalListener("SIGHUP", this.#onHangUp);
  }
}

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** How long answers may take to reach their clients once every run has ended, in milliseconds. */
const CLOSE_MS = 3000;

/**
 * Waits for a signal or the client's end; then an orderly stop, which a second signal cuts short. When the confinement
 * is lost, or the server has shown a bug, there is nothing to wait for: `lost` is the reason, `bug` has the error.
 */
async function untilStopped(
  signals: Signals,
  uncaught: UncaughtErrors,
  listener: Listener,
  engine: Engine,
): Promise<{ readonly lost: string | null; readonly bug: { readonly error: unknown } | null }> {
  let lost: string | null = null;
  let bug: { readonly error: unknown } | null = null;
  const noted = engine.confinement.lost.then((reason) => {
    lost = reason;
    return "lost" as const;
  });
  const reason = await Promise.race([
    signals.first.then(() => "signal" as const),
    listener.ended.then(() => "client" as const),
    noted,
    uncaught.first.then((first) => {
      bug = first;
      return "bug" as const;
    }),
  ]);
  logger.info("stopping", { reason });
  // Nobody is left to take an answer when the client has closed its pipe.
  const graceMs = reason !== "signal" ? 0 : stopSettings(engine.inEffect.setup.config).graceMs;
  // The grace is for clients: a run that is a check is not waited for.
  engine.health.stop();
  const stopped = engine.pipeline.shutDown(graceMs, signals.second);
  void abortionOf(signals.second).then(() => engine.confinement.killRuns());
  await stopped;
  await listener.close(AbortSignal.any([signals.second, AbortSignal.timeout(CLOSE_MS)]));
  return { lost, bug };
}
