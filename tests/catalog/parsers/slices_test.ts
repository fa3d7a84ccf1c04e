import assert from "node:assert/strict";
import { Slices } from "../../../src/catalog/parsers/slices.ts";
import { FakeClock } from "../../support/fake_clock.ts";

Deno.test("a pause is due when 5 ms have passed, and the clock is looked at every 4096 units only", () => {
  const clock = new FakeClock();
  const slices = new Slices(clock);
  clock.advance(4.9);
  assert.equal(slices.spend(5000), false);
  clock.advance(0.1);
  assert.equal(slices.spend(4095), false);
  assert.equal(slices.spend(1), true);
  assert.equal(slices.spend(4095), false);
});

Deno.test("a pause lets everything else that is due run, and a new slice begins after it", async () => {
  const clock = new FakeClock();
  const slices = new Slices(clock);
  clock.advance(5);
  const order: string[] = [];
  clock.after(0, () => order.push("other"));
  const paused = slices.pause().then(() => order.push("paused"));
  await Promise.resolve();
  assert.deepEqual(order, []);
  clock.advance(100);
  await paused;
  assert.deepEqual(order, ["other", "paused"]);
  assert.equal(slices.spend(5000), false);
  clock.advance(5);
  assert.equal(slices.spend(5000), true);
});
