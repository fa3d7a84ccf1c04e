import assert from "node:assert/strict";
import { checkOrigin, originRules } from "../../src/http/origin_check.ts";

function check(headers: Record<string, string>, rules = originRules("127.0.0.1", 8080, [], [])) {
  return checkOrigin(new Request("http://127.0.0.1:8080/", { headers }), rules);
}

Deno.test("origin: an IPv6 listener is named in brackets", () => {
  const rules = originRules("::1", 9000, [], []);
  assert.equal(check({ host: "[::1]:9000" }, rules), null);
  assert.equal(check({ host: "::1:9000" }, rules), "the Host header names another server");
});

Deno.test("origin: on port 80 a client may leave the port out, elsewhere not", () => {
  assert.equal(check({ host: "localhost" }, originRules("127.0.0.1", 80, [], [])), null);
  assert.equal(
    check({ host: "localhost", origin: "http://localhost" }, originRules("127.0.0.1", 80, [], [])),
    null,
  );
  assert.notEqual(check({ host: "localhost" }), null);
});

Deno.test("origin: what the configuration adds is matched as a whole, without regard to case", () => {
  const rules = originRules("127.0.0.1", 8080, ["Lab.example"], ["https://Page.example"]);
  assert.equal(check({ host: "lab.EXAMPLE", origin: "https://page.example" }, rules), null);
  assert.notEqual(check({ host: "sub.lab.example" }, rules), null);
  assert.notEqual(check({ host: "lab.example.evil" }, rules), null);
  assert.notEqual(check({ host: "lab.example", origin: "https://page.example.evil" }, rules), null);
});

Deno.test("origin: an allowed host is not an allowed origin", () => {
  const rules = originRules("127.0.0.1", 8080, ["lab.example"], []);
  assert.equal(
    check({ host: "lab.example", origin: "http://lab.example" }, rules),
    "the Origin is not allowed",
  );
});

Deno.test("origin: a request without an Origin does not come from a page", () => {
  assert.equal(check({ host: "127.0.0.1:8080" }), null);
  assert.equal(check({ host: "127.0.0.1:8080", origin: "" }), "the Origin is not allowed");
});
