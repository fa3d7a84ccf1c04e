/** Tokens over a real socket, with a real client. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, bulkhead, type HttpServer, inspect, startHttp } from "./support/bulkhead.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

/** What curl was answered. */
interface Answer {
  readonly status: number;
  /** All header lines, and the body. */
  readonly text: string;
}

/** Asks with the program curl. */
async function curl(server: HttpServer, path: string, args: readonly string[] = []): Promise<Answer> {
  const { code, stdout, stderr } = await new Deno.Command("curl", {
    args: [
      "-q",
      "-sS",
      "-i",
      "--path-as-is",
      "--noproxy",
      "*",
      "--max-time",
      "20",
      ...args,
      server.url + path,
    ],
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return { status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1]), text };
}

/** The arguments by which curl sends a name's token. */
function as(name: string): string[] {
  return ["-H", `Authorization: ${bearer(name).authorization}`];
}

/** A folder with a configuration and tokens for `reader`, `runner` and `admin`. */
function folderWithTokens(): { readonly folder: TestFolder; readonly config: string } {
  const folder = new TestFolder();
  const lines = ["# who may", `reader read ${secretOf("reader")}`, `runner execute ${secretOf("runner")}`];
  folder.write("tokens", [...lines, `admin admin ${secretOf("admin")}`, ""].join("\n"), 0o600);
  const config = folder.write("config.yaml", "auth: { tokens_file: tokens }\n");
  return { folder, config };
}

Deno.test("with tokens, each route takes its scope, and says what is missing (RFC 6750)", async () => {
  if (!hasProgram("curl")) return;
  const { folder, config } = folderWithTokens();
  using _ = folder;
  await using server = await startHttp(["--config", config]);
  for (const path of ["/livez", "/readyz"]) assert.equal((await curl(server, path)).status, 200);
  const without = await curl(server, "/tools");
  assert.equal(without.status, 401);
  assert.match(without.text, /\r\nwww-authenticate: Bearer realm="bulkhead"\r\n/i);
  assert.match(without.text, /\r\ncontent-type: application\/problem\+json\r\n/i);
  assert.equal((await curl(server, "/tools", as("reader"))).status, 200);
  const weak = await curl(server, "/tools", as("runner"));
  assert.equal(weak.status, 403);
  assert.match(weak.text, /error="insufficient_scope", scope="read"\r\n/);
  const wrong = await curl(server, "/tools", ["-H", "Authorization: Bearer not-one-of-them"]);
  assert.equal(wrong.status, 401);
  assert.match(wrong.text, /error="invalid_token"\r\n/);
  assert.equal((await curl(server, `/tools?access_token=${secretOf("reader")}`)).status, 401);
  assert.equal((await curl(server, "/tools", ["-u", `reader:${secretOf("reader")}`])).status, 401);
  assert.equal((await curl(server, "/tools", [...as("reader"), ...as("reader")])).status, 401);
  const json = ["-H", "Content-Type: application/json", "-d", '{"target":"8.8.8.8"}'];
  assert.equal((await curl(server, "/tools/curl/execute", [...as("reader"), ...json])).status, 403);
  assert.equal((await curl(server, "/tools/curl/execute", [...as("runner"), ...json])).status, 400);
  assert.equal(
    (await curl(server, "/tools", [...as("reader"), "-H", "Origin: http://evil.example"])).status,
    403,
  );
});

Deno.test("with tokens, no method and no spelling of a path goes around them", async () => {
  if (!hasProgram("curl")) return;
  const { folder, config } = folderWithTokens();
  using _ = folder;
  await using server = await startHttp(["--config", config]);
  const paths = [
    "/tools",
    "/mcp",
    "/tools/curl/execute",
    "//tools",
    "/livez/../tools",
    "/%74ools",
    "/nothing",
  ];
  for (const path of paths) {
    for (const method of ["GET", "POST", "PUT", "OPTIONS", "TRACE", "DELETE", "get"]) {
      const { status, text } = await curl(server, path, ["-X", method]);
      assert.equal(status, 401, `${method} ${path}`);
      // A TRACE that is answered with the request would hand out its headers.
      assert.doesNotMatch(text, /user-agent/i);
    }
    assert.equal((await curl(server, path, ["-I"])).status, 401, `HEAD ${path}`);
  }
  const traced = await curl(server, "/tools", [...as("reader"), "-X", "TRACE"]);
  assert.equal(traced.status, 405);
  assert.match(traced.text, /\r\nallow: GET\r\n/i);
  assert(!traced.text.includes(secretOf("reader")));
  // On the wire a path is not put right before it arrives.
  assert.equal((await curl(server, "/livez/../tools", as("reader"))).status, 404);
  const injected = await curl(server, "/tools/x%0d%0aX-Evil:%201", as("reader"));
  assert.equal(injected.status, 404);
  assert.doesNotMatch(injected.text, /\r\nX-Evil/i);
});

Deno.test("with tokens, an address of another loopback network can be listened on", async () => {
  if (!hasProgram("curl") || BINARY !== null) return;
  const { folder, config } = folderWithTokens();
  using _ = folder;
  await using server = await startHttp(["--config", config, "--host", "127.0.0.2"]);
  assert.match(server.url, /^http:\/\/127\.0\.0\.2:/);
  assert.equal((await curl(server, "/tools", as("reader"))).status, 200);
});

Deno.test("a file of tokens that others may read, or all addresses at once, end the start with 2", async () => {
  const { folder, config } = folderWithTokens();
  using _ = folder;
  const serve = ["serve", "--transport", "http", "--port", "0", "--config", config];
  const everywhere = await bulkhead([...serve, "--host", "0.0.0.0"]);
  assert.equal(everywhere.code, 2);
  assert.match(everywhere.stderr, /it stands for every address of this machine/);
  Deno.chmodSync(`${folder.path}/tokens`, 0o644);
  const open = await bulkhead(serve);
  assert.equal(open.code, 2);
  assert.match(open.stderr, /tokens: others may read or change the file \(mode 644\); run: chmod 600 /);
});

Deno.test("check reads the tokens, and permissions grants reading their file", async () => {
  const { folder, config } = folderWithTokens();
  using _ = folder;
  const checked = await inspect(["check", "--config", config]);
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /^tokens: 3: ok$/m);
  folder.write("tokens", `reader raed ${secretOf("reader")}\n`, 0o600);
  const wrong = await inspect(["check", "--config", config]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /tokens:1:8: expected a scope: read, execute, admin; did you mean read\?\n$/);
  const printed = await inspect(["permissions", "--format", "json", "--config", config]);
  assert(JSON.parse(printed.stdout).grants.read.includes(`${folder.path}/tokens`));
});
