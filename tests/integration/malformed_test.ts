/** Thousands of requests that are wrong in every way that comes to mind: each is refused, and the server goes on. */
import assert from "node:assert/strict";
import { FEW } from "../support/few.ts";
import { secretOf } from "../support/tokens.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import { connect, latin1, listen, residentMib, statusOf } from "./support/raw_http.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null };

const REQUESTS = FEW ? 2_000 : 10_000;
const AT_ONCE = 32;
/** What the server may have grown by, in MiB: garbage that is not collected yet, and no copy of what was sent. */
const MAX_GROWTH_MIB = 200;

/** Random choices, the same for the same seed (xorshift32, Marsaglia 2003). */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A whole number of at least 0 and below `end`. */
  below(end: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return Math.floor((this.#state >>> 0) / 2 ** 32 * end);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Any bytes, as characters up to U+00FF. */
  bytes(most: number): string {
    return String.fromCharCode(...Array.from({ length: this.below(most) }, () => this.below(256)));
  }
}

const METHODS = [
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "HEAD",
  "OPTIONS",
  "PATCH",
  "TRACE",
  "CONNECT",
  "get",
  "M-X",
];
const NAMES = [
  "quick",
  "nope",
  "..",
  "%2e%2e",
  "%00",
  "%ff",
  "%zz",
  "__proto__",
  "constructor",
  "a b",
  "\xff",
  "",
];
const PATHS = [
  "/livez",
  "/readyz",
  "/tools",
  "/tools/NAME",
  "/tools/NAME/execute",
  "/tools/NAME/execute",
  "/tools/NAME/enable",
  "/tools/NAME/breaker/reset",
  "/metrics",
  "/config",
  "/mcp",
  "/mcp",
  "/",
  "//",
  "*",
  "/tools?NAME=NAME#NAME",
  "http://NAME/tools",
  "http://[::1/tools",
  "/tools/../../etc/passwd",
  "",
];
/** Paths with nothing wrong, so that what else is wrong is got to. */
const ROUTES = [
  "/tools",
  "/tools/quick",
  "/tools/quick/execute",
  "/tools/quick/enable",
  "/mcp",
  "/mcp",
  "/mcp",
];
const JSON_BODIES = [
  "{}",
  "[]",
  "null",
  "1e999",
  '"\\ud800"',
  "{",
  '{"parameters":{"__proto__":{"a":1}}}',
  '{"parameters":null,"target":{},"timeout_sec":"x","correlation_id":[]}',
  '{"__proto__":{"target":"127.0.0.1"}}',
  `${"[".repeat(100_000)}`,
  `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
  `{"parameters":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`,
  `{"extra_args":"${"-a ".repeat(30_000)}"}`,
  '{"jsonrpc":"2.0","id":1,"method":"initialize"}',
  '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"9999","capabilities":[],"clientInfo":1}}',
  '[{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":1,"method":"tools/list"}]',
  '{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"quick","arguments":[]}}',
  '{"jsonrpc":"1.0"}',
  '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{}}}',
  '{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"quick","arguments":{"__proto__":1,"\\u0000":2}}}',
  '{"jsonrpc":"2.0","id":1.5,"result":{}}',
  '{"jsonrpc":"2.0","id":null,"method":"\\u0000"}',
];
/** What is no HTTP at all: TLS, SSH, HTTP/2 with and without frames, a page of zeros. */
const OTHER_PROTOCOLS = [
  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
  "SSH-2.0-OpenSSH_9.2\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00\xff\xff\xff\x01\x25\x00\x00\x00\x01junk",
  "\0".repeat(4096),
  "\r\n\r\n\r\n\r\n",
  "GET",
  "GET / HTTP/1.1",
  "GET / HTTP/9.9\r\n\r\n",
];

function headers(random: Random, host: string, session: string, isWrong: boolean): string[] {
  const lines: string[] = [];
  const add = (percent: number, ...choices: readonly string[]) => {
    while (random.chance(percent)) {
      lines.push(random.pick(choices));
      percent = 5;
    }
  };
  const accept = "Accept: application/json, text/event-stream";
  if (random.chance(50)) lines.push(`Mcp-Session-Id: ${session}`);
  if (!isWrong) {
    const type = "Content-Type: application/json";
    return [...lines, `Host: ${host}`, `Authorization: Bearer ${secretOf("all")}`, type, accept];
  }
  if (random.chance(80)) lines.push(`Host: ${host}`);
  add(
    15,
    "Host: evil.example",
    "Host: a b",
    "Host: x:99999999",
    "Host:",
    "Host: \xff\xfe",
    `Host: ${host}`,
  );
  if (random.chance(70)) lines.push(`Authorization: Bearer ${secretOf("all")}`);
  add(
    20,
    `Authorization: Bearer ${secretOf("nobody")}`,
    "Authorization: Basic YTpi",
    "Authorization:",
    `Authorization: Bearer ${"x".repeat(9_000)}`,
    `Authorization: Bearer \xff${random.bytes(20).replace(/[\r\n]/g, "")}`,
  );
  add(
    70,
    "Content-Type: application/json",
    "Content-Type: text/plain",
    "Content-Type: ;;;",
    "Content-Type: \xff",
  );
  add(
    40,
    accept,
    "Accept: */*;q=x",
    "Accept-Encoding: gzip, br, \xff",
  );
  add(10, "Origin: http://evil.example", "Origin: null", `Origin: http://${host}`, "Origin: \xff");
  add(
    15,
    "Mcp-Session-Id: 1",
    `Mcp-Session-Id: ${"9".repeat(5_000)}`,
    "Mcp-Protocol-Version: 1",
    "Mcp-Method: \xff",
  );
  add(10, "Range: bytes=9-1", "Last-Event-Id: \xff", "If-None-Match: *", "Cookie: a=b");
  add(
    10,
    "Expect: 100-continue",
    "Upgrade: websocket",
    "Connection: upgrade",
    "Connection: close",
    "TE: trailers",
  );
  add(
    5,
    "No colon",
    ": no name",
    " folded",
    "Bad\x00Name: x",
    `X: ${random.bytes(50)}`,
    `X: ${"y".repeat(70_000)}`,
  );
  if (random.chance(3)) lines.push(...Array.from({ length: 300 }, (_, index) => `X-${index}: y`));
  return lines;
}

function framing(random: Random, body: string, isWrong: boolean): readonly [lines: string[], body: string] {
  const chunked = "Transfer-Encoding: chunked";
  switch (isWrong ? random.below(12) : null) {
    case 0:
      return [[], body];
    case 1:
      return [[
        `Content-Length: ${random.pick(["-1", "1e3", "99999999999999999999", "0x10", "1, 2", " ", "+5"])}`,
      ], body];
    case 2:
      return [[`Content-Length: ${body.length + 10}`], body];
    case 3:
      return [["Content-Length: 1", `Content-Length: ${body.length}`], body];
    case 4:
      return [[chunked, "Content-Length: 3"], `3\r\n{}\n\r\n0\r\n\r\n`];
    case 5:
      return [
        [chunked],
        random.pick(["zz\r\n", "ffffffffffffffff\r\nx", "5\r\n{}", "2\r\n{}\r\n0\r\nX: y\r\n\r\n", "-1\r\n"]),
      ];
    case 6:
      return [[chunked, chunked], body];
    case 7:
      return [["Transfer-Encoding: gzip, \xff"], body];
    default:
      return [[`Content-Length: ${body.length}`], body];
  }
}

/** Opens an MCP session; gives its id. */
async function openSession(url: string): Promise<string> {
  const response = await fetch(`${url}/mcp`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${secretOf("all")}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 0,
      method: "initialize",
      params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
    }),
  });
  await response.text();
  return response.headers.get("mcp-session-id")!;
}

