/** A client that starts the server, pipes its standard error, and never reads it: many do. */
import assert from "node:assert/strict";
import { commandLine, environment, ROOT } from "./support/bulkhead.ts";

/** Refused calls, each of which is a line of the log: together far more than a pipe holds. */
const CALLS = 800;

Deno.test("log: a client that never reads standard error is served and can end the server", async () => {
  const [program, ...args] = await commandLine(["serve"]);
  const child = new Deno.Command(program, {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: environment(),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  const send = async (message: object) => {
    await input.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
  };
  const clientInfo = { name: "test", version: "1" };
  await send({
    id: 0,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo },
  });
  await send({ method: "notifications/initialized" });
  const missing = new Set(Array.from({ length: CALLS + 1 }, (_, id) => id));
  const answered = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop()!;
      for (const line of lines) missing.delete(JSON.parse(line).id);
      if (missing.size === 0) break;
    }
  })();
  const target = "192.0.2.1";
  for (let id = 1; id <= CALLS; id++) {
    await send({ id, method: "tools/call", params: { name: "no_such_tool", arguments: { target } } });
  }
  await answered;
  assert.equal(missing.size, 0);
  child.kill("SIGTERM");
  assert.equal((await child.status).code, 0);
  await child.stderr.cancel();
  await input.close().catch(() => {});
});
