/**
 * `bulkhead serve`: MCP over stdio or HTTP, until a signal or the client ends it.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { object } from "@optique/core";
import { listenerSettings, stopSettings } from "../config/settings.ts";
import { describeValue } from "../documents/describe_value.ts";
import { parseAddress } from "../policy/address.ts";
import { LOCALHOST } from "../policy/hostname.ts";
import { isOffered } from "../runs/toolbox.ts";
import { readArguments } from "./arguments.ts";
import { type Command, EXIT, Exit, type Io } from "./command.ts";
import { type Engine, startEngine } from "./engine.ts";
import type { Listener } from "./listener.ts";
import { configFlags, configOptions, serverOptions } from "./options.ts";
import { readSetup, type Setup } from "./setup.ts";

const parser = object({ ...serverOptions, ...configOptions });
const logger = getLogger(["bulkhead", "server"]);

/** The command. */
export const run: Command = async (invocation) => {
  const { io } = invocation;
  const flags = configFlags(readArguments(parser, invocation));
  // Heard from the beginning: whoever reads the ready line may send one at once.
  using signals = new StopSignals();
  const setup = readSetup(flags, io);
  const { transport, host: named } = listenerSettings(setup.config);
  const host = transport === "http" ? loopbackHost(named, io) : "";
  // Each transport brings its own packages; they are loaded while the compartments come up.
  const http = transport === "http" ? import("./listen_http.ts") : null;
  const stdio = transport === "stdio" ? import("./listen_stdio.ts") : null;
  const engine = await startEngine(setup, null, io);
  // The listener is bound while that is still permitted; a client over stdio is heard only after.
  const sealed = Promise.withResolvers<void>();
  try {
    const bound = (await http)?.listenHttp(setup, engine, host, sealed.promise, io);
    await engine.seal();
    sealed.resolve();
    // A client over stdio may begin to speak meanwhile; its runs wait for the same decision.
    const listener = bound ?? await (await stdio)!.listenStdio(setup, engine);
    const confined = engine.confined();
    // Whoever stops the server meanwhile does not wait to hear that it could not have begun.
    confined.catch(() => {});
    await Promise.race([confined, signals.first]);
    announce(engine, listener, io);
    const end = await untilStopped(signals, listener, engine, setup);
    if (end.lost === null) return EXIT.ok;
    io.stderr(`bulkhead: ${end.lost}: stopped rather than run programs unconfined\n`);
    return EXIT.bug;
  } finally {
    // However it ends, nothing that was run is left.
    await engine.close();
  }
};

/** Without tokens nobody but this machine may connect. */
function loopbackHost(text: string, io: Io): string {
  const address = parseAddress(text === LOCALHOST.name ? LOCALHOST.address : text);
  const isLoopback = address !== null &&
    (address.family === 4 ? address.value >> 24n === 127n : address.value === 1n);
  if (isLoopback) return text === LOCALHOST.name ? LOCALHOST.address : text;
  io.stderr(
    `server.host: cannot listen on ${describeValue(text)}: this version has no tokens, so it listens on ` +
      "loopback only; use 127.0.0.1 or ::1\n",
  );
  throw new Exit(EXIT.usage);
}

function announce(engine: Engine, listener: Listener, io: Io): void {
  const entries = [...engine.toolbox.values()];
  const offered = entries.filter(isOffered).map(({ tool }) => tool.name);
  io.stderr(`bulkhead: ready on ${listener.place}; tools: ${offered.join(", ") || "none"}\n`);
  for (const { tool, enabled, availability } of entries) {
    if (!enabled || availability.available) continue;
    logger.warn("tool not available", {
      tool: tool.name,
      reason: availability.reason,
      remedy: availability.remedy,
    });
  }
}

/** Signals that ask the server to stop: the first politely, the second at once. */
class StopSignals implements Disposable {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  readonly #second = new AbortController();
  readonly #onSignal: () => void;

  constructor() {
    const first = Promise.withResolvers<void>();
    this.first = first.promise;
    let count = 0;
    this.#onSignal = () => {
      if (++count > 1) this.#second.abort();
      first.resolve();
    };
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#onSignal);
  }

  /** Aborted at the second signal. */
  get second(): AbortSignal {
    return this.#second.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#onSignal);
  }
}

const STOP_SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** How long answers may take to reach their clients once every run has ended, in milliseconds. */
const CLOSE_MS = 1000;

/**
 * Waits for a signal or the client's end; then an orderly stop, which a second signal cuts short. When the confinement
 * is lost there is nothing to wait for: `lost` is the reason.
 */
async function untilStopped(
  signals: StopSignals,
  listener: Listener,
  engine: Engine,
  setup: Setup,
): Promise<{ readonly lost: string | null }> {
  let lost: string | null = null;
  const noted = engine.confinement.lost.then((reason) => {
    lost = reason;
    return "lost" as const;
  });
  const reason = await Promise.race([
    signals.first.then(() => "signal" as const),
    listener.ended.then(() => "client" as const),
    noted,
  ]);
  logger.info("stopping", { reason });
  // Nobody is left to take an answer when the client has closed its pipe.
  const graceMs = reason !== "signal" ? 0 : stopSettings(setup.config).graceMs;
  await engine.pipeline.shutDown(graceMs, signals.second);
  await listener.close(AbortSignal.any([signals.second, AbortSignal.timeout(CLOSE_MS)]));
  return { lost };
}
