import assert from "node:assert/strict";
import { dig, type DigReport } from "../../../src/catalog/parsers/dig.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "dig_address",
  "dig_alias",
  "dig_any",
  "dig_bad_name",
  "dig_broken",
  "dig_garbage",
  "dig_long",
  "dig_missing_name",
  "dig_no_records",
  "dig_not_allowed",
  "dig_odd_name",
  "dig_odd_text",
  "dig_refused",
  "dig_remark",
  "dig_reverse",
  "dig_service",
  "dig_silent",
  "dig_truncated",
];

const NO_END = "output ended before the end of the report";

/** "TYPE DATA" of each record of the answer. */
function answers({ answer }: DigReport): string[] {
  return answer.map(({ type, data }) => `${type} ${data}`);
}

/** A report with the lines as its answer section, which promises one record for each. */
function reportOf(records: readonly string[], promised = records.length): string {
  return [
    ";; Got answer:",
    ";; ->>HEADER<<- opcode: QUERY, status: NOERROR, id: 1",
    `;; flags: qr; QUERY: 1, ANSWER: ${promised}, AUTHORITY: 0, ADDITIONAL: 0`,
    "",
    ";; ANSWER SECTION:",
    ...records,
    "",
    ";; MSG SIZE  rcvd: 100",
    "",
  ].join("\n");
}

Deno.test("dig reads an ordinary answer", async () => {
  const report = await parsedWhole(dig, recorded("dig_address"));
  const record = { name: "web.lab.internal.", ttl_sec: 300, class: "IN", type: "A" };
  assert.deepEqual(report, {
    status: "NOERROR",
    flags: ["qr", "aa", "rd", "ra"],
    question: { name: "web.lab.internal.", class: "IN", type: "A" },
    answer: [{ ...record, data: "10.0.0.5" }, { ...record, data: "10.0.0.6" }],
    authority: [],
    additional: [],
    server_address: "127.0.0.1",
    server_port: 40443,
    transport: "UDP",
    query_time_ms: 24,
    message_bytes: 98,
    remarks: [],
    incomplete: null,
  });
  assert.equal(
    dig.summarize(report),
    [
      "NOERROR: 2 answers from 127.0.0.1 port 40443 over UDP in 24 ms",
      "Question: web.lab.internal. IN A",
      "Flags: qr aa rd ra",
      "Answer: web.lab.internal. 300 IN A 10.0.0.5",
      "Answer: web.lab.internal. 300 IN A 10.0.0.6",
    ].join("\n"),
  );
});

Deno.test("dig reads each kind of record", async () => {
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_alias"))), [
    "CNAME web.lab.internal.",
    "AAAA fd00::5",
  ]);
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_any"))), [
    "NS ns.lab.internal.",
    "MX 10 mail.lab.internal.",
    'TXT "v=spf1 -all"',
  ]);
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_service"))), [
    "SRV 0 5 389 dc.lab.internal.",
  ]);
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_reverse"))), ["PTR web.lab.internal."]);
});

Deno.test("dig leaves the escapes of names and texts as they are", async () => {
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_odd_name"))), [
    String.raw`CNAME a\032b\"c.\010\;\.\\\(\@\$\255.lab.internal.`,
  ]);
  assert.deepEqual(answers(await parsedWhole(dig, recorded("dig_odd_text"))), [
    String.raw`TXT "say \"hi\"; \\ done" "line\013\010break\009tab" "\027[31m\226\128\174" "\000\255\128" ""`,
  ]);
});

Deno.test("dig reads answers without records and errors of the server", async () => {
  const missing = await parsedWhole(dig, recorded("dig_missing_name"));
  assert.deepEqual([missing.status, missing.answer, missing.incomplete], ["NXDOMAIN", [], null]);
  assert.deepEqual(missing.authority.map(({ name, type }) => [name, type]), [["lab.internal.", "SOA"]]);
  assert.match(
    dig.summarize(missing),
    /^NXDOMAIN: 0 answers from .*\nAuthority: lab\.internal\. 300 IN SOA /s,
  );
  const empty = await parsedWhole(dig, recorded("dig_no_records"));
  assert.deepEqual([empty.status, empty.answer.length, empty.authority.length], ["NOERROR", 0, 1]);
  assert.equal((await parsedWhole(dig, recorded("dig_broken"))).status, "SERVFAIL");
  assert.equal((await parsedWhole(dig, recorded("dig_not_allowed"))).status, "REFUSED");
});

Deno.test("dig takes nothing that a server says for a line of dig's own", async () => {
  const report = await parsedWhole(dig, recorded("dig_remark"));
  assert.deepEqual([report.status, report.answer, report.incomplete], ["SERVFAIL", [], null]);
  assert.deepEqual(report.remarks, [
    "EDE: 15 (Blocked): (blocked..;; ANSWER SECTION:.remark.lab.internal..300.IN.A.10.9.9.9.; it's .[31m)",
  ]);
});

