/**
 * Names to addresses, by the system's own resolver in a compartment of its own: `getent ahosts NAME`, see getent(1),
 * so that /etc/hosts and whatever nsswitch.conf(5) says count as they do for the tools.
 *
 * @module
 */
import { CHILD_ENVIRONMENT } from "../confinement/child_environment.ts";
import type { Clock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import { quote } from "../core/text.ts";
import { type Address, parseAddress } from "../policy/address.ts";
import type { NameFact } from "../policy/facts.ts";
import { Semaphore } from "../resilience/semaphore.ts";
import type { Executor } from "./toolbox.ts";

/** Looked up at once, and waiting, whatever the number of requests. */
const CONCURRENCY = 4;
const MAX_QUEUE = 64;

/** Milliseconds for one name: two servers, asked twice, with the five seconds of resolv.conf(5) are not waited for. */
const DEADLINE_MS = 10_000;

const LIMITS = {
  deadlineMs: DEADLINE_MS,
  killGraceMs: 200,
  maxBytes: { stdout: 65_536, stderr: 4096 },
  onFlood: "kill",
  ceilings: { memoryBytes: 536_870_912, cpuSec: 5, openFiles: 64, fileBytes: 0 },
  tree: { memoryBytes: null, processes: null },
} as const;

/** getent(1), EXIT STATUS: the name could not be found. */
const NOT_FOUND = 2;

/** Resolves names. */
export class Resolver {
  #executor: Executor | null = null;
  #whyNot = "";
  readonly #turns: Semaphore;

  constructor(clock: Clock) {
    this.#turns = new Semaphore({ permits: CONCURRENCY, maxQueue: MAX_QUEUE, clock });
  }

  /**
   * Says what names are resolved with from now on.
   *
   * @param executor the compartment of `getent`, or null where there is none
   * @param whyNot why there is none
   */
  use(executor: Executor | null, whyNot: string): void {
    this.#executor = executor;
    this.#whyNot = whyNot;
  }

  /** Why names cannot be resolved any more though they could be, or null. */
  get death(): string | null {
    return this.#executor?.death ?? null;
  }

  /** Looks one canonical name up. Never rejects; aborting `signal` ends it early. */
  async resolve(name: string, signal: AbortSignal): Promise<NameFact> {
    const dead = this.#executor?.death ?? null;
    if (this.#executor === null || dead !== null) {
      return failed(`names cannot be resolved: ${dead ?? this.#whyNot}`, "Give the host's address instead.");
    }
    const turn = await this.#turns.acquire({ signal });
    if (!turn.ok) {
      const fact = failed("too many names are being resolved", "Wait, then try again, or give the address.");
      return turn.code === "aborted" ? fact : { ...fact, retryAfterMs: turn.retryAfterMs };
    }
    try {
      const order = { ...LIMITS, id: newId(), args: ["ahosts", name], env: CHILD_ENVIRONMENT };
      const execution = await this.#executor.run(order, signal);
      if (execution.status !== "ended") {
        const why = execution.status === "cancelled" ? "it was cancelled" : execution.reason;
        return failed(`the name could not be resolved: ${why}`, "Give the host's address instead.");
      }
      const { ending: { code, cause }, output } = execution;
      if (cause === "timeout") {
        return failed(
          `no answer from the resolver within ${DEADLINE_MS / 1000} s`,
          "Try again, or give the address.",
        );
      }
      if (code === NOT_FOUND) {
        return failed("the name has no address", "Check its spelling, or give the address.");
      }
      if (code !== 0) return failed("the resolver failed", "Try again, or give the host's address.");
      return readAddresses(new TextDecoder().decode(output.stdout));
    } finally {
      turn.permit.release();
    }
  }
}

/**
 * Reads what `getent ahosts` prints: lines of an address, the kind of a socket, and in the first the name.
 *
 * An address that cannot be read, such as one with a zone, makes the whole of it unusable: it may be the one that a
 * program takes.
 */
export function readAddresses(text: string): NameFact {
  const addresses: Address[] = [];
  for (const line of text.split("\n")) {
    const word = line.trim().split(/\s+/)[0]!;
    if (word === "") continue;
    const address = parseAddress(word);
    if (address === null) {
      return failed(
        `it has the address ${quote(word)}, which cannot be checked`,
        "Give the host's address instead.",
      );
    }
    const known = addresses.some(({ family, value }) => family === address.family && value === address.value);
    if (!known) addresses.push(address);
  }
  if (addresses.length === 0) {
    return failed("the name has no address", "Check its spelling, or give the address.");
  }
  return { ok: true, addresses };
}

function failed(reason: string, remedy: string): Extract<NameFact, { ok: false }> {
  return { ok: false, reason, remedy };
}
