/**
 * The end of a server under load, at a random moment, over and over: every client is answered, and nothing is left of
 * any run.
 */
import assert from "node:assert/strict";
import { FEW } from "../support/few.ts";
import { BINARY, type HttpServer, startHttp } from "./support/bulkhead.ts";
import { type CallResult, type Connected, connectTo } from "./support/client.ts";
import { ForkingTools } from "./support/forking_tools.ts";

// A compiled executable can start the catalog's own programs only; connections may outlive the server by a moment.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

const ROUNDS = FEW ? 6 : 20;
/** How many servers there are at once: two processors start no more in good time. */
const SIDE_BY_SIDE = 3;
const HTTP_CALLS = 16;
const MCP_CALLS = 8;
/** Calls begin within so many milliseconds, and the signal comes within so many. */
const BEGIN_WITHIN_MS = 250;
const SIGNAL_WITHIN_MS = 700;
/** A call that has not been answered after so many milliseconds hangs. */
const ANSWER_MS = 20_000;

/** What came of one call. */
interface Outcome {
  readonly call: string;
  /** Before the signal, by so many milliseconds; negative when after it. */
  readonly beforeMs: number;
  /** `success`, `cancelled`, `refused`, `no connection`, or what went wrong. */
  readonly what: string;
}

/** Numbers of at least 0 and below 1, always the same for the same seed (xorshift32, Marsaglia 2003). */
function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** One call of `POST /tools/{name}/execute`. */
async function executeOverHttp({ url }: HttpServer, tool: string): Promise<string> {
  const headers = { "content-type": "application/json" };
  let response: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    response = await fetch(`${url}/tools/${tool}/execute`, { method: "POST", headers, body: "{}", signal });
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "it hung" : "no connection";
  }
  const text = await response.text().catch((error) => `it broke off: ${error}`);
  try {
    const body = JSON.parse(text);
    if (response.status === 200 && ["success", "cancelled"].includes(body.outcome)) return body.outcome;
    const isProblem = response.headers.get("content-type") === "application/problem+json";
    if (response.status === 503 && isProblem && body.error_type === "cancelled") return "refused";
  } catch {
    // It is told as it is.
  }
  return `${response.status} ${text}`;
}

/** One call over MCP. */
async function callOverMcp({ client }: Connected, name: string): Promise<string> {
  try {
    const answer = await client.callTool({ name, arguments: {} }, undefined, { timeout: ANSWER_MS });
    const { isError, structuredContent } = answer as unknown as CallResult;
    if (!isError && structuredContent.outcome === "success") return "success";
    if (isError && structuredContent.error_type === "cancelled") {
      return structuredContent.outcome ?? "refused";
    }
    return JSON.stringify(answer);
  } catch (error) {
    // Refused, or reset before an answer began; one that breaks off has another message.
    const isRefused = error instanceof TypeError &&
      /^(?:fetch failed$|error sending request)/.test(error.message);
    return isRefused ? "no connection" : String(error);
  }
}

/** One server's life; returns what came of the calls. */
async function round(tools: ForkingTools, seed: number): Promise<Outcome[]> {
  const random = randomNumbers(seed);
  await using server = await startHttp(tools.args);
  await using first = await connectTo(server.url);
  await using second = await connectTo(server.url);
  let signalledMs = Infinity;
  const calls = Array.from({ length: HTTP_CALLS + MCP_CALLS }, async (_, index) => {
    const tool = index % 2 === 0 ? "linger" : "quick";
    const delayMs = random() * BEGIN_WITHIN_MS;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const beganMs = performance.now();
    const what = index < HTTP_CALLS
      ? await executeOverHttp(server, tool)
      : await callOverMcp(index % 4 < 2 ? first : second, tool);
    return { call: `${index < HTTP_CALLS ? "http" : "mcp"} ${tool}`, beforeMs: signalledMs - beganMs, what };
  });
  await new Promise((resolve) => setTimeout(resolve, random() * SIGNAL_WITHIN_MS));
  signalledMs = performance.now();
  const exit = server.stop();
  const outcomes = await Promise.all(calls);
  assert.equal(await exit, 0, server.log());
  assert.deepEqual(await tools.processes(), [], server.log());
  assert.deepEqual(tools.stateLeft(), []);
  assert.doesNotMatch(server.log(), /internal error|Uncaught/);
  const isAnswer = ({ what, beforeMs }: Outcome) =>
    ["success", "cancelled", "refused"].includes(what) || what === "no connection" && beforeMs < 0;
  assert.deepEqual(outcomes.filter((outcome) => !isAnswer(outcome)), [], server.log());
  return outcomes;
}

Deno.test(
  `SIGTERM under load, ${ROUNDS} times: every client is answered, and no process is left`,
  options,
  async () => {
    const seed = Number(Deno.env.get("SHUTDOWN_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    const seeds = Array.from({ length: ROUNDS }, (_, index) => (seed + index * 0x9e3779b9) >>> 0);
    const counts = new Map<string, number>();
    const lane = async (_: unknown, index: number) => {
      using tools = new ForkingTools({ graceSec: 0.3 + 0.3 * index });
      for (let next = seeds.pop(); next !== undefined; next = seeds.pop()) {
        try {
          for (const { what } of await round(tools, next)) counts.set(what, (counts.get(what) ?? 0) + 1);
        } catch (error) {
          throw new Error(`SHUTDOWN_SEED=${next}, first round`, { cause: error });
        }
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    // The moment was well chosen only when there were answers of every kind.
    for (const what of ["success", "cancelled", "refused"]) assert.ok(counts.has(what), what);
  },
);
