/** Pages of other sites, and names that were rebound: refused on every route there is, by a real socket (D20, D21). */
import assert from "node:assert/strict";
import { ROUTES } from "../../src/http/routes.ts";
import { SECURITY_HEADERS } from "../../src/http/security_headers.ts";
import { secretOf } from "../support/tokens.ts";
import { startHttp } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";
import { exchangeHeader, statusOf } from "./support/raw_http.ts";

/** Every method of every route, with a tool of the catalog in the path. */
const REQUESTS = ROUTES.flatMap(({ path, methods }) =>
  [...methods, "HEAD", "OPTIONS", "PUT"].map((method) =>
    [method, path.replace(/\{[a-z_]+\}/g, "curl")] as const
  )
);

/** A request by hand: JSON where there is a body, and a token that may do everything. */
function request(method: string, path: string, lines: readonly string[]): string {
  const body = ["POST", "PUT"].includes(method) ? "{}" : "";
  return [
    `${method} ${path} HTTP/1.1`,
    ...lines,
    `Authorization: Bearer ${secretOf("all")}`,
    "Content-Type: application/json",
    "Accept: application/json, text/event-stream",
    "Connection: close",
    `Content-Length: ${body.length}`,
    "",
    body,
  ].join("\r\n");
}

function assertSecured(answer: string, what: string): void {
  const head = answer.slice(0, answer.indexOf("\r\n\r\n")).toLowerCase();
  for (const [name, value] of SECURITY_HEADERS) {
    assert.ok(head.includes(`\r\n${name}: ${value.toLowerCase()}`), `${what}: ${name} in ${head}`);
  }
}

Deno.test("a foreign Host or Origin is refused on every route, with every method (D20, D21)", async () => {
  using folder = new TestFolder();
  folder.write("tokens", `all read,execute,admin ${secretOf("all")}\n`, 0o600);
  const config = folder.write(
    "config.yaml",
    `auth: { tokens_file: tokens }
server: { allowed_origins: ["https://page.example"] }
tools: { include: [curl] }
`,
  );
  await using server = await startHttp(["--config", config]);
  const foreign = [
    ["Host: evil.example"],
    ["Host: evil.example", "Origin: https://page.example"],
    ["Host: HOST", "Origin: http://evil.example"],
    ["Host: HOST", "Origin: null"],
    [],
  ];
  for (const [method, path] of REQUESTS) {
    for (const lines of foreign) {
      const answer = await exchangeHeader(server.url, request(method, path, lines));
      const what = `${method} ${path} with ${lines.join(", ")}`;
      assert.equal(statusOf(answer), 403, `${what}: ${answer}`);
      assertSecured(answer, what);
      if (lines[1] !== "Origin: https://page.example") {
        assert.doesNotMatch(answer, /\r\naccess-control-/i, what);
      }
    }
  }
});

Deno.test("every route's answer has the security headers; CORS is for the named origin alone (D20)", async () => {
  using folder = new TestFolder();
  const config = folder.write(
    "config.yaml",
    `server: { allowed_origins: ["https://page.example"] }
security: { allowed_targets: [] }
tools: { include: [curl] }
`,
  );
  await using server = await startHttp(["--config", config]);
  for (const [method, path] of [...REQUESTS, ["GET", "/nothing"], ["GET", "/livez/..%2f"]] as const) {
    for (const origin of [null, "https://page.example", server.url]) {
      const lines = ["Host: HOST", ...(origin === null ? [] : [`Origin: ${origin}`])];
      const answer = await exchangeHeader(server.url, request(method, path, lines));
      const what = `${method} ${path} from ${origin}`;
      assert.ok(
        statusOf(answer) >= 200 && statusOf(answer) < 500 || statusOf(answer) === 503,
        `${what}: ${answer}`,
      );
      assertSecured(answer, what);
      const grants = /\r\naccess-control-allow-origin: (\S+)/i.exec(answer)?.[1] ?? null;
      assert.equal(grants, origin === "https://page.example" ? origin : null, what);
    }
    const preflight = ["Host: HOST", "Origin: https://page.example", "Access-Control-Request-Method: POST"];
    const answer = await exchangeHeader(server.url, request("OPTIONS", path, preflight));
    assert.equal(statusOf(answer), path.startsWith("/nothing") || path.includes("%2f") ? 404 : 204, path);
  }
});
