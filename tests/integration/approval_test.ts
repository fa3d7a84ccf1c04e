/** Intrusive runs with a real client and at a real terminal: nothing is started unless a person says so. */
import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema, type ElicitResult } from "@modelcontextprotocol/sdk/types.js";
import { shellWord } from "../../src/core/shell_words.ts";
import { BINARY, bulkhead, commandLine, environment, ROOT } from "./support/bulkhead.ts";
import { connectHttp, connectStdio } from "./support/client.ts";
import { hasProgram, standInManifest, TestFolder } from "./support/programs.ts";

// A compiled executable can start the catalog's own programs only; the client's transport lets a timer run out.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

const YES: ElicitResult = { action: "accept", content: { run_it: true } };
const INTRUSIVE = { extra_args: "--break-in 'a b'" };
const WORDS = ["--always", "--break-in", "a b"];

/** A stand-in that writes down with which words it was started, and the arguments that serve it. */
function recorder(security: string) {
  const folder = new TestFolder();
  const script = folder.script("bin/recorder", `printf '%s\\n' "$0" "$@" >> ${folder.path}/started`);
  const flags = "first: [--always]\n" +
    "flags: { --break-in: { intrusive: true, value: { type: pattern, pattern: '[a-z ]+' } } }";
  folder.write("tools/recorder.yaml", standInManifest("recorder", script, flags));
  // Confined by the kernel it could not leave its trace.
  const config = folder.write(
    "config.yaml",
    `security: ${security}\nconfinement: { tier: basic }\nlogging: { format: json }\n`,
  );
  return {
    script,
    args: ["--config", config, "--tools", `${folder.path}/tools`],
    /** The words of every start so far, the program's path first. */
    started: () => folder.read("started")?.trimEnd().split("\n") ?? [],
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const ALLOWED = "{ allow_intrusive: true }";

Deno.test(
  "stdio: what the person is shown, what is reported and what the program receives are the same",
  options,
  async () => {
    using stand = recorder(ALLOWED);
    await using session = await connectStdio(stand.args, { elicitation: {} });
    const messages: string[] = [];
    session.client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      messages.push(params.message);
      assert.deepEqual(stand.started(), []);
      return YES;
    });
    const result = await session.call("recorder", INTRUSIVE);
    assert.equal(result.structuredContent.outcome, "success");
    assert.deepEqual(stand.started(), [stand.script, ...WORDS]);
    assert.deepEqual(result.structuredContent.argv, stand.started());
    const shown = /^ {4}command: {3}(.*)$/m.exec(messages[0]!)?.[1];
    assert.equal(shown, `${stand.script} --always --break-in 'a b'`);
  },
);

const REFUSED: readonly (readonly [string, ElicitResult, string])[] = [
  ["declines", { action: "decline" }, "approval_declined"],
  ["dismisses the question", { action: "cancel" }, "approval_required"],
  ["accepts without a choice", { action: "accept", content: {} }, "approval_required"],
];

for (const [title, answer, errorType] of REFUSED) {
  Deno.test(`stdio: a person who ${title} starts nothing`, options, async () => {
    using stand = recorder(ALLOWED);
    await using session = await connectStdio(stand.args, { elicitation: {} });
    session.client.setRequestHandler(ElicitRequestSchema, () => answer);
    const result = await session.call("recorder", INTRUSIVE);
    assert.equal(result.isError, true);
    assert.equal(result.structuredContent.error_type, errorType);
    assert.deepEqual(stand.started(), []);
  });
}

Deno.test(
  "stdio: a client that cannot ask is told the setting, and with it the run goes on",
  options,
  async () => {
    using asking = recorder(ALLOWED);
    await using silent = await connectStdio(asking.args);
    const refused = await silent.call("recorder", INTRUSIVE);
    assert.equal(refused.structuredContent.error_type, "approval_required");
    assert.match(refused.content[0]!.text, /security\.confirm_intrusive: false/);
    assert.deepEqual(asking.started(), []);
    using waived = recorder("{ allow_intrusive: true, confirm_intrusive: false }");
    await using trusted = await connectStdio(waived.args);
    assert.equal((await trusted.call("recorder", INTRUSIVE)).structuredContent.outcome, "success");
    assert.deepEqual(waived.started(), [waived.script, ...WORDS]);
  },
);