/** Whether an answer is a stream, which need not end. */
function isStream(heard: string): boolean {
  const end = heard.indexOf("\r\n\r\n");
  return end >= 0 && /\r\ncontent-type: text\/event-stream/i.test(heard.slice(0, end));
}

/** One request, or what is none. */
function malformed(random: Random, host: string, session: string): string {
  if (random.chance(5)) return random.bytes(2_000);
  if (random.chance(5)) return random.pick(OTHER_PROTOCOLS) + random.bytes(50);
  const isWrong = random.chance(50);
  const method = !isWrong
    ? random.pick(["GET", "POST", "POST", "POST"])
    : random.chance(80)
    ? random.pick(METHODS)
    : random.bytes(8);
  const path = random.chance(3)
    ? `/${"a".repeat(random.below(100_000))}`
    : random.chance(5)
    ? `/${random.bytes(40)}`
    : isWrong
    ? random.pick(PATHS).replaceAll("NAME", () => random.pick(NAMES))
    : random.pick(ROUTES);
  const version = !isWrong || random.chance(90)
    ? "HTTP/1.1"
    : random.pick(["HTTP/1.0", "HTTP/0.9", "", "http/1.1", "\xff"]);
  const body = random.chance(90) ? random.pick(JSON_BODIES) : random.bytes(3_000);
  const [lines, sent] = framing(random, body, isWrong);
  const whole = [
    `${method} ${path} ${version}`,
    ...headers(random, host, session, isWrong),
    ...lines,
    "",
    sent,
  ].join("\r\n");
  // Now and then a byte is changed, or the end is missing.
  if (!isWrong) return whole;
  if (random.chance(5)) return whole.slice(0, random.below(whole.length));
  if (!random.chance(10)) return whole;
  const at = random.below(whole.length);
  return whole.slice(0, at) + String.fromCharCode(random.below(256)) + whole.slice(at + 1);
}

