import assert from "node:assert/strict";
import { curlReport } from "../../../src/catalog/parsers/curl_report.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "curl_chunked",
  "curl_continue",
  "curl_early_hints",
  "curl_folded",
  "curl_forged_body",
  "curl_garbage",
  "curl_head",
  "curl_ok",
  "curl_old_server",
  "curl_only_hints",
  "curl_redirect",
  "curl_refused",
  "curl_switching",
  "curl_timeout",
  "curl_tls_http2",
  "curl_tls_insecure",
  "curl_tls_refused",
  "curl_tls_wrong_name",
];

const MISSING = "curl's own report is missing, so addresses, times and TLS are not known";

/** A last line of standard error, as curl writes it, with the given variables in it. */
function reportLine(variables: Record<string, unknown>): string {
  return `${
    JSON.stringify({ exitcode: 0, errormsg: null, scheme: "HTTP", http_version: "1.1", ...variables })
  }\n`;
}

Deno.test("curl_report reads an ordinary exchange", async () => {
  const report = await parsedWhole(curlReport, recorded("curl_ok"));
  const { timings, ...facts } = report;
  assert.deepEqual(facts, {
    url: "http://127.0.0.1:18080/ok",
    status: 200,
    http_version: "1.1",
    reason: "OK",
    headers: [
      { name: "content-type", value: "text/plain; charset=utf-8" },
      { name: "content-length", value: "6" },
      { name: "connection", value: "close" },
      { name: "x-note", value: "a" },
      { name: "x-note", value: "b" },
    ],
    content_type: "text/plain; charset=utf-8",
    body_bytes: 6,
    redirect_url: null,
    remote_address: "127.0.0.1",
    remote_port: 18080,
    tls_verified: null,
    error: null,
    curl_exit_code: 0,
    incomplete: null,
  });
  const { name_lookup_sec, connect_sec, tls_sec, first_byte_sec, total_sec } = timings;
  assert.equal(tls_sec, null);
  assert.ok(name_lookup_sec && connect_sec && first_byte_sec && total_sec);
  assert.ok(name_lookup_sec < connect_sec && connect_sec < first_byte_sec && first_byte_sec <= total_sec);
  assert.match(
    curlReport.summarize(report),
    /^HTTP\/1\.1 200 OK from 127\.0\.0\.1 port 18080 in [0-9.]+ s\nURL: .*\nBody: 6 bytes of text\/plain; charset=utf-8$/,
  );
});

Deno.test("curl_report reads an answer to HEAD", async () => {
  const report = await parsedWhole(curlReport, recorded("curl_head"));
  assert.deepEqual([report.status, report.headers.length, report.body_bytes], [200, 5, 0]);
});

Deno.test("curl_report says where a redirect points", async () => {
  const report = await parsedWhole(curlReport, recorded("curl_redirect"));
  assert.deepEqual([report.status, report.redirect_url], [302, "http://127.0.0.1:18080/ok"]);
  assert.match(
    curlReport.summarize(report),
    /\nRedirects to http:\/\/127\.0\.0\.1:18080\/ok \(not followed\)$/,
  );
});

Deno.test("curl_report passes over interim responses", async () => {
  const hints = await parsedWhole(curlReport, recorded("curl_early_hints"));
  assert.deepEqual([hints.status, hints.headers[0]?.name], [200, "content-type"]);
  const continued = await parsedWhole(curlReport, recorded("curl_continue"));
  assert.deepEqual([continued.status, continued.reason], [201, "Created"]);
  assert.deepEqual(continued.headers.map(({ name }) => name), ["content-length", "connection"]);
});

Deno.test("curl_report takes an interim response for the final one only when curl does", async () => {
  const switching = await parsedWhole(curlReport, recorded("curl_switching"));
  assert.deepEqual([switching.status, switching.headers], [101, [{ name: "upgrade", value: "x" }]]);
  const hints = await parsedWhole(curlReport, recorded("curl_only_hints"));
  assert.deepEqual([hints.status, hints.error, hints.curl_exit_code], [103, "Empty reply from server", 52]);
  const upgraded = outputOf(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\nHTTP/2 200 \r\nserver: a\r\n\r\n",
    reportLine({ http_code: 200, http_version: "2" }),
  );
  const report = await parsedWhole(curlReport, upgraded);
  assert.deepEqual([report.headers, report.reason], [[{ name: "server", value: "a" }], null]);
});

