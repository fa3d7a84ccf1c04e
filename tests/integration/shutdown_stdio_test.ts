/** How a server over stdio ends: by its client, by a signal, and with a client that does not read. */
import assert from "node:assert/strict";
import { BINARY, commandLine, environment, ROOT } from "./support/bulkhead.ts";
import { ForkingTools, PROCESSES_OF_LINGER, until } from "./support/forking_tools.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null };

/** Longer than a test may take: whoever waits for this grace fails. */
const LONG_SEC = 120;

/** What an end that waits for nothing may take on a busy machine: far less than {@link LONG_SEC}. */
const SOON_MS = 15_000;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  // deno-lint-ignore no-explicit-any -- what it is, the test says
  readonly result?: any;
}

/** A server over stdio whose client is written by hand. */
class Conversation implements AsyncDisposable {
  readonly answers: Answer[] = [];
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #reading: Promise<unknown> = Promise.resolve();
  #ended = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#input = child.stdin.getWriter();
  }

  /** Starts a server, and waits until it is ready and initialised. */
  static async start(tools: ForkingTools, capabilities: object = {}): Promise<Conversation> {
    const [program, ...args] = await commandLine(["serve", ...tools.args]);
    const conversation = new Conversation(
      new Deno.Command(program, {
        args,
        cwd: ROOT,
        clearEnv: true,
        env: environment(),
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
    void conversation.#readLog();
    const clientInfo = { name: "test", version: "1" };
    await conversation.send(
      { id: 0, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities, clientInfo } },
      { method: "notifications/initialized" },
    );
    await until("the ready line", () => conversation.log.includes("ready on stdio"));
    return conversation;
  }

  async send(...messages: object[]): Promise<void> {
    const lines = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    await this.#input.write(new TextEncoder().encode(lines.join("")));
  }

  call(id: number, name: string, args: object = {}): Promise<void> {
    return this.send({ id, method: "tools/call", params: { name, arguments: args } });
  }

  /** Begins to read answers, and goes on to their end. */
  read(): void {
    this.#reading = this.#readAnswers();
  }

  /** Closes the server's standard input. */
  hangUp(): Promise<void> {
    return this.#input.close();
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  answerTo(id: number): Answer | undefined {
    return this.answers.find((answer) => answer.id === id && answer.method === undefined);
  }

  /** Waits for the server's end, and that of its answers; resolves with the exit code. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    this.#ended = true;
    await this.#reading;
    return code;
  }

  /** The server ends with 0, and nothing is left of any run. */
  async endsWell(tools: ForkingTools): Promise<void> {
    assert.equal(await this.ended(), 0, this.log);
    assert.deepEqual(await tools.processes(), []);
    assert.deepEqual(tools.stateLeft(), []);
    assert.doesNotMatch(this.log, /internal error|Uncaught/);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#input.close().catch(() => {});
    await this.#child.stdout.cancel().catch(() => {});
  }

  async #readLog(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) this.log += text;
  }

  async #readAnswers(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.answers.push(JSON.parse(line));
    }
    assert.equal(rest, "", "the last answer is whole");
  }
}

/** So many processes of runs are there. */
function running(tools: ForkingTools, processes: number): Promise<void> {
  return until(`${processes} processes`, async () => (await tools.processes()).length === processes);
}

Deno.test(
  "SIGTERM over stdio: what runs is answered as cancelled, what waits is refused",
  options,
  async () => {
    using tools = new ForkingTools({ graceSec: 1.5, own: { script: "sleep 0.7; echo done" } });
    await using conversation = await Conversation.start(tools);
    conversation.read();
    for (let id = 1; id <= 7; id++) await conversation.call(id, "linger");
    await running(tools, 6 * PROCESSES_OF_LINGER);
    await conversation.call(8, "own");
    // It has been read when a later request is answered.
    await conversation.send({ id: 9, method: "ping" });
    await until("the ping", () => conversation.answerTo(9) !== undefined);
    conversation.signal("SIGTERM");
    await until("the refusal", () => conversation.answerTo(7) !== undefined);
    assert.equal(conversation.answerTo(1), undefined, "it still runs");
    await conversation.call(10, "quick");
    await conversation.endsWell(tools);
    for (let id = 1; id <= 6; id++) {
      const { isError, structuredContent } = conversation.answerTo(id)!.result;
      assert.deepEqual([isError, structuredContent.outcome, structuredContent.stdout], [
        true,
        "cancelled",
        "begun\n",
      ]);
    }
    for (const id of [7, 10]) {
      const { isError, structuredContent } = conversation.answerTo(id)!.result;
      assert.deepEqual([isError, structuredContent.error_type], [true, "cancelled"]);
      assert.match(structuredContent.error, /shutting down/);
    }
    assert.equal(conversation.answerTo(8)!.result.structuredContent.outcome, "success");
  },
);

