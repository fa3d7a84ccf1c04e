/** What the log has of runs: every line by both ids, and as much as its level, which may change, says. */
import assert from "node:assert/strict";
import { BINARY } from "./support/bulkhead.ts";
import { ChangingServer, linesOf, type LogLine, standIn, until } from "./support/reloading.ts";
import { TestFolder } from "./support/programs.ts";

/** Its programs are stand-ins, which the executable may not start. */
const options = { ignore: BINARY !== null };

/** One run after the other, of every kind; the correlation ids are the names of what is to come of them. */
const REQUESTS:
  readonly (readonly [id: string, tool: string, body: Record<string, unknown>, status: number])[] = [
    ["success", "good", {}, 200],
    ["failure", "bad", {}, 200],
    ["timeout", "slow", { timeout_sec: 0.2 }, 200],
    ["killed", "dying", {}, 200],
    ["left-behind", "leaving", {}, 200],
    ["approved", "intruding", {}, 200],
    ["unknown", "no_such_tool", {}, 404],
    ["unknown-field", "good", { x: 1 }, 400],
    ["bad-target", "good", { target: "10.0.0.5" }, 400],
    ["disabled", "off", {}, 409],
    ["breaker-first", "breaking", {}, 200],
    ["breaker-open", "breaking", {}, 503],
  ];

const CONFIG = `
logging: { level: debug }
security: { allow_intrusive: true, confirm_intrusive: false }
tools: { exclude: ["off"] }
auth: { tokens_file: tokens }
`;

const SECRET = "0123456789abcdef0123456789abcdef-run";

/** Makes the tools that {@link REQUESTS} are for. */
function standIns(folder: TestFolder): void {
  standIn(folder, "good", "echo good");
  standIn(folder, "bad", "echo bad >&2; exit 3");
  standIn(folder, "slow", "exec sleep 30", "helpers: [sleep]");
  standIn(folder, "dying", "kill -9 $$");
  standIn(folder, "leaving", "sleep 30 >/dev/null 2>&1 & sleep 0.3; echo left", "helpers: [sleep]");
  standIn(folder, "intruding", "echo in", "intrusive: true");
  standIn(folder, "off", "echo off");
  standIn(folder, "breaking", "exit 1", "breaker: { failure_threshold: 1 }");
}

function byId(lines: readonly LogLine[], id: string): LogLine[] {
  return lines.filter((line) => line.correlation_id === id);
}

function about(lines: readonly LogLine[], text: string): LogLine[] {
  return lines.filter((line) => JSON.stringify(line).includes(text));
}

