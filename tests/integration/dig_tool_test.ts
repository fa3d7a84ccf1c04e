/** dig: the real program, confined, asking a DNS server of the test's own. */
import assert from "node:assert/strict";
import { bulkhead, startHttp } from "./support/bulkhead.ts";
import { dnsServer } from "./support/dns_server.ts";
import { hasProgram } from "./support/programs.ts";

/** Asks for a name at the server on that port. */
async function ask(port: number, name: string, ...params: string[]) {
  const { code, stdout } = await bulkhead([
    ...["call", "dig", "--json", "--allow-target", "loopback", "--target", "127.0.0.1"],
    ...[`port=${port}`, `name=${name}`, ...params].flatMap((param) => ["--param", param]),
  ]);
  return { code, result: JSON.parse(stdout) };
}

Deno.test("dig: records of a name, over UDP and over TCP", async () => {
  if (!hasProgram("dig")) return;
  await using server = await dnsServer();
  for (const [params, transport] of [[[], "UDP"], [["tcp=true"], "TCP"]] as const) {
    const { code, result } = await ask(server.port, "web.lab.internal", ...params);
    assert.equal(code, 0, JSON.stringify(result));
    const { parsed } = result;
    assert.deepEqual([parsed.status, parsed.transport, parsed.server_port], [
      "NOERROR",
      transport,
      server.port,
    ]);
    assert.deepEqual(parsed.answer.map(({ data }: { data: string }) => data), ["10.0.0.5", "10.0.0.6"]);
    // Whatever home the server's user has, its ~/.digrc is not read.
    assert.equal(result.argv[1], "-r");
    assert.equal(result.argv.at(-1), "@127.0.0.1");
  }
});

Deno.test("dig: a name that does not exist is an answer, not a failure", async () => {
  if (!hasProgram("dig")) return;
  await using server = await dnsServer();
  const { code, result } = await ask(server.port, "none.lab.internal", "type=AAAA");
  assert.deepEqual([code, result.outcome], [0, "success"]);
  assert.deepEqual([result.parsed.status, result.parsed.answer], ["NXDOMAIN", []]);
  assert.equal(result.parsed.authority[0].type, "SOA");
});

Deno.test("dig: a server that says nothing is a failure that is the target's", async () => {
  if (!hasProgram("dig")) return;
  await using server = await dnsServer();
  const { code, result } = await ask(server.port, "silent.lab.internal", "timeout=1", "tries=1");
  assert.deepEqual([code, result.outcome, result.returncode], [1, "failure", 9]);
});

Deno.test("dig: without a server, or with one that is not allowed, nobody is asked", async () => {
  if (!hasProgram("dig")) return;
  const name = ["--param", "name=web.lab.internal"];
  const none = await bulkhead(["call", "dig", ...name]);
  assert.deepEqual([none.code, none.stdout], [3, ""]);
  assert.match(none.stderr, /target is missing/);
  await using server = await startHttp([]);
  for (
    const extra of ["@8.8.8.8", "8.8.8.8", "-x 10.0.0.1", "-q other.example", "-f /etc/passwd", "+trace"]
  ) {
    const request = { target: "10.0.0.53", parameters: { name: "web.lab.internal" }, extra_args: extra };
    const { status, body } = await server.execute("dig", request);
    assert.equal(status, 400, extra);
    assert.match(body.detail, /extra_args|flag/, extra);
  }
});
