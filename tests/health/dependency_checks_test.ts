import assert from "node:assert/strict";
import type { Probed } from "../../src/confinement/prober.ts";
import { dependencyChecks } from "../../src/health/dependency_checks.ts";

const DEPENDENCIES = [
  { name: "ldap", tcp: "ldap.lab.internal:389", priority: "critical" },
  { name: "vault", http: "https://[fd00::5]:8200/health?token=secret", priority: "informational" },
] as const;

/** What the checks find when a prober has this to say. */
async function found(index: 0 | 1, probed: Probed) {
  const asked: (readonly [number, AbortSignal])[] = [];
  const checks = dependencyChecks(DEPENDENCIES, {
    probe(number, signal) {
      asked.push([number, signal]);
      return Promise.resolve(probed);
    },
  });
  const { signal } = new AbortController();
  const outcome = await checks[index]!.check(signal);
  assert.deepEqual(asked, [[index, signal]]);
  return outcome;
}

Deno.test("dependency checks: each has its name and its priority", () => {
  const checks = dependencyChecks(DEPENDENCIES, { probe: () => assert.fail("nobody asked") });
  assert.deepEqual(checks.map(({ name, priority }) => [name, priority]), [
    ["ldap", "critical"],
    ["vault", "informational"],
  ]);
});

Deno.test("dependency checks: a connection is healthy, with where and how long", async () => {
  assert.deepEqual(await found(0, { ok: true, durationMs: 1.2345, status: null }), {
    status: "healthy",
    message: "it accepts connections",
    metadata: { address: "ldap.lab.internal:389", duration_ms: 1.2 },
  });
});

for (
  const [status, health] of [
    [200, "healthy"],
    [302, "healthy"],
    [399, "healthy"],
    [400, "unhealthy"],
    [503, "unhealthy"],
  ] as const
) {
  Deno.test(`dependency checks: status ${status} is ${health}, and the URL is not shown`, async () => {
    assert.deepEqual(await found(1, { ok: true, durationMs: 3, status }), {
      status: health,
      message: `it answers with status ${status}`,
      metadata: { address: "[fd00::5]:8200", duration_ms: 3, http_status: status },
    });
  });
}

Deno.test("dependency checks: what is not there is unhealthy, with the reason", async () => {
  assert.deepEqual(await found(0, { ok: false, reason: "no connection: refused" }), {
    status: "unhealthy",
    message: "no connection: refused",
    metadata: { address: "ldap.lab.internal:389" },
  });
});
