import assert from "node:assert/strict";
import fc from "fast-check";
import { formatAddress, parseAddress } from "../../src/policy/address.ts";
import { readAddresses, Resolver } from "../../src/runs/resolver.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { endedWith, FakeExecutor, flush } from "../support/engine.ts";

const never = new AbortController().signal;

function resolverOf(executor: FakeExecutor | null, whyNot = ""): Resolver {
  const resolver = new Resolver(new FakeClock());
  resolver.use(executor, whyNot);
  return resolver;
}

Deno.test("resolver: what getent prints is read, each address once and in its order", () => {
  const text = "10.0.0.7        STREAM web.lab.internal\n10.0.0.7        DGRAM  \n10.0.0.7        RAW    \n" +
    "fd00::7         STREAM \nfd00::7         DGRAM  \n";
  const fact = readAddresses(text);
  assert.deepEqual(fact.ok && fact.addresses.map(formatAddress), ["10.0.0.7", "fd00::7"]);
});

Deno.test("resolver: an address that cannot be checked makes the name unusable, and so does none at all", () => {
  for (
    const text of ["fe80::1%eth0 STREAM web\n10.0.0.7 STREAM\n", "10.1 STREAM web\n", "", "\n\n", "web\n"]
  ) {
    assert.equal(readAddresses(text).ok, false, text);
  }
});

Deno.test("resolver: whatever is printed, only addresses come out", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const fact = readAddresses(text);
    for (const address of fact.ok ? fact.addresses : []) {
      assert.deepEqual(parseAddress(formatAddress(address)), address);
    }
  }));
});

Deno.test("resolver: the name is the program's last argument, and its exit code says how it went", async () => {
  for (
    const [execution, expected] of [
      [endedWith({}, "10.0.0.7 STREAM web\n"), null],
      [endedWith({ code: 2 }), /has no address/],
      [endedWith({ code: 1 }), /the resolver failed/],
      [endedWith({ code: null, signal: "SIGKILL" }), /the resolver failed/],
      [
        endedWith({ code: null, signal: "SIGTERM", cause: "timeout" }),
        /no answer from the resolver within 10 s/,
      ],
      [{ status: "not_started", reason: "it is gone" } as const, /could not be resolved: it is gone/],
    ] as const
  ) {
    const executor = new FakeExecutor();
    executor.answer = () => execution;
    const fact = await resolverOf(executor).resolve("web.lab.internal", never);
    if (expected === null) assert.ok(fact.ok);
    else assert.match(fact.ok ? "" : fact.reason, expected);
    assert.deepEqual(executor.orders.map(({ args }) => args), [["ahosts", "web.lab.internal"]]);
  }
});

Deno.test("resolver: without getent, or when its compartment is gone, names are refused with the reason", async () => {
  const none = await resolverOf(null, "there is no program getent").resolve("web.lab.internal", never);
  assert.match(none.ok ? "" : none.reason, /there is no program getent$/);
  const executor = new FakeExecutor();
  executor.death = "the tool's compartment is gone";
  const dead = await resolverOf(executor).resolve("web.lab.internal", never);
  assert.match(dead.ok ? "" : dead.reason, /compartment is gone$/);
  assert.deepEqual(executor.orders, []);
});

Deno.test("resolver: four names at once, and 64 wait; who gives up leaves", async () => {
  const executor = new FakeExecutor();
  const resolver = resolverOf(executor);
  const controller = new AbortController();
  const names = Array.from({ length: 68 }, (_, index) => resolver.resolve(`h${index}`, controller.signal));
  await flush();
  assert.equal(executor.pending.length, 4);
  const turnedAway = await resolver.resolve("late", never);
  assert(!turnedAway.ok);
  assert.match(turnedAway.reason, /too many names/);
  // 65 turns, each taken to last a second, four at a time.
  assert.equal(turnedAway.retryAfterMs, 16_250);
  controller.abort();
  for (const fact of await Promise.all(names)) assert(!fact.ok && fact.retryAfterMs === undefined);
  assert.equal(executor.pending.length, 0);
  executor.answer = () => endedWith({}, "10.0.0.7 STREAM web\n");
  assert.ok((await resolver.resolve("again", never)).ok);
});
