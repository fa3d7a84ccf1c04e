/** Asking through a real MCP client, in memory. */
import assert from "node:assert/strict";
// @ts-types="@modelcontextprotocol/sdk/client"
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
// @ts-types="@modelcontextprotocol/sdk/inMemory"
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
// @ts-types="@modelcontextprotocol/sdk/types"
import { ElicitRequestSchema, type ElicitResult } from "@modelcontextprotocol/sdk/types.js";
import { legacyServer } from "../../src/mcp/legacy_server.ts";
import { McpService } from "../../src/mcp/service.ts";
import { endedWith, flush, makeEngine, permitsOut } from "../support/engine.ts";
import { FakeTime } from "../support/fake_time.ts";

const INTRUSIVE = { target: "10.0.0.5", extra_args: "-A" };

/** What a person sees of a question, and its end. */
interface Seen {
  readonly message: string;
  readonly requestedSchema: unknown;
  readonly signal: AbortSignal;
}

type Handler = (seen: Seen) => ElicitResult | Promise<ElicitResult>;

/** A client whose person answers by `handler`; without one it does not say that it can ask. */
async function connect(handler: Handler | null, elicitation: Record<string, object> = {}) {
  const engine = makeEngine({ settings: { allowIntrusive: true } });
  engine.executor.answer = () => endedWith();
  const service = new McpService({ ...engine, policy: () => engine.policy, maxTextBytes: () => 1024 });
  const server = legacyServer(service, { client: "test", mayIntrude: true });
  const client = new Client(
    { name: "a\ntest client", version: "1" },
    { capabilities: handler === null ? {} : { elicitation } },
  );
  const seen: Seen[] = [];
  if (handler !== null) {
    client.setRequestHandler(ElicitRequestSchema, async ({ params }, { signal }) => {
      if (!("requestedSchema" in params)) throw new Error("not a form");
      const { message, requestedSchema } = params;
      seen.push({ message, requestedSchema, signal });
      return await handler(seen.at(-1)!);
    });
  }
  const [clientSide, serverSide] = InMemoryTransport.createLinkedPair();
  await Promise.all([server.connect(serverSide), client.connect(clientSide)]);
  const call = async (args: Record<string, unknown> = INTRUSIVE, signal = new AbortController().signal) => {
    const result = await client.callTool({ name: "probe", arguments: args }, undefined, { signal });
    return result.structuredContent as Record<string, unknown>;
  };
  return { ...engine, client, seen, call, [Symbol.asyncDispose]: () => client.close() };
}

/** An answer that a test gives when it likes. */
function later() {
  const { promise, resolve } = Promise.withResolvers<ElicitResult>();
  return { handler: () => promise, answer: resolve };
}

const YES: ElicitResult = { action: "accept", content: { run_it: true } };

Deno.test("elicitation: an accepted form with its box ticked runs what was shown, once", async () => {
  await using session = await connect(() => YES);
  const result = await session.call();
  assert.equal(result.outcome, "success");
  const [{ message, requestedSchema }] = session.seen as [Seen];
  assert.match(message, /the client "a\\ntest client" wants to run an intrusive command/);
  assert.match(message, /^ {4}intrusive: -A$/m);
  const shown = /^ {4}command: {3}(.*)$/m.exec(message)?.[1];
  assert.deepEqual(shown?.split(" "), result.argv);
  assert.deepEqual(requestedSchema, {
    type: "object",
    properties: {
      run_it: {
        type: "boolean",
        title: "Run it",
        description: "Tick to run the command once; leave it to refuse",
        default: false,
      },
    },
    required: ["run_it"],
  });
  assert.equal(session.executor.orders.length, 1);
  await session.call();
  assert.equal(session.seen.length, 2, "leave is for one run");
});

const NO_LEAVE: readonly (readonly [string, Handler, string])[] = [
  ["declined", () => ({ action: "decline" }), "approval_declined"],
  ["declined, with a box that is ticked", () => ({ ...YES, action: "decline" }), "approval_declined"],
  [
    "accepted with the box left",
    () => ({ action: "accept", content: { run_it: false } }),
    "approval_declined",
  ],
  ["accepted without content", () => ({ action: "accept" }), "approval_required"],
  ["accepted with an empty form", () => ({ action: "accept", content: {} }), "approval_required"],
  ["accepted with a text", () => ({ action: "accept", content: { run_it: "true" } }), "approval_required"],
  ["accepted with another field", () => ({ action: "accept", content: { ok: true } }), "approval_required"],
  ["dismissed", () => ({ action: "cancel" }), "approval_required"],
  ["dismissed, with a box that is ticked", () => ({ ...YES, action: "cancel" }), "approval_required"],
  ["answered by nonsense", () => ({ action: "yes" } as unknown as ElicitResult), "approval_required"],
  ["answered by an error", () => Promise.reject(new Error("no screen")), "approval_required"],
];

