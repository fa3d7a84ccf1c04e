import assert from "node:assert/strict";
import { escapeControlsInJson } from "../../src/core/text.ts";
import { SECURITY_HEADERS } from "../../src/http/security_headers.ts";
import { Buffer } from "node:buffer";
import { keepInMemory } from "../../src/server/run_keeping.ts";
import { endedWith, flush } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { makeService } from "../support/http.ts";
import { keptRuns, outputOf, reportedRun, runIdOf, startedRun } from "../support/runs.ts";

const TEXT = new TextEncoder();

/** A service and its kept runs. */
function serve(keep = 100, maxBytes = 100_000_000) {
  const runs = keptRuns(keep, maxBytes);
  const service = makeService({ observers: [runs.store], http: { runs } });
  /** Has a run begin and end. */
  const add = (
    number: number,
    output = outputOf(),
    changes: Parameters<typeof reportedRun>[2] & { readonly tool?: string } = {},
  ) => {
    const run = startedRun(number, changes.tool === undefined ? {} : { tool: changes.tool });
    runs.store.started(run);
    runs.store.ended(run, reportedRun(run, output, changes), output);
  };
  return { ...service, store: runs.store, add };
}

/** The numbers of the runs in a list, and of its cursor. */
async function listed(response: Response) {
  assert.equal(response.status, 200);
  const { runs, next } = await response.json();
  const number = (id: string) => parseInt(id.slice(-12), 16);
  return [runs.map(({ run_id }: { run_id: string }) => number(run_id)), next === null ? null : number(next)];
}

Deno.test("run routes: a list begins with what was started last, and says what the result said", async () => {
  const { ask, add } = serve();
  assert.deepEqual(await (await ask("GET /runs")).json(), { runs: [], next: null });
  add(1);
  add(2, outputOf("out", "err"), {
    outcome: "timeout",
    returncode: null,
    signal: "SIGTERM",
    timed_out: true,
  });
  const { runs, next } = await (await ask("GET /runs")).json();
  assert.equal(next, null);
  assert.equal(runs.length, 2);
  assert.equal(runs[1].run_id, runIdOf(1));
  assert.deepEqual(runs[0], {
    run_id: runIdOf(2),
    tool: "probe",
    target: "10.0.0.5",
    outcome: "timeout",
    returncode: null,
    signal: "SIGTERM",
    started_at: "2026-01-01T00:00:00.002Z",
    execution_time_sec: 1.5,
    queue_time_sec: 0.25,
    stdout_bytes: 3,
    stderr_bytes: 3,
    truncated_stdout: false,
    truncated_stderr: false,
    timed_out: true,
    error: null,
    error_type: null,
    correlation_id: "c2",
    client: "127.0.0.1",
  });
});

Deno.test("run routes: a list goes on where the last one ended", async () => {
  const { ask, add, store } = serve();
  for (let number = 1; number <= 7; number++) {
    add(number, outputOf(), number % 2 === 0 ? { tool: "even", outcome: "failure" } : {});
  }
  assert.deepEqual(await listed(await ask("GET /runs?limit=3")), [[7, 6, 5], 5]);
  assert.deepEqual(await listed(await ask(`GET /runs?limit=3&before=${runIdOf(5)}`)), [[4, 3, 2], 2]);
  assert.deepEqual(await listed(await ask(`GET /runs?limit=3&before=${runIdOf(2)}`)), [[1], null]);
  assert.deepEqual(await listed(await ask(`GET /runs?before=${runIdOf(1)}`)), [[], null]);
  assert.deepEqual(await listed(await ask("GET /runs?tool=even&limit=2")), [[6, 4], 4]);
  assert.deepEqual(await listed(await ask(`GET /runs?tool=even&limit=2&before=${runIdOf(4)}`)), [[2], null]);
  assert.deepEqual(await listed(await ask("GET /runs?outcome=success&tool=even")), [[], null]);
  assert.deepEqual(await listed(await ask("GET /runs?outcome=success&limit=4")), [[7, 5, 3, 1], null]);
  // A run that was started meanwhile does not shift what comes next.
  store.started(startedRun(8));
  assert.deepEqual(await listed(await ask(`GET /runs?limit=2&before=${runIdOf(6)}`)), [[5, 4], 4]);
  assert.deepEqual(await listed(await ask("GET /runs?outcome=running")), [[8], null]);
});