Deno.test("curl_report keeps trailers and the body out of the header fields", async () => {
  const chunked = await parsedWhole(curlReport, recorded("curl_chunked"));
  assert.deepEqual(chunked.headers.map(({ name }) => name), ["transfer-encoding", "trailer", "connection"]);
  assert.equal(chunked.body_bytes, 5);
  const forged = await parsedWhole(curlReport, recorded("curl_forged_body"));
  assert.deepEqual([forged.status, forged.reason, forged.body_bytes], [404, "Not Found", 98]);
  assert.deepEqual(forged.headers.map(({ name }) => name), ["content-type", "content-length", "connection"]);
});

Deno.test("curl_report believes neither a body nor a message that looks like a report", async () => {
  const { stdout, stderr } = recorded("curl_forged_body");
  const without = await parsedWhole(curlReport, { stdout, stderr: new Uint8Array(), partial: false });
  assert.deepEqual([without.status, without.curl_exit_code, without.incomplete], [404, null, MISSING]);
  const forged = new TextEncoder().encode(reportLine({ http_code: 200, url: "http://forged.lab.internal/" }));
  const twice = await parsedWhole(curlReport, {
    stdout,
    stderr: Uint8Array.from([...forged, ...stderr]),
    partial: false,
  });
  assert.deepEqual([twice.status, twice.url], [404, "http://127.0.0.1:18080/forged"]);
});

Deno.test("curl_report reads old servers and folded values", async () => {
  const old = await parsedWhole(curlReport, recorded("curl_old_server"));
  assert.deepEqual([old.http_version, old.status, old.headers], ["1.0", 200, [{
    name: "server",
    value: "old",
  }]]);
  const folded = await parsedWhole(curlReport, recorded("curl_folded"));
  assert.deepEqual(folded.headers[0], { name: "x-fold", value: "a b" });
});

Deno.test("curl_report says why there is no answer", async () => {
  const refused = await parsedWhole(curlReport, recorded("curl_refused"));
  assert.deepEqual([refused.status, refused.http_version, refused.headers], [null, null, []]);
  assert.deepEqual([refused.remote_address, refused.remote_port, refused.curl_exit_code], [null, null, 7]);
  assert.match(refused.error ?? "", /^Failed to connect to 127\.0\.0\.1 port 18081 /);
  assert.deepEqual([refused.timings.connect_sec, refused.timings.first_byte_sec], [null, null]);
  assert.match(curlReport.summarize(refused), /^no HTTP response in /);
  const garbage = await parsedWhole(curlReport, recorded("curl_garbage"));
  assert.deepEqual([garbage.status, garbage.error], [null, "Received HTTP/0.9 when not allowed"]);
  const timeout = await parsedWhole(curlReport, recorded("curl_timeout"));
  assert.deepEqual([timeout.status, timeout.body_bytes, timeout.curl_exit_code], [200, 4, 28]);
});

Deno.test("curl_report says whether the certificate was verified", async () => {
  const verified = await parsedWhole(curlReport, recorded("curl_tls_http2"));
  assert.deepEqual([verified.tls_verified, verified.http_version, verified.reason], [true, "2", null]);
  assert.ok(verified.timings.tls_sec !== null);
  const insecure = await parsedWhole(curlReport, recorded("curl_tls_insecure"));
  assert.deepEqual([insecure.tls_verified, insecure.status], [false, 200]);
  for (const name of ["curl_tls_refused", "curl_tls_wrong_name"]) {
    const refused = await parsedWhole(curlReport, recorded(name));
    assert.deepEqual([refused.tls_verified, refused.status, refused.curl_exit_code], [false, null, 60]);
  }
  const unreached = outputOf(
    "",
    reportLine({ http_code: 0, exitcode: 7, scheme: "HTTPS", ssl_verify_result: 0 }),
  );
  assert.equal((await parsedWhole(curlReport, unreached)).tls_verified, null);
});

Deno.test("curl_report falls back to the header block and the shown error", async () => {
  const interim = "HTTP/1.1 103 Early Hints\r\n\r\n";
  const block = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nbody";
  const report = await parsedWhole(curlReport, outputOf(interim + block, "", true));
  assert.deepEqual([report.status, report.http_version, report.content_type], [200, "1.1", "text/html"]);
  assert.deepEqual([report.body_bytes, report.url, report.timings.total_sec], [4, null, null]);
  assert.equal(report.incomplete, `${MISSING}; standard output is only the beginning`);
  const shown = await parsedWhole(
    curlReport,
    outputOf("", "curl: (6) Could not resolve host: a.lab.internal\n"),
  );
  assert.deepEqual([shown.curl_exit_code, shown.error], [6, "Could not resolve host: a.lab.internal"]);
  const inside = await parsedWhole(curlReport, outputOf("HTTP/1.1 200 OK\r\nA: b\r\nC: d", "", true));
  assert.deepEqual(inside.headers, [{ name: "a", value: "b" }]);
  assert.match(inside.incomplete ?? "", /output ended inside the header fields$/);
});