for (const [title, handler, errorType] of NO_LEAVE) {
  Deno.test(`elicitation: a question ${title} is ${errorType}, and nothing runs`, async () => {
    await using session = await connect(handler);
    assert.equal((await session.call()).error_type, errorType);
    assert.equal(session.seen.length, 1);
    assert.deepEqual(session.executor.orders, []);
  });
}

Deno.test("elicitation: a client that fills in defaults by itself gives no leave by that", async () => {
  await using session = await connect(() => ({ action: "accept", content: {} }), {
    form: { applyDefaults: true },
  });
  assert.equal((await session.call()).error_type, "approval_declined");
  assert.deepEqual(session.executor.orders, []);
});

for (
  const [title, handler, capability] of [
    ["without the capability", null, {}],
    ["that opens links only", () => YES, { url: {} }],
  ] as const
) {
  Deno.test(`elicitation: a client ${title} is asked nothing, and told the setting`, async () => {
    await using session = await connect(handler, capability);
    const refusal = await session.call();
    assert.equal(refusal.error_type, "approval_required");
    assert.match(String(refusal.error), /this client cannot ask/);
    assert.match(String(refusal.recovery_suggestion), /security\.confirm_intrusive: false/);
    assert.deepEqual(session.seen, []);
    assert.deepEqual(session.executor.orders, []);
  });
}

Deno.test("elicitation: a call that is cancelled takes its question back, the first of a session too", async () => {
  const { handler, answer } = later();
  await using session = await connect(handler);
  const caller = new AbortController();
  const call = session.call(INTRUSIVE, caller.signal);
  await flush();
  assert.equal(session.seen[0]!.signal.aborted, false);
  caller.abort();
  await assert.rejects(call);
  await flush();
  assert.equal(session.seen[0]!.signal.aborted, true);
  answer(YES);
  await flush();
  assert.deepEqual(session.executor.orders, []);
  assert.equal(permitsOut(session), 0);
});

Deno.test("elicitation: a client that goes away with a question open starts nothing", async () => {
  const { handler, answer } = later();
  const session = await connect(handler);
  const call = session.call();
  await flush();
  await Promise.all([assert.rejects(call), session.client.close()]);
  answer(YES);
  await flush();
  assert.deepEqual(session.executor.orders, []);
});

Deno.test("elicitation: cancelling an approved run says nothing more of its question", async () => {
  await using session = await connect(() => YES);
  session.executor.answer = null;
  const caller = new AbortController();
  const call = session.call(INTRUSIVE, caller.signal);
  while (session.executor.pending.length === 0) await flush();
  const said: unknown[] = [];
  session.client.fallbackNotificationHandler = (notification) =>
    Promise.resolve(void said.push(notification));
  // The client's own handler for it would be silent.
  session.client.removeNotificationHandler("notifications/cancelled");
  caller.abort();
  await assert.rejects(call);
  await flush();
  assert.deepEqual(said, []);
  assert.deepEqual(session.executor.pending, []);
});

Deno.test("elicitation: a flood of questions reaches the person as one; the next is asked after its answer", async () => {
  const { handler, answer } = later();
  await using session = await connect(handler);
  const first = session.call();
  await flush();
  const others = await Promise.all(Array.from({ length: 20 }, () => session.call()));
  for (const refusal of others) {
    assert.equal(refusal.error_type, "approval_required");
    assert.match(String(refusal.error), /still being asked about another run/);
  }
  assert.equal(session.seen.length, 1);
  answer(YES);
  assert.equal((await first).outcome, "success");
  assert.equal((await session.call()).outcome, "success");
  assert.equal(session.seen.length, 2);
});

Deno.test("elicitation: a person may take longer than the 60 s that the SDK gives a request", async () => {
  using time = new FakeTime();
  const { handler, answer } = later();
  await using session = await connect(handler);
  const options = { timeout: 600_000 };
  const call = session.client.callTool({ name: "probe", arguments: INTRUSIVE }, undefined, options);
  await time.advance(61_000);
  assert.equal(session.seen[0]!.signal.aborted, false);
  answer(YES);
  assert.equal((await call).isError, false);
});

Deno.test("elicitation: an ordinary run asks nobody", async () => {
  await using session = await connect(() => YES);
  assert.equal((await session.call({ target: "10.0.0.5" })).outcome, "success");
  assert.deepEqual(session.seen, []);
});