Deno.test(
  "stdio: a client that closes the pipe with a question open ends the server, and starts nothing",
  options,
  async () => {
    using stand = recorder(ALLOWED);
    const [command, ...args] = await commandLine(["serve", ...stand.args]);
    const server = new Deno.Command(command, {
      args,
      clearEnv: true,
      env: environment(),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
      signal: AbortSignal.timeout(30_000),
    }).spawn();
    const pipe = server.stdin.getWriter();
    const send = (message: object) =>
      pipe.write(new TextEncoder().encode(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`));
    const clientInfo = { name: "test", version: "1" };
    const params = { protocolVersion: "2025-06-18", capabilities: { elicitation: {} }, clientInfo };
    await send({ id: 0, method: "initialize", params });
    await send({ method: "notifications/initialized" });
    await send({ id: 1, method: "tools/call", params: { name: "recorder", arguments: INTRUSIVE } });
    let said = "";
    for await (const text of server.stdout.pipeThrough(new TextDecoderStream())) {
      said += text;
      if (said.includes("elicitation/create")) await pipe.close().catch(() => {/* It was closed before. */});
    }
    assert.equal((await server.status).code, 0);
    assert.match(said, /nothing runs unless you allow it/i);
    assert.deepEqual(stand.started(), []);
  },
);

Deno.test("http without tokens: nobody is asked, and nothing is started", options, async () => {
  using stand = recorder("{ allow_intrusive: true, confirm_intrusive: false }");
  await using session = await connectHttp(stand.args, { elicitation: {} });
  session.client.setRequestHandler(ElicitRequestSchema, () => assert.fail("somebody was asked"));
  const result = await session.call("recorder", INTRUSIVE);
  assert.equal(result.structuredContent.error_type, "approval_required");
  assert.match(result.content[0]!.text, /over HTTP without a token/);
  assert.deepEqual(stand.started(), []);
});

const CALL = ["call", "recorder", "--extra-args", INTRUSIVE.extra_args];

Deno.test(
  "call: where there is no terminal nobody is asked, and the refusal names the setting",
  options,
  async () => {
    using stand = recorder(ALLOWED);
    const { code, stderr } = await bulkhead([...CALL, ...stand.args, "--log-level", "info"]);
    assert.equal(code, 3);
    assert.match(stderr, /security\.confirm_intrusive: false/);
    assert.match(stderr, /"message":"intrusive run refused".*"intrusive":\["--break-in"\]/);
    assert.deepEqual(stand.started(), []);
  },
);

/** Runs `bulkhead ARGS` at a terminal of its own, and types `typed` once the question is there. */
async function atTerminal(args: readonly string[], typed: string) {
  const command = (await commandLine(args)).map(shellWord).join(" ");
  const child = new Deno.Command("script", {
    // A shell that stays would hear the interrupt too, and end with a code of its own.
    args: ["--quiet", "--return", "--command", `exec ${command}`, "/dev/null"],
    cwd: ROOT,
    clearEnv: true,
    env: { ...environment(), PATH: "/usr/bin:/bin", TERM: "xterm", SHELL: "/bin/sh" },
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(30_000),
  }).spawn();
  const keyboard = child.stdin.getWriter();
  let screen = "";
  let asked = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    screen += text;
    if (asked || !screen.includes("Type yes to run it")) continue;
    asked = true;
    await keyboard.write(new TextEncoder().encode(typed));
  }
  const { code } = await child.status;
  await keyboard.close().catch(() => {/* script(1) has gone already. */});
  return { code, screen, asked };
}

const TYPED = [
  ["yes", "yes\r", 0, /^/],
  ["no", "no\r", 3, /declined it/],
  ["nothing but Enter", "\r", 3, /declined it/],
  ["the end of input", "\x04", 3, /nobody did/],
  ["an interrupt", "\x03", 1, /cancelled before a person had given leave/],
] as const;

for (const [title, typed, exit, message] of TYPED) {
  Deno.test(`call: at a terminal ${title} ends with ${exit}`, options, async () => {
    if (!hasProgram("script")) return;
    using stand = recorder(ALLOWED);
    const { code, screen, asked } = await atTerminal([...CALL, ...stand.args], typed);
    assert.ok(asked, screen);
    assert.equal(code, exit, screen);
    assert.match(screen, message);
    assert.ok(screen.includes(`    command:   ${stand.script} --always --break-in 'a b'\r\n`), screen);
    assert.deepEqual(stand.started(), exit === 0 ? [stand.script, ...WORDS] : []);
  });
}

Deno.test("call: at a terminal an ordinary run asks nobody", options, async () => {
  if (!hasProgram("script")) return;
  using stand = recorder(ALLOWED);
  const { code, asked } = await atTerminal(["call", "recorder", ...stand.args], "");
  assert.deepEqual([code, asked], [0, false]);
  assert.deepEqual(stand.started(), [stand.script, "--always"]);
});
