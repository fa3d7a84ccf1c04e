/**
 * What admission costs each run, beside the two semaphores that it is made of: the breaker asked twice, two signals
 * joined, a rate looked up. Read the ratio; the difference is a few microseconds.
 *
 *     deno task bench tests/bench/admission_bench.ts
 *
 * @module
 */
import { systemClock } from "../../src/core/clock.ts";
import { RateLimiter } from "../../src/resilience/rate_limiter.ts";
import { Semaphore } from "../../src/resilience/semaphore.ts";
import { type AdmissionSettings, Gate } from "../../src/runs/admission.ts";
import { makeEngine } from "../support/engine.ts";

const maxConcurrency = 16;
const entry = makeEngine().toolbox.get("probe")!;
const { signal } = new AbortController();
const limits = { permits: 1, maxQueue: 2, clock: systemClock };
const own = new Semaphore(limits);
const all = new Semaphore({ ...limits, permits: maxConcurrency });

async function takeTwo(): Promise<void> {
  const first = await own.acquire({ signal });
  const second = await all.acquire({ signal });
  if (!first.ok || !second.ok) throw new Error("the bench itself waits");
  second.permit.release();
  first.permit.release();
}

function admitting(settings: AdmissionSettings): () => Promise<void> {
  const gate = new Gate(() => settings, systemClock);
  return async () => {
    const step = await gate.admit(entry, "bench", signal);
    if (!step.ok) throw new Error(step.refusal.error);
    step.value.release();
  };
}

const rateLimiter = new RateLimiter({ perSecond: 1000, burst: 1_000_000, maxKeys: 10, clock: systemClock });
const group = "admission and its end";
Deno.bench({ name: "two semaphores", group, baseline: true, fn: takeTwo });
Deno.bench({ name: "the gate", group, fn: admitting({ maxConcurrency, rateLimiter: null }) });
Deno.bench({ name: "the gate with a rate limit", group, fn: admitting({ maxConcurrency, rateLimiter }) });