Deno.test("run routes: a list is 50 long unless it is asked for more", async () => {
  const { ask, add } = serve();
  for (let number = 1; number <= 60; number++) add(number);
  assert.equal((await (await ask("GET /runs")).json()).runs.length, 50);
  assert.equal((await (await ask("GET /runs?limit=1000")).json()).runs.length, 60);
});

Deno.test("run routes: a query that is not understood is refused, and so is a cursor that is gone", async () => {
  const { ask, add } = serve(1);
  add(1);
  add(2);
  const bad = [
    ["limt=1", "limt"],
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=-1", "limit"],
    ["limit=1e2", "limit"],
    ["limit=", "limit"],
    ["limit=99999999999999999999", "limit"],
    ["limit=1&limit=2", "limit"],
    ["tool=", "tool"],
    ["tool=../x", "tool"],
    ["outcome=done", "outcome"],
    ["outcome=", "outcome"],
    ["before=1", "before"],
    [`before=${runIdOf(10).toUpperCase()}`, "before"],
    [`before=${runIdOf(1)}`, "before"],
  ] as const;
  for (const [query, field] of bad) {
    const response = await ask(`GET /runs?${query}`);
    assert.equal(response.status, 400, query);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    const { error_type, recovery_suggestion, detail } = await response.json();
    assert.equal(error_type, "validation_error");
    assert.match(detail, new RegExp(field), query);
    assert(recovery_suggestion);
  }
});

Deno.test("run routes: a run is shown as whoever asked for it was answered, with when and for whom", async () => {
  const { ask, executor } = serve();
  executor.answer = () => ({
    ...endedWith({ bytes: { stdout: 9, stderr: 0 } }),
    status: "ended",
    output: { stdout: Uint8Array.of(0xff, 0, 0x61), stderr: new Uint8Array() },
  } as ReturnType<typeof endedWith>);
  const executed = await ask("POST /tools/probe/execute", { body: { target: "10.0.0.5" } });
  const result = await executed.json();
  const shown = await (await ask(`GET /runs/${result.run_id}`)).json();
  const { started_at, client, ...rest } = shown;
  assert.deepEqual(rest, result);
  assert.deepEqual(Object.keys(rest), Object.keys(result));
  assert.equal(result.truncated_stdout, true);
  assert.deepEqual([started_at, client], ["2026-01-01T00:00:00.000Z", "127.0.0.1"]);
});

Deno.test("run routes: a run with much output is made as its client takes it, and is what it would be at once", async () => {
  const { ask, add, store } = serve();
  // Characters of one to four bytes that are cut by the pieces, bytes that are none, controls and quotation marks.
  const bytes = TEXT.encode('"\\\u0000\u009b\u2028é€😀'.repeat(20_000));
  bytes[100_000] = 0xff;
  add(1, outputOf(bytes, bytes.slice(0, 70_001)));
  const response = await ask(`GET /runs/${runIdOf(1)}`);
  const [record, text] = [await store.record(store.find(runIdOf(1))!), await response.text()];
  assert.equal(text, escapeControlsInJson(JSON.stringify(record)));
  assert.equal(response.headers.get("content-type"), "application/json");
  let reads = 0;
  const { read } = store;
  store.read = (...given) => (reads++, read.apply(store, given));
  const unread = (await ask(`GET /runs/${runIdOf(1)}`, { isUnread: true })).body!.getReader();
  assert.equal((await unread.read()).done, false);
  assert.ok(reads <= 3, `${reads} readings`);
  await unread.cancel();
  assert.equal((await ask(`HEAD /runs/${runIdOf(1)}`, { isUnread: true })).status, 200);
  assert.ok(reads <= 5, `${reads} readings`);
});