Deno.test("a second signal over stdio ends the grace at once", options, async () => {
  using tools = new ForkingTools({ graceSec: LONG_SEC });
  await using conversation = await Conversation.start(tools);
  conversation.read();
  await conversation.call(1, "linger");
  await running(tools, PROCESSES_OF_LINGER);
  const beganMs = performance.now();
  conversation.signal("SIGINT");
  await until("the first is heard", () => conversation.log.includes("stopping"));
  conversation.signal("SIGINT");
  await conversation.endsWell(tools);
  assert.equal(conversation.answerTo(1)!.result.structuredContent.outcome, "cancelled");
  assert.ok(performance.now() - beganMs < SOON_MS);
});

Deno.test(
  "a client that closes the pipe: every request is answered, what runs is ended at once",
  options,
  async () => {
    using tools = new ForkingTools({ graceSec: LONG_SEC });
    await using conversation = await Conversation.start(tools);
    conversation.read();
    await conversation.call(1, "linger");
    await running(tools, PROCESSES_OF_LINGER);
    const beganMs = performance.now();
    await conversation.send({ id: 2, method: "tools/list" }, { id: 3, method: "ping" }, {
      id: 4,
      method: "no/such",
    });
    await conversation.call(5, "linger");
    await conversation.hangUp();
    await conversation.endsWell(tools);
    assert.ok(performance.now() - beganMs < SOON_MS);
    assert.deepEqual(conversation.answers.map(({ id }) => id).sort(), [0, 1, 2, 3, 4, 5]);
    for (const id of [1, 5]) {
      assert.equal(conversation.answerTo(id)!.result.structuredContent.error_type, "cancelled");
    }
  },
);

const LARGE = {
  graceSec: 0.1,
  own: { script: "head -c 200000 /dev/zero; exec sleep $mark" },
  more: "mcp: { max_text_bytes: 1048576 }",
};

Deno.test("a large answer is whole, though its client reads late", options, async () => {
  using tools = new ForkingTools(LARGE);
  await using conversation = await Conversation.start(tools);
  await conversation.call(1, "own");
  await running(tools, 1);
  conversation.signal("SIGTERM");
  await until("the run's end", () => conversation.log.includes('"message":"run ended"'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  conversation.read();
  await conversation.endsWell(tools);
  const { structuredContent } = conversation.answerTo(1)!.result;
  assert.deepEqual([structuredContent.outcome, structuredContent.stdout_bytes], ["cancelled", 200_000]);
});

for (const how of ["SIGTERM", "its pipe"] as const) {
  Deno.test(
    `a client that reads nothing does not hold the end up that ${how} asks for`,
    options,
    async () => {
      using tools = new ForkingTools({ ...LARGE, own: { script: "head -c 200000 /dev/zero; sleep 0.1" } });
      await using conversation = await Conversation.start(tools);
      // Its answer is more than a pipe holds.
      await conversation.call(1, "own");
      await until("the run's end", () => conversation.log.includes('"message":"run ended"'));
      // A server that waits for its reader hears nothing of this.
      await conversation.call(2, "linger");
      await running(tools, PROCESSES_OF_LINGER);
      const beganMs = performance.now();
      if (how === "SIGTERM") conversation.signal("SIGTERM");
      else await conversation.hangUp();
      await conversation.endsWell(tools);
      assert.ok(performance.now() - beganMs < SOON_MS);
    },
  );
}

Deno.test("a person who is still being asked does not hold the end up, over stdio", options, async () => {
  using tools = new ForkingTools({
    graceSec: LONG_SEC,
    own: {
      script: "exec sleep $mark",
      manifest: "flags: { --break-in: { intrusive: true } }",
    },
    more: "security: { allow_intrusive: true }",
  });
  await using conversation = await Conversation.start(tools, { elicitation: {} });
  conversation.read();
  await conversation.call(1, "own", { extra_args: "--break-in" });
  const asked = ({ method }: Answer) => method === "elicitation/create";
  await until("the question", () => conversation.answers.some(asked));
  const beganMs = performance.now();
  conversation.signal("SIGTERM");
  await conversation.endsWell(tools);
  assert.ok(performance.now() - beganMs < SOON_MS);
  assert.match(conversation.answerTo(1)!.result.structuredContent.error, /shutting down/);
});
