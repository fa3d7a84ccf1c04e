import assert from "node:assert/strict";
import { InEffect } from "../../src/server/in_effect.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CONFIG, PlayedFiles, setupOf } from "../support/files.ts";
import { tokensOf } from "../support/tokens.ts";

const setup = (config: string) => setupOf(new PlayedFiles({ [CONFIG]: config }));
const rated = (perSecond: number, burst: number) =>
  setup(`rate_limit: { enabled: true, per_second: ${perSecond}, burst: ${burst} }`);

Deno.test("in effect: what is asked for follows what was put there, as a whole", async () => {
  const [before, after] = [
    setup(""),
    setup("security: { allow_intrusive: true, allowed_targets: [10.0.0.1] }"),
  ];
  const tokens = await tokensOf({ a: ["read"] });
  const inEffect = new InEffect(before, null, new FakeClock());
  const { rules } = inEffect;
  assert.equal(inEffect.rules, rules, "the same until something changes");
  assert.deepEqual([rules.policy, rules.settings.allowIntrusive], [before.policy, false]);
  inEffect.replace(after, tokens);
  assert.deepEqual([inEffect.setup, inEffect.tokens], [after, tokens]);
  assert.deepEqual([inEffect.rules.policy, inEffect.rules.settings.allowIntrusive], [after.policy, true]);
  assert.deepEqual(
    [rules.policy, rules.settings.allowIntrusive],
    [before.policy, false],
    "who has it keeps it",
  );
});

Deno.test("in effect: the same setup brings no new rules, though tokens may be others", async () => {
  const same = setup("");
  const inEffect = new InEffect(same, null, new FakeClock());
  const { rules } = inEffect;
  const tokens = await tokensOf({ a: ["read"] });
  inEffect.replace(same, tokens);
  assert.equal(inEffect.rules, rules);
  assert.equal(inEffect.tokens, tokens);
});

Deno.test("in effect: a rate that is changed forgets nothing of what was taken", () => {
  const clock = new FakeClock();
  const inEffect = new InEffect(rated(1, 2), null, clock);
  const take = () => inEffect.rules.settings.rateLimiter!.take("probe a").ok;
  assert.deepEqual([take(), take(), take()], [true, true, false]);
  inEffect.replace(rated(1, 2), null);
  assert.equal(take(), false);
  inEffect.replace(setup(""), null);
  assert.equal(inEffect.rules.settings.rateLimiter, null);
  inEffect.replace(rated(1, 2), null);
  assert.equal(take(), false, "switched off and on at once, it is as empty as before");
  clock.advance(1000);
  assert.deepEqual([take(), take()], [true, false]);
});

Deno.test("in effect: a rate that is raised is felt at once", () => {
  const clock = new FakeClock();
  const inEffect = new InEffect(rated(1, 1), null, clock);
  const take = () => inEffect.rules.settings.rateLimiter!.take("probe a").ok;
  assert.deepEqual([take(), take()], [true, false]);
  inEffect.replace(rated(100, 1), null);
  clock.advance(10);
  assert.equal(take(), true);
});

Deno.test("in effect: whoever wants to hear of a change is told when it is in effect, tokens alone included", async () => {
  const same = setup("");
  const inEffect = new InEffect(same, null, new FakeClock());
  const seen: unknown[] = [];
  inEffect.onChange(() => seen.push(inEffect.tokens));
  const tokens = await tokensOf({ a: ["read"] });
  inEffect.replace(same, tokens);
  inEffect.replace(setup("tools: { max_concurrency: 1 }"), null);
  assert.deepEqual(seen, [tokens, null]);
});
