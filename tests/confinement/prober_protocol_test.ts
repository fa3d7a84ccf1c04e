import assert from "node:assert/strict";
import { isFromProber, isToProber, MAX_SERVICES } from "../../src/confinement/prober_protocol.ts";
import { serviceOf } from "../../src/confinement/services.ts";

const tcp = serviceOf({ tcp: "ldap.lab.internal:389" });
const http = serviceOf({ http: "https://[fd00::5]:8443/a?b=%20" });

Deno.test("prober protocol: every order and every answer is in its table", () => {
  for (
    const order of [
      { type: "open", services: [] },
      { type: "open", services: [tcp, http, ...new Array(MAX_SERVICES - 2).fill(tcp)] },
      { type: "check", service: 0 },
      { type: "check", service: MAX_SERVICES - 1 },
      { type: "cancel", service: 3 },
    ]
  ) assert.equal(isToProber(order), true, JSON.stringify(order));
  for (
    const answer of [
      { type: "opened" },
      { type: "answered", service: 0, durationMs: 0.5, status: null },
      { type: "answered", service: 63, durationMs: 1, status: 200 },
      { type: "answered", service: 63, durationMs: 1, status: 599 },
      { type: "failed", service: 1, reason: "r" },
      { type: "broken", reason: "r" },
    ]
  ) assert.equal(isFromProber(answer), true, JSON.stringify(answer));
});

Deno.test("prober protocol: nothing else is", () => {
  const one = (changes: object) => ({ type: "open", services: [{ ...tcp, ...changes }] });
  const asking = (changes: object) => one({ http: { ...http.http, ...changes } });
  for (
    const order of [
      { type: "open" },
      { type: "open", services: [tcp], more: 1 },
      { type: "open", services: new Array(MAX_SERVICES + 1).fill(tcp) },
      one({ host: "" }),
      one({ host: "a b" }),
      one({ host: "a/b" }),
      one({ host: "[::1]" }),
      one({ host: "x".repeat(254) }),
      one({ port: 0 }),
      one({ port: 65_536 }),
      one({ port: 1.5 }),
      one({ port: "80" }),
      one({ more: 1 }),
      asking({ path: "" }),
      asking({ path: "a" }),
      asking({ path: "/a b" }),
      asking({ path: "/a\r\nHost: b" }),
      asking({ path: "/\u00e9" }),
      asking({ path: `/${"a".repeat(4097)}` }),
      asking({ host: "a\r\nb" }),
      asking({ host: "" }),
      asking({ tlsName: "" }),
      asking({ tlsName: "a\n" }),
      asking({ more: 1 }),
      { type: "check", service: -1 },
      { type: "check", service: MAX_SERVICES },
      { type: "check", service: 0.5 },
      { type: "check", service: "0" },
      { type: "cancel" },
      { type: "opened" },
    ]
  ) assert.equal(isToProber(order), false, JSON.stringify(order));
  const answered = { type: "answered", service: 0, durationMs: 1, status: 200 };
  for (
    const answer of [
      { ...answered, status: 199 },
      { ...answered, status: 600 },
      { ...answered, status: "200" },
      { ...answered, durationMs: -1 },
      { ...answered, durationMs: Infinity },
      { ...answered, body: "b" },
      { type: "failed", service: 0 },
      { type: "failed", service: 0, reason: "x".repeat(4097) },
      { type: "open", services: [] },
    ]
  ) assert.equal(isFromProber(answer), false, JSON.stringify(answer));
});

/** What a dependency becomes. */
const SERVICES: readonly (readonly [Parameters<typeof serviceOf>[0], ReturnType<typeof serviceOf>])[] = [
  [{ tcp: "10.0.0.5:389" }, { host: "10.0.0.5", port: 389, http: null }],
  [{ tcp: "LDAP.Lab.internal.:389" }, { host: "ldap.lab.internal", port: 389, http: null }],
  [{ tcp: "[FD00::5]:389" }, { host: "fd00::5", port: 389, http: null }],
  [{ tcp: "localhost:389" }, { host: "127.0.0.1", port: 389, http: null }],
  [{ http: "http://10.0.0.5" }, {
    host: "10.0.0.5",
    port: 80,
    http: { tlsName: null, host: "10.0.0.5", path: "/" },
  }],
  [{ http: "http://10.0.0.5:8080/a?b=c" }, {
    host: "10.0.0.5",
    port: 8080,
    http: { tlsName: null, host: "10.0.0.5:8080", path: "/a?b=c" },
  }],
  [{ http: "HTTPS://Vault.lab.internal:443?x" }, {
    host: "vault.lab.internal",
    port: 443,
    http: { tlsName: "vault.lab.internal", host: "vault.lab.internal", path: "/?x" },
  }],
  [{ http: "https://[fd00::5]:8443/" }, {
    host: "fd00::5",
    port: 8443,
    http: { tlsName: "fd00::5", host: "[fd00::5]:8443", path: "/" },
  }],
  [{ http: "https://localhost/" }, {
    host: "127.0.0.1",
    port: 443,
    http: { tlsName: "localhost", host: "localhost", path: "/" },
  }],
];

for (const [dependency, service] of SERVICES) {
  Deno.test(`services: ${dependency.tcp ?? dependency.http} is where it says, and in the table`, () => {
    assert.deepEqual(serviceOf(dependency), service);
    assert.equal(isToProber({ type: "open", services: [service] }), true);
  });
}

Deno.test("services: what the schema would refuse is a bug", () => {
  assert.throws(() => serviceOf({}));
  assert.throws(() => serviceOf({ tcp: "10.0.0.5" }));
  assert.throws(() => serviceOf({ http: "ftp://10.0.0.5/" }));
});
