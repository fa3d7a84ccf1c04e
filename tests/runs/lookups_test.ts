import assert from "node:assert/strict";
import { parseAddress } from "../../src/policy/address.ts";
import type { FileFact, NameFact } from "../../src/policy/facts.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { type Lookups, planWithLookups } from "../../src/runs/lookups.ts";
import type { RunRequest } from "../../src/runs/plan.ts";
import { toolOf } from "../support/engine.ts";

const tool = toolOf({
  flags: {
    "--via": { value: { type: "target", kinds: ["host"] }, repeat: true },
    "-w": { value: { type: "file", max_mb: 1, max_lines: 100 } },
  },
});

/** What is asked for, and what it comes to. */
class FakeLookups implements Lookups {
  readonly asked: string[] = [];
  readonly names: Record<string, NameFact> = {};
  readonly files: Record<string, FileFact> = {};
  onResolve = () => {};

  resolve(name: string): Promise<NameFact> {
    this.asked.push(`name ${name}`);
    this.onResolve();
    return Promise.resolve(
      this.names[name] ?? { ok: false, reason: "the name has no address", remedy: "Check it." },
    );
  }

  inspect(name: string): Promise<FileFact> {
    this.asked.push(`file ${name}`);
    return Promise.resolve(
      this.files[name] ?? { ok: false, reason: "there is no such file", remedy: "Look." },
    );
  }

  ownListener = () => null;
}

function at(...addresses: readonly string[]): NameFact {
  return { ok: true, addresses: addresses.map((text) => parseAddress(text)!) };
}

function plan(lookups: Lookups, request: RunRequest, signal = new AbortController().signal) {
  return planWithLookups(
    tool,
    request,
    new TargetPolicy(["RFC1918", "ULA", ".lab.internal"], []),
    2048,
    lookups,
    signal,
  );
}

Deno.test("lookups: nothing is asked for a request without names, or one that is refused anyhow", async () => {
  const lookups = new FakeLookups();
  assert.ok((await plan(lookups, { target: "10.0.0.5" })).ok);
  for (const target of ["8.8.8.8", "www.example.com", "-x", "web.lab.internal/24"]) {
    assert.ok(!(await plan(lookups, { target })).ok, target);
  }
  assert.ok(!(await plan(lookups, { target: "web.lab.internal", timeout_sec: 1e9 })).ok);
  assert.deepEqual(lookups.asked, []);
});

Deno.test("lookups: every name is asked for once, and its address stands in its place (D9)", async () => {
  const lookups = new FakeLookups();
  Object.assign(lookups.names, {
    "web.lab.internal": at("10.0.0.7"),
    "gw.lab.internal": at("fd00::1", "10.0.0.1"),
  });
  const request = { target: "web.lab.internal", extra_args: "--via gw.lab.internal --via WEB.lab.internal." };
  const planned = await plan(lookups, request);
  assert.ok(planned.ok);
  assert.deepEqual(lookups.asked, ["name web.lab.internal", "name gw.lab.internal"]);
  assert.ok(!planned.ok || planned.value.args.every((word) => !word.includes("lab.internal")));
});

Deno.test("lookups: a name with an address outside is refused, and so is one without any", async () => {
  const lookups = new FakeLookups();
  lookups.names["web.lab.internal"] = at("10.0.0.7", "8.8.8.8");
  const outside = await plan(lookups, { target: "web.lab.internal" });
  assert.match(outside.ok ? "" : outside.refusal.error, /resolves to 8\.8\.8\.8/);
  const none = await plan(lookups, { target: "no.lab.internal" });
  assert.match(none.ok ? "" : none.refusal.error, /the name has no address$/);
});

Deno.test("lookups: a file is given by its real path, within its bounds", async () => {
  const lookups = new FakeLookups();
  lookups.files["short.txt"] = { ok: true, path: "/lists/short.txt", bytes: 10, lines: 3 };
  lookups.files["long.txt"] = { ok: true, path: "/lists/long.txt", bytes: 10, lines: 101 };
  lookups.files["big.txt"] = { ok: true, path: "/lists/big.txt", bytes: 1_000_001, lines: 1 };
  const planned = await plan(lookups, { target: "10.0.0.5", extra_args: "-w short.txt" });
  assert.deepEqual(planned.ok && planned.value.args, ["-q", "-w", "/lists/short.txt", "10.0.0.5"]);
  for (
    const [name, error] of [
      ["long.txt", /at most 100 lines; this one has 101$/],
      ["big.txt", /at most 1 MB; this one has 1000001 bytes$/],
      ["other.txt", /there is no such file/],
      ["../short.txt", /expected a file in one of tools\.wordlist_dirs/],
      ["/etc/shadow", /expected a file in one of tools\.wordlist_dirs/],
      [".hidden", /expected a file in one of tools\.wordlist_dirs/],
      ["a//b", /expected a file in one of tools\.wordlist_dirs/],
    ] as const
  ) {
    const answer = await plan(lookups, { target: "10.0.0.5", extra_args: `-w ${name}` });
    assert.match(answer.ok ? "" : answer.refusal.error, error, name);
  }
  assert.deepEqual(
    lookups.asked,
    ["short.txt", "long.txt", "big.txt", "other.txt"].map((name) => `file ${name}`),
  );
});

Deno.test("lookups: a request may hold sixteen names, and no more", async () => {
  const lookups = new FakeLookups();
  const line = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => `h${index}.lab.internal`);
    for (const name of names) lookups.names[name] = at("10.0.0.7");
    return names.map((name) => `--via ${name}`).join(" ");
  };
  assert.ok((await plan(lookups, { target: "10.0.0.5", extra_args: line(16) })).ok);
  const many = await plan(lookups, { target: "10.0.0.5", extra_args: line(17) });
  assert.match(many.ok ? "" : many.refusal.error, /more than 16 names and files$/);
});

Deno.test("lookups: who goes away meanwhile gets no plan", async () => {
  const lookups = new FakeLookups();
  lookups.names["web.lab.internal"] = at("10.0.0.7");
  const controller = new AbortController();
  lookups.onResolve = () => controller.abort();
  const answer = await plan(lookups, { target: "web.lab.internal" }, controller.signal);
  assert.equal(answer.ok ? "" : answer.refusal.condition, "cancelled");
});

Deno.test("lookups: where too many names are asked for, the request is as good as before and may come again", async () => {
  const lookups = new FakeLookups();
  const remedy = "Wait.";
  lookups.names["web.lab.internal"] = { ok: false, reason: "too many", remedy, retryAfterMs: 1001 };
  const step = await plan(lookups, { target: "web.lab.internal" });
  assert.deepEqual(step.ok ? null : step.refusal, {
    condition: "queue_full",
    error: "too many",
    remedy,
    retryAfterSec: 2,
  });
});
