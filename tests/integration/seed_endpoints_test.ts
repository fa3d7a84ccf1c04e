/** The endpoints that this program's first design had, asked with its bodies and with curl: what its clients read is there. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";
import { argumentsFor } from "./support/reloading.ts";

/** Its programs are stand-ins, which the executable may not start. */
const options = { ignore: BINARY !== null };

const MANIFEST = (command: string) => `
name: scanner
title: A stand-in
description: Says what it was told.
command: ${command}
target: { kinds: [host], max_addresses: 1, place: last, pin: none }
flags: { "-v": {} }
limits: { timeout_sec: 20 }
concurrency: 3
`;

/** What curl was answered. */
interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- read as a client does
  readonly body: any;
}

async function curl(url: string, ...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await new Deno.Command("curl", {
    args: [
      ...["-q", "-sS", "--noproxy", "*", "--max-time", "20", "-w", "\n%{http_code} %{content_type}"],
      ...["-H", `Authorization: ${bearer("admin").authorization}`, ...args, url],
    ],
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const [, text, status, type] = /^([^]*)\n(\d+) (.*)$/.exec(new TextDecoder().decode(stdout))!;
  return {
    status: Number(status),
    type: type!,
    text: text!,
    body: type!.includes("json") ? JSON.parse(text!) : null,
  };
}

const JSON_TYPE = ["-H", "Content-Type: application/json"];

function post(body: unknown): string[] {
  return ["-X", "POST", ...JSON_TYPE, "-d", JSON.stringify(body)];
}

Deno.test("the first design's endpoints answer its requests", options, async (test) => {
  if (!hasProgram("curl")) return;
  using folder = new TestFolder();
  const script = folder.script("bin/scanner", 'echo "told: $*"; echo "no more" >&2');
  folder.write("tools/scanner.yaml", MANIFEST(script));
  folder.write("tokens", `admin read,execute,admin ${secretOf("admin")}\n`, 0o600);
  await using server = await startHttp(argumentsFor(folder, "auth: { tokens_file: tokens }\n"));
  const { url } = server;

  await test.step("GET /health", async () => {
    const { status, body } = await curl(`${url}/health`);
    assert.equal(status, { healthy: 200, degraded: 207, unhealthy: 503 }[body.status as string]);
    assert(Math.abs(Date.parse(body.timestamp) - Date.now()) < 120_000, body.timestamp);
    assert.equal(body.transport, "http");
    // One entry for each check, by its name.
    assert(Object.keys(body.checks).length > 0);
    for (const [name, check] of Object.entries<{ readonly status: string }>(body.checks)) {
      assert(["healthy", "degraded", "unhealthy"].includes(check.status), name);
    }
  });

  await test.step("GET /tools", async () => {
    const { status, type, body } = await curl(`${url}/tools`);
    assert.deepEqual([status, type, Object.keys(body)], [200, "application/json", ["tools"]]);
    const tool = body.tools.find(({ name }: { name: string }) => name === "scanner");
    const { enabled, command, description, concurrency, timeout_sec, circuit_breaker } = tool;
    assert.deepEqual({ enabled, command, concurrency, timeout_sec }, {
      enabled: true,
      command: script,
      concurrency: 3,
      timeout_sec: 20,
    });
    assert.match(description, /^Says what it was told\./);
    assert.equal(circuit_breaker.state, "closed");
    assert.deepEqual((await curl(`${url}/tools/scanner`)).body, tool);
  });

  await test.step("POST /tools/{tool}/execute", async () => {
    const request = { target: "10.0.0.5", extra_args: "-v", timeout_sec: 10, correlation_id: "seed-1" };
    const { status, body } = await curl(`${url}/tools/scanner/execute`, ...post(request));
    assert.equal(status, 200);
    const { stdout, stderr, returncode, truncated_stdout, truncated_stderr, timed_out } = body;
    assert.deepEqual({ stdout, stderr, returncode, truncated_stdout, truncated_stderr, timed_out }, {
      stdout: "told: -v 10.0.0.5\n",
      stderr: "no more\n",
      returncode: 0,
      truncated_stdout: false,
      truncated_stderr: false,
      timed_out: false,
    });
    const { error, error_type, correlation_id, metadata, execution_time_sec } = body;
    assert.deepEqual([error, error_type, correlation_id, typeof metadata], [null, null, "seed-1", "object"]);
    assert(execution_time_sec > 0 && execution_time_sec < 10);
    // Only the target is needed.
    assert.equal(
      (await curl(`${url}/tools/scanner/execute`, ...post({ target: "10.0.0.5" }))).body.stdout,
      "told: 10.0.0.5\n",
    );
  });

  await test.step("POST /tools/{tool}/execute: what is not right is refused with a status below 500", async () => {
    const refused = async (tool: string, request: unknown) => {
      const { status, type, body } = await curl(`${url}/tools/${tool}/execute`, ...post(request));
      assert.equal(type, "application/problem+json");
      assert(body.detail.length > 0);
      return [status, body.error_type];
    };
    assert.deepEqual(await refused("nothing", { target: "10.0.0.5" }), [404, "not_found"]);
    assert.deepEqual(await refused("scanner", { target: "8.8.8.8" }), [400, "validation_error"]);
    assert.deepEqual(await refused("scanner", { target: "10.0.0.5", extra_args: "; id" }), [
      400,
      "validation_error",
    ]);
    assert.deepEqual(await refused("scanner", { target: "10.0.0.5", timeout_sec: 3600 }), [
      400,
      "validation_error",
    ]);
    assert.deepEqual(await refused("scanner", {}), [400, "validation_error"]);
    assert.deepEqual(await refused("scanner", { target: "10.0.0.5", correlation_id: "x".repeat(65) }), [
      400,
      "validation_error",
    ]);
  });

  await test.step("POST /tools/{tool}/disable and /enable", async () => {
    const off = await curl(`${url}/tools/scanner/disable`, "-X", "POST", ...JSON_TYPE);
    assert.deepEqual([off.status, off.body.name, off.body.enabled], [200, "scanner", false]);
    const { tools } = (await curl(`${url}/tools`)).body;
    assert.equal(tools.find(({ name }: { name: string }) => name === "scanner").enabled, false);
    const refused = await curl(`${url}/tools/scanner/execute`, ...post({ target: "10.0.0.5" }));
    assert.deepEqual([refused.status, refused.body.error_type], [409, "disabled"]);
    const on = await curl(`${url}/tools/scanner/enable`, "-X", "POST", ...JSON_TYPE);
    assert.deepEqual([on.status, on.body.enabled], [200, true]);
    assert.equal((await curl(`${url}/tools/scanner/execute`, ...post({ target: "10.0.0.5" }))).status, 200);
    assert.equal((await curl(`${url}/tools/nothing/enable`, "-X", "POST", ...JSON_TYPE)).status, 404);
    // A page in a browser can send this one, too: state changes want their type said.
    const bare = await curl(`${url}/tools/scanner/disable`, "-X", "POST");
    assert.equal(bare.status, 400);
    assert.match(bare.body.recovery_suggestion, /Content-Type: application\/json/);
  });

  await test.step("GET /events", async () => {
    // A stream has no end: what comes within the time is looked at.
    const { stdout } = await new Deno.Command("curl", {
      args: [
        ...["-q", "-sS", "-N", "--noproxy", "*", "--max-time", "3", "-i"],
        ...["-H", `Authorization: ${bearer("admin").authorization}`, `${url}/events`],
      ],
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /\r\ncontent-type: text\/event-stream\r\n/i);
    // Instead of its state every five seconds: what it was at the beginning, and each change.
    const start = /^event: start\r?\ndata: (.*)$/m.exec(text);
    assert(start !== null, text);
    assert("health" in JSON.parse(start[1]!));
  });

  await test.step("GET /metrics", async () => {
    const { status, type, text } = await curl(`${url}/metrics`);
    assert.equal(status, 200);
    assert.match(type, /^text\/plain; version=0\.0\.4/);
    assert.match(text, /^[a-z_]+\{[^}]*tool="scanner"[^}]*\} [1-9]/m);
  });
});
