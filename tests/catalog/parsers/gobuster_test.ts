import assert from "node:assert/strict";
import { gobuster } from "../../../src/catalog/parsers/gobuster.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "gobuster_dir",
  "gobuster_dir_refused",
  "gobuster_dir_wildcard",
  "gobuster_dns",
  "gobuster_dns_refused",
  "gobuster_no_words",
  "gobuster_vhost",
];

const NOT_FINISHED = "output ended before the word list was finished";
const TIME = "2026/01/02 03:04:05";
const start = (mode: string) => `${TIME} Starting gobuster in ${mode} enumeration mode\n`;
const END = `${TIME} Finished\n`;

Deno.test("gobuster reads paths, their status and where they redirect", async () => {
  const report = await parsedWhole(gobuster, recorded("gobuster_dir"));
  const finding = { location: null, addresses: [] };
  assert.deepEqual(report, {
    mode: "dir",
    found: [
      { ...finding, name: "/admin", status: 301, body_bytes: 0, location: "/admin/" },
      { ...finding, name: "/index.html", status: 200, body_bytes: 6 },
      { ...finding, name: "/secret", status: 403, body_bytes: 3 },
      // What the server said looks like findings, and is not taken for any.
      {
        ...finding,
        name: "/odd",
        status: 302,
        body_bytes: 0,
        location: "/x (Status: 200) [Size: 9] [--> b]",
      },
      {
        ...finding,
        name: "/fold",
        status: 302,
        body_bytes: 0,
        location: "/x Found: /forged (Status: 200) [Size: 9]",
      },
    ],
    failed_requests: 4,
    errors: [
      'Get "http://127.0.0.1:18080/bad": net/http: HTTP/1.x transport connection broken: ' +
      String.raw`malformed HTTP status code "\x1b[31m\rabc"`,
      'parse "http://127.0.0.1:18080/%zz": invalid URL escape "%zz"',
      'parse "http://127.0.0.1:18080/%zz.html": invalid URL escape "%zz"',
      'Get "http://127.0.0.1:18080/slow": context deadline exceeded ' +
      "(Client.Timeout exceeded while awaiting headers)",
    ],
    incomplete: null,
  });
  const summary = gobuster.summarize(report).split("\n");
  assert.deepEqual(summary.slice(0, 2), ["Mode dir: 5 found", "Failed requests: 4"]);
  assert.deepEqual(summary.slice(6, 8), [
    "/admin; 301, 0 bytes; to /admin/ (not followed)",
    "/index.html; 200, 6 bytes",
  ]);
});

Deno.test("gobuster reads names with their addresses", async () => {
  const report = await parsedWhole(gobuster, recorded("gobuster_dns"));
  assert.deepEqual(report.found.map(({ name, addresses }) => [name, addresses]), [
    ["alias.lab.internal", ["10.0.0.5", "10.0.0.6", "fd00::5"]],
    ["mail.lab.internal", ["10.0.0.25"]],
    ["web.lab.internal", ["10.0.0.5", "10.0.0.6", "fd00::5"]],
  ]);
  assert.deepEqual([report.mode, report.found[0]?.status, report.incomplete], ["dns", null, null]);
  assert.match(gobuster.summarize(report), /\nmail\.lab\.internal; 10\.0\.0\.25\n/);
});

Deno.test("gobuster reads virtual hosts", async () => {
  const report = await parsedWhole(gobuster, recorded("gobuster_vhost"));
  assert.deepEqual([report.mode, report.failed_requests, report.incomplete], ["vhost", 1, null]);
  assert.deepEqual(
    report.found.map(({ name, status, body_bytes, location }) => [name, status, body_bytes, location]),
    [
      ["admin.lab.internal", 200, 22, null],
      ["moved.lab.internal", 302, 0, "http://elsewhere.lab.internal/"],
    ],
  );
});

Deno.test("gobuster says why a search did not go on", async () => {
  const refused = await parsedWhole(gobuster, recorded("gobuster_dir_refused"));
  assert.deepEqual([refused.mode, refused.found, refused.incomplete], ["dir", [], NOT_FINISHED]);
  assert.match(refused.errors[0] ?? "", /^error on running gobuster: unable to connect to .* refused$/);
  const wildcard = await parsedWhole(gobuster, recorded("gobuster_dir_wildcard"));
  assert.match(
    wildcard.errors[0] ?? "",
    /^the server returns a status code that matches .* => 200 \(Length: 22\)/,
  );
  const words = await parsedWhole(gobuster, recorded("gobuster_no_words"));
  assert.deepEqual([words.mode, words.incomplete], [null, null]);
  assert.match(gobuster.summarize(words), /^The search did not begin\nError: .* does not exist/);
  const silent = await parsedWhole(gobuster, recorded("gobuster_dns_refused"));
  assert.deepEqual([silent.found, silent.failed_requests, silent.incomplete], [[], 0, null]);
  assert.match(
    silent.errors[0] ?? "",
    /^Unable to validate base domain: lab\.internal .* connection refused\)$/,
  );
});