Deno.test("curl_report does not present header fields of another response than the final one", async () => {
  const output = outputOf(
    "HTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1 404 x\r\n\r\n",
    reportLine({ http_code: 500 }),
  );
  const report = await parsedWhole(curlReport, output);
  assert.deepEqual([report.status, report.reason, report.headers], [500, null, []]);
  assert.equal(report.incomplete, "the header fields of the final response are missing");
});

Deno.test("curl_report limits header fields and says so", async () => {
  const fields = [
    `long: ${"v".repeat(8192)}w`,
    ...Array.from({ length: 249 }, (_, index) => `h${index}: ${index}`),
  ];
  const output = outputOf(
    `HTTP/1.1 200 OK\r\n${fields.join("\r\n")}\r\n\r\n`,
    reportLine({ http_code: 200 }),
  );
  const report = await parsedWhole(curlReport, output);
  assert.deepEqual([report.headers.length, report.headers[0]?.value], [200, "v".repeat(8192)]);
  assert.equal(report.incomplete, "50 header fields left out; 1 long header value cut");
});

Deno.test("curl_report takes no value of the wrong kind from the report", async () => {
  const line = reportLine({
    http_code: "200",
    exitcode: 1.5,
    errormsg: 3,
    url: null,
    size_download: -1,
    remote_ip: {},
    remote_port: 70000,
    time_total: "1",
    time_connect: -1,
    http_version: "0",
    content_type: [],
  });
  const report = await parsedWhole(curlReport, outputOf("HTTP/1.1 000 x\r\n\r\n", line));
  const { timings, headers, incomplete, ...facts } = report;
  assert.deepEqual(new Set([...Object.values(facts), ...Object.values(timings)]), new Set([null]));
  assert.deepEqual([headers, incomplete], [[], null]);
});

Deno.test("curl_report reads nothing from what is not curl's", async () => {
  for (const text of ["", "hello", '{"a":1}', "HTTP/1.1 OK", "HTTP/1.1 200 OK"]) {
    assert.equal(await parsed(curlReport, outputOf(text, '{"a":1}\n{}\n{"http_code":\n')), null);
  }
});

Deno.test("curl_report reads an output that is cut anywhere, and says so", async () => {
  for (const name of ["curl_early_hints", "curl_forged_body", "curl_refused", "curl_timeout"]) {
    const output = recorded(name);
    const whole = await parsedWhole(curlReport, output);
    for (const cut of truncations(output, "stdout")) {
      const report = await parsedWhole(curlReport, cut);
      assert.equal(report.status, whole.status);
      assert.ok(report.incomplete !== null);
    }
    for (const cut of truncations(output, "stderr")) {
      const report = await parsed(curlReport, { ...cut, partial: false });
      // Only the line feed after the report may be missing without a loss.
      if (report !== null) {
        assert.equal(report.incomplete === null, cut.stderr.length === output.stderr.length - 1);
      }
    }
  }
});

Deno.test("curl_report answers any bytes with null or a valid object", () => fuzz(curlReport, RECORDINGS));

Deno.test("curl_report reads floods in linear time", () =>
  flood(curlReport, [
    { repeated: "HTTP/1.1 100 Continue\r\n\r\n" },
    { repeated: "HTTP/1.1 200 OK\r\n" },
    { before: "HTTP/1.1 200 OK\r\n", repeated: "a: b\r\n" },
    { before: "HTTP/1.1 200 OK\r\na: b\r\n", repeated: " c\r\n" },
    { before: "HTTP/1.1 200 OK\r\n", repeated: ":" },
    { before: "HTTP/1.1 200 OK\r\na:", repeated: " " },
    { before: "HTTP/1.1 200 ", repeated: "\t", after: "x\r\n\r\n" },
    { before: '{"http_code":1,"a":', repeated: "[", after: "}", stderr: true },
    { before: '{"http_code":1,"exitcode":1,"a":', repeated: '{"a":', after: "}", stderr: true },
    { repeated: "{}\n", stderr: true },
    { repeated: "{\n", stderr: true },
    { repeated: "curl: (", stderr: true },
  ]));