Deno.test("run routes: a run that goes on is found, with what it has written so far", async () => {
  const { ask, executor, clock } = serve();
  const answer = ask("POST /tools/probe/execute", { body: { target: "10.0.0.5" } });
  await flush();
  const [pending] = executor.pending;
  assert(pending !== undefined);
  const path = `/runs/${pending.order.id}`;
  pending.onOutput("stdout", Uint8Array.of(0x61, 0xff));
  pending.onOutput("stdout", TEXT.encode("b"));
  clock.advance(1234);
  const shown = await (await ask(`GET ${path}`)).json();
  assert.equal(shown.outcome, "running");
  assert.deepEqual([shown.stdout, shown.stdout_bytes, shown.returncode], ["a\ufffdb", 3, null]);
  assert.deepEqual(shown.argv, ["/usr/bin/probe", "-q", "10.0.0.5"]);
  const whole = await ask(`GET ${path}/stdout`);
  assert.deepEqual([whole.status, whole.headers.get("etag"), whole.headers.get("bulkhead-outcome")], [
    200,
    null,
    "running",
  ]);
  assert.equal(whole.headers.has("bulkhead-total-bytes"), false);
  assert.deepEqual(await bytesOf(whole), [0x61, 0xff, 0x62]);
  const rest = await ask(`GET ${path}/stdout`, { headers: { range: "bytes=1-" } });
  assert.deepEqual([rest.status, rest.headers.get("content-range")], [206, "bytes 1-2/3"]);
  assert.deepEqual(await bytesOf(rest), [0xff, 0x62]);
  // There is nothing by which it could be said that the bytes are still those.
  const guarded = await ask(`GET ${path}/stdout`, { headers: { range: "bytes=1-", "if-range": '"x"' } });
  assert.equal(guarded.status, 200);
  await guarded.body?.cancel();
  pending.end(endedWith({}, "ab", ""));
  const { run_id } = await (await answer).json();
  assert.equal((await (await ask(`GET /runs/${run_id}`)).json()).outcome, "success");
});

Deno.test("run routes: a run that never began is not there", async () => {
  const { ask, executor, store } = serve();
  executor.answer = () => ({ status: "not_started", reason: "no such file" });
  const refused = await ask("POST /tools/probe/execute", { body: { target: "10.0.0.5" } });
  assert.equal(refused.status, 503);
  assert.deepEqual(await listed(await ask("GET /runs")), [[], null]);
  assert.equal(store.kept.runs, 0);
  await refused.body?.cancel();
});

const OUTPUT = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);

Deno.test("run routes: output is sent as it was written, with its length and a name that never means other bytes", async () => {
  const { ask, add } = serve();
  add(1, outputOf(OUTPUT, "err"), { stdout_bytes: 5000 });
  const response = await ask(`GET /runs/${runIdOf(1)}/stdout`);
  assert.equal(response.status, 200);
  assert.deepEqual(await bytesOf(response), [...OUTPUT]);
  const headers = Object.fromEntries(response.headers);
  assert.deepEqual(headers, {
    "accept-ranges": "bytes",
    "bulkhead-outcome": "success",
    "bulkhead-total-bytes": "5000",
    "content-length": "1000",
    "content-type": "application/octet-stream",
    etag: `"${runIdOf(1)}.stdout"`,
    ...Object.fromEntries(SECURITY_HEADERS),
  });
  assert.equal(await (await ask(`GET /runs/${runIdOf(1)}/stderr`)).text(), "err");
});

for (
  const [what, headers, status, expected, contentRange] of [
    ["a range", { range: "bytes=10-19" }, 206, [10, 20], "bytes 10-19/1000"],
    ["the last bytes", { range: "bytes=-1" }, 206, [999, 1000], "bytes 999-999/1000"],
    ["beyond the end", { range: "bytes=1000-" }, 416, null, "bytes */1000"],
    ["several ranges", { range: "bytes=0-0,2-3" }, 200, [0, 1000], null],
    ["what is no range", { range: "bytes=b-a" }, 200, [0, 1000], null],
    [
      "a range of this very output",
      { range: "bytes=0-1", "if-range": `"${runIdOf(1)}.stdout"` },
      206,
      [0, 2],
      "bytes 0-1/1000",
    ],
    ["a range of another output", { range: "bytes=0-1", "if-range": `"${runIdOf(1)}.stderr"` }, 200, [
      0,
      1000,
    ], null],
    [
      "a range by a weak tag",
      { range: "bytes=0-1", "if-range": `W/"${runIdOf(1)}.stdout"` },
      200,
      [0, 1000],
      null,
    ],
    [
      "a range by a date",
      { range: "bytes=0-1", "if-range": "Wed, 21 Oct 2026 07:28:00 GMT" },
      200,
      [0, 1000],
      null,
    ],
    ["a range of what has changed since", { range: "bytes=2000-", "if-range": '"x"' }, 200, [0, 1000], null],
    ["what is there already", { "if-none-match": `"a", W/"${runIdOf(1)}.stdout"` }, 304, null, null],
    ["whatever is not there", { "if-none-match": "*" }, 304, null, null],
    ["what is not there already", { "if-none-match": `"${runIdOf(1)}.stderr"` }, 200, [0, 1000], null],
  ] as const
) {
  Deno.test(`run routes: ${what} is ${status}`, async () => {
    const { ask, add } = serve();
    add(1, outputOf(OUTPUT));
    const response = await ask(`GET /runs/${runIdOf(1)}/stdout`, { headers });
    assert.equal(response.status, status);
    assert.equal(response.headers.get("content-range"), contentRange);
    if (expected === null) {
      if (status === 416) assert.equal((await response.json()).error_type, "validation_error");
      else assert.equal(response.body, null);
    } else {
      assert.deepEqual(await bytesOf(response), [...OUTPUT.subarray(...expected)]);
      assert.equal(response.headers.get("content-length"), String(expected[1] - expected[0]));
    }
  });
}