Deno.test(
  "log: each line of a run has its id and its correlation id, each line before it the latter",
  options,
  async () => {
    using folder = new TestFolder();
    standIns(folder);
    folder.write("tokens", `runner read,execute ${SECRET}\n`, 0o600);
    await using server = await ChangingServer.start(folder, CONFIG);
    server.headers = { authorization: `Bearer ${SECRET}` };
    const runs = new Map<string, string>();
    for (const [id, tool, body, status] of REQUESTS) {
      const answer = await server.execute(tool, { ...body, correlation_id: id });
      assert.equal(answer.status, status, `${id}: ${JSON.stringify(answer.body)}`);
      assert.equal(answer.body.correlation_id, id);
      if (status === 200) runs.set(id, answer.body.run_id);
    }
    // One that its client gives up.
    const leave = new AbortController();
    const body = JSON.stringify({ correlation_id: "cancelled" });
    const headers = { "content-type": "application/json", ...server.headers };
    const url = `${server.server.url}/tools/slow/execute`;
    const given = fetch(url, { method: "POST", headers, body, signal: leave.signal }).catch(() => null);
    const log = () => linesOf(server.server.log());
    const said = (id: string, message: string) =>
      log().find((line) => line.correlation_id === id && line.message === message);
    await until("the run that is cancelled", () => said("cancelled", "run started") !== undefined);
    leave.abort();
    await given;
    await until("its end", () => said("cancelled", "run ended") !== undefined);
    runs.set("cancelled", said("cancelled", "run ended")!.run_id);
    // What is said of processes that were left comes later, if any were met.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const refused = await fetch(`${server.server.url}/tools`, {
      headers: { authorization: `Bearer x${SECRET}` },
    });
    const { correlation_id: wrongToken } = await refused.json();
    const lines = log();

    for (const [id, runId] of runs) {
      const ofRun = about(lines, runId);
      const ids = new Set(ofRun.map((line) => `${line.run_id} ${line.correlation_id}`));
      assert.deepEqual([...ids], [`${runId} ${id}`], JSON.stringify(ofRun));
      const messages = ofRun.map(({ message }) => message);
      for (const message of ["run started", "arguments", "run ended"]) {
        assert(messages.includes(message), `${id} has no line "${message}"`);
      }
      // From its start on, each line by the one has the other.
      const ofId = byId(lines, id);
      const start = ofId.findIndex(({ message }) => message === "run started");
      for (const line of ofId.slice(start)) assert.equal(line.run_id, runId, JSON.stringify(line));
    }
    for (const [id, , , status] of REQUESTS) {
      if (status === 200) continue;
      const ofId = byId(lines, id);
      assert.deepEqual(ofId.map(({ message, run_id }) => [message, run_id]), [["run refused", undefined]]);
    }
    assert(said("approved", "intrusive run approved") !== undefined);
    assert.deepEqual(about(lines, wrongToken).map(({ message }) => message), ["wrong token"]);
    // Nothing about a run is without: not by whoever speaks of runs, and not by whoever names a tool but to say how it is.
    const nameless = lines.filter((line) =>
      line.correlation_id === undefined &&
      (line.logger === "bulkhead.runs" || line.run_id !== undefined ||
        (line.tool !== undefined && !["bulkhead.tools", "bulkhead.server"].includes(line.logger)))
    );
    assert.deepEqual(nameless, []);
  },
);

Deno.test("log: its level and its format follow SIGHUP, in the middle of everything", options, async () => {
  using folder = new TestFolder();
  standIn(folder, "good", "echo good");
  folder.write("log/.keep", "");
  const path = `${folder.path}/log/bulkhead.log`;
  const logging = (level: string, format = "json") =>
    `logging: { level: ${level}, format: ${format}, file: ${path} }\n`;
  await using server = await ChangingServer.start(folder, logging("info"));
  const run = async (id: string) => {
    const from = server.server.log().length;
    assert.equal((await server.execute("good", { correlation_id: id })).status, 200);
    // What was logged is on its way; whether nothing was can only be told by waiting.
    await new Promise((resolve) => setTimeout(resolve, 300));
    return server.server.log().slice(from);
  };
  const messages = (text: string) => linesOf(text).map(({ message }) => message);
  assert.deepEqual(messages(await run("a")), ["run started", "run ended"]);
  await server.configure(logging("debug"));
  assert.deepEqual(messages(await run("b")), ["run started", "arguments", "run ended"]);
  folder.write("config.yaml", logging("debug", "pretty"));
  Deno.kill(server.server.pid, "SIGHUP");
  await until("the pretty log", () => /info +configuration reloaded reason=SIGHUP/.test(server.server.log()));
  const pretty = await run("c");
  assert.match(pretty, /^[0-9:.]{12} info +run started run_id=[0-9a-f-]{36} .*correlation_id=c/m);
  assert.match(pretty, /^[0-9:.]{12} debug +arguments /m);
  folder.write("config.yaml", logging("error"));
  Deno.kill(server.server.pid, "SIGHUP");
  await until("the silence", async () => await run("d") === "");
  // The file has it all as JSON, and what was not logged neither.
  const file = linesOf(Deno.readTextFileSync(path));
  assert(byId(file, "c").some(({ message }) => message === "arguments"));
  assert.equal(byId(file, "a").some(({ message }) => message === "arguments"), false);
});
