/** What a reload of the configuration does to a server that runs, and to the runs that go on. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";
import { ChangingServer, holding, letGo, linesOf, standIn, until } from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

Deno.test(
  "the limits, targets, rates and breakers of runs follow a reload, each at once",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", 'echo "to $*"', "target: { kinds: [host] }");
    standIn(folder, "limits", "ulimit -n; ulimit -f");
    standIn(folder, "fail", "exit 9");
    await using server = await ChangingServer.start(folder);

    assert.equal((await server.execute("say", { target: "192.0.2.7" })).status, 400);
    assert.deepEqual(await server.configure("security: { allowed_targets: [192.0.2.7] }"), [
      "security.allowed_targets",
    ]);
    assert.equal((await server.execute("say", { target: "192.0.2.7" })).body.stdout, "to 192.0.2.7\n");
    assert.equal((await server.execute("say", { target: "10.0.0.1" })).status, 400);

    const before = (await server.execute("limits")).body.stdout;
    await server.configure(
      "tools: { overrides: { limits: { limits: { open_files: 77, file_size_mb: 3 } } } }",
    );
    const after = (await server.execute("limits")).body;
    if (after.metadata.tier === "kernel") assert.equal(after.stdout, "77\n6144\n");
    assert.equal((await server.get("/tools/limits")).limits.open_files, 77);
    await server.configure("");
    assert.equal((await server.execute("limits")).body.stdout, before);

    await server.configure("circuit_breaker: { failure_threshold: 1 }");
    assert.equal((await server.execute("fail")).body.outcome, "failure");
    assert.equal((await server.execute("fail")).body.error_type, "circuit_breaker_open");
    await server.configure("circuit_breaker: { failure_threshold: 50 }");
    assert.equal((await server.execute("fail")).status, 503, "an open breaker stays open");

    await server.configure("rate_limit: { enabled: true, per_second: 0.01, burst: 1 }");
    const rated = [(await server.execute("limits")).status, (await server.execute("limits")).status];
    assert.deepEqual(rated, [200, 429]);
    await server.configure("rate_limit: { enabled: false }");
    assert.equal((await server.execute("limits")).status, 200);

    await server.configure("tools: { exclude: [l*] }");
    assert.equal((await server.execute("limits")).status, 409);
    await server.configure("tools: { include: [limits] }");
    assert.deepEqual(await server.offered(), ["limits"]);

    await server.configure("server: { max_body_bytes: 1024 }");
    assert.equal((await server.execute("limits", { extra_args: "x".repeat(2000) })).status, 413);
  },
);

Deno.test(
  "a run that goes on is left alone, and those that wait go on by what holds by then",
  options,
  async () => {
    using folder = new TestFolder();
    holding(folder, "done", "concurrency: 1\nmax_queue: 4");
    await using server = await ChangingServer.start(folder);
    const runs = [1, 2, 3].map(() => server.execute("hold"));
    const counts = async () => {
      const { running, queued } = await server.get("/tools/hold");
      return `${running} ${queued}`;
    };
    await until("one run, two that wait", async () => await counts() === "1 2");
    await server.configure("tools: { overrides: { hold: { concurrency: 2 } } }");
    await until("a second run", async () => await counts() === "2 1");
    // Whoever waits is judged by what holds when its turn comes.
    await server.configure("tools: { exclude: [hold] }");
    assert.equal(await counts(), "2 1");
    letGo(folder);
    const answers = await Promise.all(runs);
    const outcomes = answers.map(({ body }) => body.outcome ?? body.error_type).sort();
    assert.deepEqual(outcomes, ["disabled", "success", "success"]);
    for (const { body } of answers) if (body.outcome !== undefined) assert.equal(body.stdout, "done\n");
  },
);

Deno.test("what needs a restart is named, and what came with it takes effect", options, async () => {
  using folder = new TestFolder();
  await using server = await ChangingServer.start(folder);
  const config =
    `server: { port: 1, host: "::1" }\ntools: { max_concurrency: 3 }\nconfinement: { tier: basic }\n`;
  const from = server.server.log().length;
  const changed = await server.configure(config);
  assert.deepEqual([...changed].sort(), ["confinement.tier", "server.host", "tools.max_concurrency"]);
  const [line] = server.lines(
    "some changes need a restart of the server; until then the values from before hold",
    from,
  );
  assert.deepEqual(line?.keys, ["server.host", "confinement.tier"]);
  assert.equal(line?.level, "warning");
});

Deno.test("the log's level follows a reload, and the log file is still written", options, async () => {
  using folder = new TestFolder();
  standIn(folder, "say", "echo hello");
  folder.write("log/.keep", "");
  const withFile = (level: string) => `logging: { file: log/bulkhead.log, level: ${level} }\n`;
  await using server = await ChangingServer.start(folder, withFile("info"));
  const inFile = (message: string) =>
    linesOf(folder.read("log/bulkhead.log") ?? "").filter((line) => line.message === message).length;
  const refused = async () => void await server.execute("say", { target: "10.0.0.1" });
  await refused();
  await until("a line in the log file", () => inFile("run refused") === 1);
  folder.write("config.yaml", withFile("error"));
  Deno.kill(server.server.pid, "SIGHUP");
  await until("silence", async () => {
    const before = server.lines("run refused").length;
    await refused();
    await refused();
    await new Promise((resolve) => setTimeout(resolve, 50));
    return server.lines("run refused").length === before;
  });
  const silent = server.lines("run refused").length;
  await server.configure(withFile("info"));
  await refused();
  await until(
    "lines again, in both",
    () => server.lines("run refused").length === silent + 1 && inFile("run refused") === silent + 1,
  );
  assert.equal(inFile("configuration reloaded") > 0, true);
});

const tokens = (...lines: readonly (readonly [string, string])[]) =>
  lines.map(([name, scopes]) => `${name} ${scopes} ${secretOf(name)}\n`).join("");

Deno.test("tokens follow their file: who is gone is let in no more, who has come is", options, async () => {
  using folder = new TestFolder();
  const config = "auth: { tokens_file: tokens }\n";
  folder.write("tokens", tokens(["old", "read"], ["admin", "read,execute,admin"]), 0o600);
  await using server = await ChangingServer.start(folder, config);
  const statusAs = async (name: string) => {
    const response = await fetch(`${server.server.url}/tools`, { headers: bearer(name) });
    await response.body?.cancel();
    return response.status;
  };
  assert.deepEqual([await statusAs("old"), await statusAs("new")], [200, 401]);
  await server.reload("a file has changed", () => {
    folder.write("tokens", tokens(["new", "read"], ["admin", "read,execute,admin"]), 0o600);
  });
  assert.deepEqual([await statusAs("old"), await statusAs("new")], [401, 200]);
  const refused = await server.reload(
    "a file has changed",
    () => Deno.chmodSync(`${folder.path}/tokens`, 0o644),
  );
  assert.equal(refused.level, "error");
  assert.match(refused.error, /others may read or change the file \(mode 644\)/);
  assert.equal(await statusAs("new"), 200, "those from before hold");
  assert(!server.server.log().includes(secretOf("new")));
});

Deno.test("what was switched over HTTP, and open breakers, survive a reload", options, async () => {
  using folder = new TestFolder();
  folder.write("tokens", tokens(["reader", "read,execute"], ["admin", "admin,read,execute"]), 0o600);
  standIn(folder, "fail", "exit 9", "breaker: { failure_threshold: 1 }");
  standIn(folder, "say", "echo hello");
  const config = "auth: { tokens_file: tokens }\n";
  await using server = await ChangingServer.start(folder, config);
  server.headers = bearer("reader");
  assert.equal((await server.post("/tools/say/disable")).status, 403);
  assert.equal((await server.execute("fail")).body.outcome, "failure");
  server.headers = bearer("admin");
  assert.equal((await server.post("/tools/say/disable")).body.enabled, false);
  assert.equal((await server.execute("say")).status, 409);
  await server.configure(`${config}limits: { open_files: 99 }\n`);
  assert.deepEqual(
    [(await server.execute("say")).body.error_type, (await server.execute("fail")).body.error_type],
    ["disabled", "circuit_breaker_open"],
  );
  assert.equal((await server.post("/tools/fail/breaker/reset")).body.circuit_breaker.state, "closed");
  assert.equal((await server.post("/tools/say/enable")).body.offered, true);
  assert.deepEqual(
    [(await server.execute("say")).body.outcome, (await server.execute("fail")).body.outcome],
    ["success", "failure"],
  );
  // The later word counts: of the switch, and then of the configuration.
  await server.configure(`${config}tools: { exclude: [say] }\n`);
  assert.equal((await server.execute("say")).status, 409);
  assert.equal((await server.post("/tools/say/enable")).body.enabled, true);
  await server.configure(`${config}tools: { exclude: [say], max_concurrency: 3 }\n`);
  assert.equal((await server.execute("say")).status, 200);
});
