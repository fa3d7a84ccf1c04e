/**
 * The parsers of programs that ask a DNS server, on what the installed versions write.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dig, type DigReport } from "../../src/catalog/parsers/dig.ts";
import { gobuster } from "../../src/catalog/parsers/gobuster.ts";
import { dnsServer } from "./support/dns_server.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

async function digFor(port: number, name: string, type: string): Promise<DigReport> {
  const { stdout, stderr } = await new Deno.Command("dig", {
    args: [
      ...["-r", "+nocmd", "+noidnin", "+noidnout", "+tries=1", "+timeout=5"],
      ...["-p", String(port), "-q", name, "-t", type, "@127.0.0.1"],
    ],
    stdin: "null",
  }).output();
  const report = await dig.parse({ stdout, stderr, partial: false });
  assert.ok(report !== null);
  return report;
}

Deno.test("the parser dig reads what the installed dig writes", async () => {
  if (!hasProgram("dig")) return;
  await using server = await dnsServer();
  const web = await digFor(server.port, "web.lab.internal", "A");
  assert.deepEqual(web.answer.map(({ data }) => data), ["10.0.0.5", "10.0.0.6"]);
  assert.deepEqual([web.status, web.server_port, web.incomplete], ["NOERROR", server.port, null]);
  const long = await digFor(server.port, "long.lab.internal", "TXT");
  assert.deepEqual([long.transport, long.answer.length, long.incomplete], ["TCP", 40, null]);
  const remark = await digFor(server.port, "remark.lab.internal", "A");
  assert.deepEqual([remark.status, remark.answer, remark.incomplete], ["SERVFAIL", [], null]);
  const missing = await digFor(server.port, "none.lab.internal", "A");
  assert.deepEqual([missing.status, missing.authority.length], ["NXDOMAIN", 1]);
});

Deno.test("the parser gobuster reads what the installed gobuster writes", async () => {
  if (!hasProgram("gobuster")) return;
  await using server = await dnsServer();
  using folder = new TestFolder();
  const words = folder.write("words.txt", "web\nmail\nnone\n");
  const { stdout, stderr } = await new Deno.Command("gobuster", {
    args: [
      ...["dns", "-z", "--no-color", "-i", "--timeout", "5s", "-d", "lab.internal"],
      ...["-r", `127.0.0.1:${server.port}`, "-w", words],
    ],
    stdin: "null",
  }).output();
  const report = await gobuster.parse({ stdout, stderr, partial: false });
  assert.deepEqual(report?.found.map(({ name }) => name).toSorted(), [
    "mail.lab.internal",
    "web.lab.internal",
  ]);
  assert.equal(report?.incomplete, null);
});