Deno.test("dig says when an answer was truncated, and when dig came again by TCP", async () => {
  const truncated = await parsedWhole(dig, recorded("dig_truncated"));
  assert.ok(truncated.flags.includes("tc"));
  assert.deepEqual([truncated.answer, truncated.transport], [[], "UDP"]);
  const long = await parsedWhole(dig, recorded("dig_long"));
  assert.deepEqual([long.answer.length, long.transport, long.incomplete], [40, "TCP", null]);
  assert.deepEqual(long.remarks, ["Truncated, retrying in TCP mode."]);
});

Deno.test("dig says why there is no answer", async () => {
  const silent = await parsedWhole(dig, recorded("dig_silent"));
  assert.deepEqual([silent.status, silent.question, silent.incomplete], [null, null, null]);
  assert.equal(
    dig.summarize(silent),
    "no answer\ndig: communications error to 127.0.0.1#40443: timed out\ndig: no servers could be reached",
  );
  const refused = await parsedWhole(dig, recorded("dig_refused"));
  assert.deepEqual(refused.remarks, [
    "communications error to 127.0.0.1#1: connection refused",
    "no servers could be reached",
  ]);
  const garbage = await parsedWhole(dig, recorded("dig_garbage"));
  assert.deepEqual(garbage.remarks, ["Got bad packet: bad compression pointer"]);
  assert.equal(garbage.incomplete, null);
  const name = await parsedWhole(dig, recorded("dig_bad_name"));
  assert.deepEqual(name.remarks, ["'bad..name' is not a legal name (empty label)"]);
  assert.equal(name.incomplete, null);
});

Deno.test("dig reads records in sections only, and counts what is missing", async () => {
  const record = "a.lab.internal.\t60\tIN\tA\t10.0.0.1";
  const short = await parsedWhole(dig, outputOf(reportOf([record], 3)));
  assert.deepEqual([short.answer.length, short.incomplete], [1, "2 records of section answer missing"]);
  const unreadable = await parsedWhole(dig, outputOf(reportOf(["nonsense", record], 1)));
  assert.deepEqual([unreadable.answer.length, unreadable.incomplete], [1, "1 line could not be read"]);
  const outside = await parsedWhole(dig, outputOf(`${record}\n${reportOf([])}${record}\n`));
  assert.deepEqual([outside.answer, outside.incomplete], [[], null]);
});

Deno.test("dig limits what it keeps and says so", async () => {
  const many = await parsedWhole(
    dig,
    outputOf(reportOf(Array.from({ length: 5000 }, (_, index) => `a. ${index} IN A 10.0.0.1`))),
  );
  assert.deepEqual([many.answer.length, many.answer.at(-1)?.ttl_sec], [4096, 4095]);
  assert.equal(many.incomplete, "904 records of section answer left out");
  assert.equal(dig.summarize(many).split("\n").length, 201);
  const long = await parsedWhole(dig, outputOf(reportOf([`a. 1 IN TXT "${"x".repeat(9000)}"`])));
  assert.deepEqual([long.answer[0]?.data.length, long.incomplete], [8192, "data of 1 long record cut"]);
  const remarks = Array.from({ length: 23 }, (_, index) => `;; Warning: ${index}\n`).join("");
  const noted = await parsedWhole(dig, outputOf(remarks + reportOf([])));
  assert.deepEqual([noted.remarks.length, noted.incomplete], [20, "3 remarks left out"]);
});

Deno.test("dig reads nothing from what is not dig's", async () => {
  for (const text of ["", "hello\n", "a. 1 IN A 10.0.0.1\n", ";; ANSWER SECTION:\na. 1 IN A 10.0.0.1\n"]) {
    assert.equal(await parsed(dig, outputOf(text)), null);
  }
});

Deno.test("dig reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole = await parsedWhole(dig, output);
    for (const cut of truncations(output, "stdout")) {
      const report = await parsed(dig, cut);
      if (report === null) continue;
      if (report.incomplete === null) assert.deepEqual(report, whole, name);
      else assert.ok(report.incomplete.startsWith(NO_END), name);
      for (const section of ["answer", "authority", "additional"] as const) {
        assert.deepEqual(report[section], whole[section].slice(0, report[section].length));
      }
      assert.ok([whole.status, null].includes(report.status));
      assert.deepEqual(report.remarks, whole.remarks.slice(0, report.remarks.length));
    }
  }
});

Deno.test("dig answers any bytes with null or a valid object", () => fuzz(dig, RECORDINGS));

Deno.test("dig reads floods in linear time", () => {
  const answer = ";; ANSWER SECTION:\n";
  return flood(dig, [
    { repeated: ";; Warning: x\n" },
    { repeated: ";; flags:", after: "\n" },
    { before: answer, repeated: "a. 1 IN A 10.0.0.1\n" },
    { before: answer, repeated: "a" },
    { before: `${answer}a.`, repeated: " ", after: "x\n" },
    { before: `${answer}a. 1 `, repeated: "\t", after: "\u2028\n" },
    { before: `${answer}a. 1 IN A `, repeated: "x y", after: "\n" },
    { repeated: ";; ANSWER SECTION:\n\n" },
    { before: ";; QUESTION SECTION:\n", repeated: ";a. IN A\n" },
    { repeated: "dig: x\n", stderr: true },
    { repeated: "\n" },
  ]);
});