Deno.test("gobuster takes findings only between the beginning and the end, each from its own mode", async () => {
  const path = "\r\x1b[2K/a                   (Status: 200) [Size: 1]\n";
  const host = "\r\x1b[2KFound: a.lab.internal Status: 200 [Size: 1]\n";
  const name = "\r\x1b[2KFound: a.lab.internal\n";
  const all = path + host + name;
  const cases = [["directory", "/a"], ["DNS", "a.lab.internal"], ["VHOST", "a.lab.internal"]] as const;
  for (const [mode, found] of cases) {
    const report = await parsedWhole(gobuster, outputOf(`${all}${start(mode)}${all}${END}${all}`));
    assert.deepEqual([report.found.map(({ name }) => name), report.incomplete], [[found], null], mode);
  }
  assert.equal(await parsed(gobuster, outputOf(`${all}${start("toString")}${all}${END}`)), null);
});

Deno.test("gobuster limits what it keeps and says so", async () => {
  const line = (index: number | string) => `\r\x1b[2K/${index} (Status: 200) [Size: 1]\n`;
  const lines = Array.from({ length: 10_002 }, (_, index) => line(index)).join("");
  const many = await parsedWhole(gobuster, outputOf(start("directory") + lines + END));
  assert.deepEqual([many.found.length, many.incomplete], [10_000, "2 more findings left out"]);
  const long = await parsedWhole(gobuster, outputOf(start("directory") + line("x".repeat(3000)) + END));
  assert.deepEqual([long.found[0]?.name.length, long.incomplete], [2048, "1 long finding cut"]);
  const stderr = Array.from({ length: 15 }, (_, index) => `[ERROR] ${TIME} [!] number ${index}\n`).join("");
  const errors = await parsedWhole(gobuster, outputOf(start("directory") + END, stderr));
  assert.deepEqual([errors.errors.length, errors.failed_requests], [10, 15]);
});

Deno.test("gobuster reads nothing from what is not gobuster's", async () => {
  for (const text of ["", "hello\n", END, "Found: a\n"]) {
    assert.equal(await parsed(gobuster, outputOf(text, "hello\n")), null);
  }
});

Deno.test("gobuster reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole = await parsedWhole(gobuster, output);
    for (const cut of truncations(output, "stdout")) {
      const report = await parsed(gobuster, cut);
      if (report === null) continue;
      // The line of "=" after the end may be missing without a loss.
      const loss = report.mode === null ? "output ended before the search began" : NOT_FINISHED;
      if (report.incomplete !== whole.incomplete) assert.equal(report.incomplete, loss, name);
      else assert.deepEqual(report, whole, name);
      assert.deepEqual(report.found, whole.found.slice(0, report.found.length));
    }
    for (const cut of truncations(output, "stderr")) {
      const report = await parsed(gobuster, cut);
      assert.ok(report === null || report.errors.every((error) => whole.errors.includes(error)), name);
    }
  }
});

Deno.test("gobuster answers any bytes with null or a valid object", () => fuzz(gobuster, RECORDINGS));

Deno.test("gobuster reads floods in linear time", () =>
  flood(gobuster, [
    { before: start("directory"), repeated: "/a (Status: 200) [Size: 1]\n" },
    { before: start("directory"), repeated: " (Status: " },
    { before: `${start("directory")}/a`, repeated: " ", after: "(Status: 200) [Size: 1]\n" },
    { before: `${start("directory")}/a (Status: 200) [Size: 1] [--> `, repeated: "]", after: "\u2028\n" },
    { before: start("VHOST"), repeated: "Found: a Status: 200 [Size: 1]\n" },
    { before: `${start("DNS")}Found: a [`, repeated: "1,", after: "]\n" },
    { before: start("DNS"), repeated: "Found: ", after: "\n" },
    { repeated: start("directory") },
    { repeated: `[ERROR] ${TIME} [!] x\n`, stderr: true },
    { repeated: "[ERROR] ", stderr: true },
    { repeated: "Error: ", after: "\n", stderr: true },
  ]));
