import assert from "node:assert/strict";
import { EventLoopLag } from "../../src/health/event_loop_lag.ts";
import { systemClock } from "../../src/core/clock.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** A clock whose timers come late by as much as a test says. */
class LateClock extends FakeClock {
  lateMs = 0;

  override after(delayMs: number, callback: () => void): () => void {
    return super.after(delayMs + this.lateMs, callback);
  }
}

Deno.test("event loop lag: the longest of the last half minute, and no timer after the end", () => {
  const clock = new LateClock();
  const lag = new EventLoopLag(clock);
  assert.equal(lag.longestMs, 0);
  lag.start();
  lag.start();
  assert.equal(clock.pending, 1);
  clock.advance(500);
  assert.equal(lag.longestMs, 0);
  clock.lateMs = 1200;
  clock.advance(500);
  clock.lateMs = 40;
  clock.advance(1700);
  assert.equal(lag.longestMs, 1200);
  clock.advance(29_000);
  assert.equal(lag.longestMs, 1200);
  clock.advance(5000);
  assert.equal(lag.longestMs, 40);
  lag.stop();
  lag.stop();
  assert.equal(clock.pending, 0);
});

Deno.test("event loop lag: a thread that is kept busy is found to be late", async () => {
  const lag = new EventLoopLag(systemClock);
  lag.start();
  try {
    // Behind its first look, so that this is known to be after its second.
    await new Promise((resolve) => setTimeout(resolve, 510));
    const until = performance.now() + 1500;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert(lag.longestMs > 800, `${lag.longestMs}`);
  } finally {
    lag.stop();
  }
});