Deno.test(
  `${REQUESTS} malformed requests: no crash, no error of the server's, no memory that grows`,
  options,
  async () => {
    const seed = Number(Deno.env.get("MALFORMED_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
    using folder = new TestFolder();
    const program = folder.script("bin/quick", "exit 0");
    folder.write("tools/quick.yaml", standInManifest("quick", program));
    folder.write("tokens", `all read,execute,admin ${secretOf("all")}\n`, 0o600);
    const config = folder.write(
      "config.yaml",
      `auth: { tokens_file: tokens }
tools: { include: [quick] }
security: { allowed_targets: [] }
server: { max_body_bytes: 65536 }
logging: { format: json }
`,
    );
    await using server = await startHttp(["--tools", `${folder.path}/tools`, "--config", config]);
    const { host } = new URL(server.url);
    const session = await openSession(server.url);
    const before = await residentMib(server.pid);
    const counts = new Map<number, number>();
    const wrong: string[] = [];
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < REQUESTS; index = next++) {
        const random = new Random((seed + index * 0x9e3779b9) >>> 0);
        random.below(1);
        const request = malformed(random, host, session);
        const connection = await connect(server.url);
        let answer = "";
        try {
          await connection.write(latin1(request));
          if (random.chance(5)) connection.close();
          else {
            // Whoever waits for more learns that there is none.
            await connection.closeWrite();
            answer = await listen(connection, 10_000, isStream);
          }
        } catch {
          // The server need not read on once it knows that it is nothing.
          answer = await listen(connection, 10_000, isStream);
        }
        const status = statusOf(answer);
        counts.set(status, (counts.get(status) ?? 0) + 1);
        const isOurs = status === 503 &&
          /"error_type":"(?:not_found|cancelled|circuit_breaker_open)"/.test(answer);
        if (status >= 500 && !isOurs) {
          wrong.push(`#${index}: ${JSON.stringify(request.slice(0, 600))} => ${answer.slice(0, 600)}`);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const about = `MALFORMED_SEED=${seed}, ${JSON.stringify([...counts].sort(([a], [b]) => a - b))}`;
    assert.deepEqual(wrong, [], about);
    const bug = /"level":"(?:error|fatal)"|internal error|^error: |panicked/;
    const bugs = server.log().split("\n").filter((line) => bug.test(line));
    assert.deepEqual(bugs.slice(0, 5), [], about);
    // The requests were of many kinds only when there were answers of many kinds.
    for (const status of [200, 202, 400, 401, 403, 404, 405]) {
      assert.ok(
        counts.has(status),
        `${status}: ${about}`,
      );
    }
    const growth = await residentMib(server.pid) - before;
    assert.ok(growth < MAX_GROWTH_MIB, `${growth} MiB more; ${about}`);
    const live = await fetch(`${server.url}/livez`);
    assert.deepEqual([live.status, await live.text()], [200, "ok\n"]);
    const { status, body } = await server.execute("quick", {}).catch(() => ({ status: 0, body: null }));
    assert.equal(status, 401, JSON.stringify(body));
    assert.equal(await server.stop(), 0);
  },
);
