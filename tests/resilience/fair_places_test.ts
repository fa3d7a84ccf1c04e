import fc from "fast-check";
import assert from "node:assert/strict";
import { FairPlaces, type Place } from "../../src/resilience/fair_places.ts";

Deno.test("places: there are as many as the limit, and one given back is free again, once", () => {
  const places = new FairPlaces(() => 2);
  const never = () => assert.fail("was taken away");
  const first = places.take("a", never)!;
  assert.notEqual(places.take("a", never), null);
  assert.equal(places.take("a", never), null);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(places.taken, 1);
  assert.notEqual(places.take("a", never), null);
  assert.equal(places.take("a", never), null);
});

Deno.test("places: who holds the most gives its oldest up, and has given it back by then", () => {
  const places = new FairPlaces(() => 3);
  const gone: string[] = [];
  const take = (holder: string, name: string) =>
    places.take(holder, () => gone.push(`${name} of ${places.taken}`));
  for (const name of ["a1", "a2", "a3"]) take("a", name);
  assert.notEqual(take("b", "b1"), null);
  assert.deepEqual([gone, places.taken], [["a1 of 2"], 3]);
  assert.equal(take("b", "b2"), null, "a has only one more");
  assert.equal(take("c", "c1") !== null, true);
  assert.deepEqual(gone, ["a1 of 2", "a2 of 2"]);
  assert.equal(take("d", "d1"), null, "nobody has two");
});

Deno.test("places: a limit that is lowered takes none away by itself", () => {
  let limit = 4;
  const places = new FairPlaces(() => limit);
  let gone = 0;
  for (let nth = 0; nth < 4; nth++) places.take("a", () => void gone++);
  limit = 2;
  assert.deepEqual([places.take("a", () => {}), gone, places.taken], [null, 0, 4]);
  assert.notEqual(places.take("b", () => {}), null);
  assert.deepEqual([gone, places.taken], [3, 2]);
});

Deno.test("places: each is granted, refused or taken away as the rule has it, and never more than there are", () => {
  const stepArb = fc.record({
    takes: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0),
    holder: fc.constantFrom("a", "b", "c"),
    nth: fc.nat(7),
  });
  const steps = fc.array(stepArb, { maxLength: 100, size: "max" });
  fc.assert(fc.property(fc.integer({ min: 1, max: 8 }), steps, (limit, steps) => {
    const places = new FairPlaces(() => limit);
    /** Oldest first. */
    let held: { readonly id: number; readonly holder: string; readonly place: Place }[] = [];
    const takenAway: number[] = [];
    for (const [id, { takes, holder, nth }] of steps.entries()) {
      if (!takes) {
        const one = held[nth];
        one?.place[Symbol.dispose]();
        held = held.filter((other) => other !== one);
        continue;
      }
      const countOf = (name: string) => held.filter((one) => one.holder === name).length;
      const most = Math.max(0, ...held.map((one) => countOf(one.holder)));
      const victim = held.length < limit ? null : held.find((one) => countOf(one.holder) === most)!;
      const isGranted = victim === null || most >= countOf(holder) + 2;
      takenAway.length = 0;
      const place = places.take(holder, () => void takenAway.push(id));
      assert.equal(place !== null, isGranted);
      if (place === null) continue;
      assert.deepEqual(takenAway, victim === null ? [] : [victim.id]);
      held = [...held.filter((one) => one !== victim), { id, holder, place }];
      // Giving back what was taken away frees nobody else's.
      victim?.place[Symbol.dispose]();
      assert.deepEqual([places.taken, places.taken <= limit], [held.length, true]);
    }
    assert.equal(places.taken, held.length);
  }));
});