Deno.test("run routes: HEAD takes no range (RFC 9110, section 14.2)", async () => {
  const { ask, add } = serve();
  add(1, outputOf(OUTPUT));
  const response = await ask(`HEAD /runs/${runIdOf(1)}/stdout`, { headers: { range: "bytes=0-1" } });
  assert.deepEqual([response.status, response.headers.get("content-length")], [200, "1000"]);
  assert.equal(await response.text(), "");
});

Deno.test("run routes: output of many reads is whole, and so is a range of it", async () => {
  const { ask, add } = serve();
  const output = crypto.getRandomValues(new Uint8Array(65_536));
  const large = new Uint8Array(3 * 1_048_576 + 5);
  for (let offset = 0; offset < large.length; offset += output.length) {
    large.set(output.subarray(0, Math.min(output.length, large.length - offset)), offset);
  }
  add(1, outputOf(large));
  const whole = new Uint8Array(await (await ask(`GET /runs/${runIdOf(1)}/stdout`)).arrayBuffer());
  assert.deepEqual(Buffer.compare(whole, large), 0);
  const response = await ask(`GET /runs/${runIdOf(1)}/stdout`, {
    headers: { range: "bytes=1048575-3145729" },
  });
  const range = new Uint8Array(await response.arrayBuffer());
  assert.deepEqual(Buffer.compare(range, large.subarray(1_048_575, 3_145_730)), 0);
});

Deno.test("run routes: output that is evicted while it is sent breaks off", async () => {
  const { ask, add } = serve(1);
  add(1, outputOf(new Uint8Array(3_000_000)));
  const reader = (await ask(`GET /runs/${runIdOf(1)}/stdout`)).body!.getReader();
  assert.equal((await reader.read()).value?.length, 1_048_576);
  add(2);
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  }, /not kept any more/);
});

Deno.test("run routes: what is not kept is 404 with what to do, whatever its name is", async () => {
  const { ask, add } = serve(1);
  add(1);
  add(10);
  for (
    const id of [runIdOf(1), runIdOf(3), "x", "..%2f..%2fetc%2fpasswd", "%00", runIdOf(10).toUpperCase()]
  ) {
    for (const route of [`/runs/${id}`, `/runs/${id}/stdout`, `/runs/${id}/stderr`]) {
      const response = await ask(`GET ${route}`);
      const { error_type, recovery_suggestion } = await response.json();
      assert.deepEqual([response.status, error_type], [404, "not_found"], route);
      assert.match(recovery_suggestion, /GET \/runs/);
    }
  }
});

Deno.test("run routes: runs of an earlier server are waited for", async () => {
  const loading = Promise.withResolvers<void>();
  const { store } = keepInMemory(() => ({ keep: 1, maxBytes: 10_000 }), new FakeClock());
  const { ask } = makeService({ http: { runs: { store, loaded: loading.promise } } });
  let isAnswered = false;
  const answer = ask("GET /runs").finally(() => isAnswered = true);
  await flush();
  assert.equal(isAnswered, false);
  loading.resolve();
  assert.equal((await answer).status, 200);
});

async function bytesOf(response: Response): Promise<number[]> {
  return [...new Uint8Array(await response.arrayBuffer())];
}
