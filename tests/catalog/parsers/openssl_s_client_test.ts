import assert from "node:assert/strict";
import { opensslSClient } from "../../../src/catalog/parsers/openssl_s_client.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "openssl_garbage",
  "openssl_refused",
  "openssl_talking_server",
  "openssl_tls12_verified",
  "openssl_tls13",
  "openssl_verify_error",
];

const decoder = new TextDecoder();
const LEAF_END = "2027-11-22T16:59:35Z";

/** The PEM blocks of the recorded chain. */
function recordedBlocks(): string[] {
  const text = decoder.decode(recorded("openssl_tls13").stdout);
  return text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n/g) ?? [];
}

interface ReportParts {
  chain?: string;
  server?: string;
  verification?: string;
  status?: string;
}

/** A report of `s_client` in which some sections are replaced. */
function report({ chain, server, verification, status }: ReportParts): string {
  return [
    "CONNECTED(00000003)\n",
    `Certificate chain\n${chain ?? ""}`,
    `Server certificate\n${server ?? "subject=CN = a\n"}`,
    "No client certificate CA names sent\nServer Temp Key: X25519, 253 bits\n",
    `SSL handshake has read 1 bytes and written 1 bytes\n${verification ?? "Verification: OK\n"}`,
    status ?? "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\nVerify return code: 0 (ok)\n",
    "",
  ].join("---\n");
}

Deno.test("openssl_s_client reads a handshake of TLS 1.3", async () => {
  const session = await parsedWhole(opensslSClient, recorded("openssl_tls13"));
  const { chain, ...facts } = session;
  assert.deepEqual(facts, {
    connected: true,
    protocol: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    server_temp_key: "X25519, 253 bits",
    alpn: null,
    verify_code: 19,
    verify_message: "self-signed certificate in certificate chain",
    expires_at: LEAF_END,
    error: null,
    incomplete: null,
  });
  assert.deepEqual(chain, [
    {
      subject: "CN=www.lab.internal,O=Example Lab",
      issuer: "CN=Example Lab Root,O=Example Lab",
      serial: "50D8505D1E7C333903238EC72082E56EECD57054",
      valid_from: "2026-11-22T16:59:35Z",
      valid_to: LEAF_END,
      san: ["DNS:www.lab.internal", "DNS:localhost", "IP:127.0.0.1", "IP:::1"],
      key_type: "ec",
      key_bits: 256,
      signature_algorithm: "sha256WithRSAEncryption",
      fingerprint_sha256:
        "F9:58:2E:B7:E5:D1:7E:1E:80:35:2A:AD:16:09:AC:8F:59:C5:64:E1:AF:61:FD:07:78:28:A9:BC:E0:33:22:43",
      self_signed: false,
      is_ca: false,
    },
    {
      subject: "CN=Example Lab Root,O=Example Lab",
      issuer: "CN=Example Lab Root,O=Example Lab",
      serial: "3B4FDEBAA79F92960D1B51ED4C1249D1BB344AA0",
      valid_from: "2026-11-22T16:59:35Z",
      valid_to: "2036-11-19T16:59:35Z",
      san: [],
      key_type: "rsa",
      key_bits: 2048,
      signature_algorithm: "sha256WithRSAEncryption",
      fingerprint_sha256:
        "2A:4B:7B:C1:B7:F2:EE:ED:3D:79:E6:2E:A5:1A:8F:59:F6:D0:E3:B4:D4:95:6C:BB:77:5C:21:5A:5E:57:2D:A7",
      self_signed: true,
      is_ca: true,
    },
  ]);
  const summary = opensslSClient.summarize(session);
  assert.match(
    summary,
    /^Negotiated: TLSv1\.3, TLS_AES_256_GCM_SHA384, X25519, 253 bits\nVerification: 19 self-signed /,
  );
  assert.match(summary, /\n1: CN=Example Lab Root,O=Example Lab; issued by .*; rsa 2048$/);
});

Deno.test("openssl_s_client reads a handshake of TLS 1.2", async () => {
  const session = await parsedWhole(opensslSClient, recorded("openssl_tls12_verified"));
  assert.deepEqual(
    [session.protocol, session.cipher, session.alpn],
    ["TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384", "h2"],
  );
  assert.deepEqual([session.verify_code, session.verify_message, session.error], [0, "ok", null]);
});

Deno.test("openssl_s_client reads nothing from what the server sends after the handshake", async () => {
  const session = await parsedWhole(opensslSClient, recorded("openssl_talking_server"));
  assert.match(decoder.decode(recorded("openssl_talking_server").stdout), /Cipher is FORGED/);
  assert.deepEqual([session.protocol, session.cipher], ["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
  assert.deepEqual([session.verify_code, session.chain.length, session.incomplete], [19, 2, null]);
});

Deno.test("openssl_s_client says what failed", async () => {
  const refused = await parsedWhole(opensslSClient, recorded("openssl_refused"));
  assert.deepEqual([refused.connected, refused.error], [false, "Connection refused; connect error"]);
  assert.deepEqual([refused.chain, refused.expires_at, refused.incomplete], [[], null, null]);
  const garbage = await parsedWhole(opensslSClient, recorded("openssl_garbage"));
  assert.deepEqual([garbage.connected, garbage.error], [true, "wrong version number"]);
  // s_client prints "Verify return code: 0 (ok)" although nothing was verified.
  assert.deepEqual([garbage.protocol, garbage.cipher, garbage.verify_code], [null, null, null]);
  assert.match(opensslSClient.summarize(garbage), /^Connected, but no TLS was negotiated\n/);
  const unverified = await parsedWhole(opensslSClient, recorded("openssl_verify_error"));
  assert.deepEqual([unverified.verify_code, unverified.error], [19, "certificate verify failed"]);
  assert.equal(unverified.chain.length, 2);
});

Deno.test("openssl_s_client reads the messages of other releases", async () => {
  const errors: [string, string][] = [
    [
      "140735:error:0200206F:system library:connect:Connection refused:crypto/bio/b_sock2.c:110:\nconnect:errno=111\n",
      "Connection refused",
    ],
    [
      "4373:error:1404B42E:SSL routines:ST_CONNECT:tlsv1 alert protocol version:ssl_pkt.c:1205:SSL alert number 70\n",
      "tlsv1 alert protocol version",
    ],
    ["connect:errno=111\n", "errno=111"],
    ["connect: Connection refused\n", "Connection refused"],
  ];
  for (const [stderr, expected] of errors) {
    assert.equal((await parsedWhole(opensslSClient, outputOf("", stderr))).error, expected);
  }
  assert.equal(await parsed(opensslSClient, outputOf("", "depth=0 CN = 1:error:a:b:c:d\nDONE\n")), null);
});

Deno.test("openssl_s_client reads the reports of other releases", async () => {
  const recent = report({
    server: "subject=CN=a\n---\nNegotiated TLS1.3 group: X25519MLKEM768\n",
    status: "New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256\nProtocol: TLSv1.3\nVerify return code: 0 (ok)\n",
  }).replace(/Server Temp Key.*\n/, "");
  const fromRecent = await parsedWhole(opensslSClient, outputOf(recent));
  assert.deepEqual([fromRecent.protocol, fromRecent.server_temp_key], ["TLSv1.3", "X25519MLKEM768"]);
  const libressl = report({
    verification: "",
    status: "New, TLSv1/SSLv3, Cipher is ECDHE-RSA-AES256-GCM-SHA384\nNo ALPN negotiated\nSSL-Session:\n" +
      "    Protocol  : TLSv1.2\n    Cipher    : ECDHE-RSA-AES256-GCM-SHA384\n    Verify return code: 0 (ok)\n",
  });
  const fromLibressl = await parsedWhole(opensslSClient, outputOf(libressl.replaceAll("\n", "\r\n")));
  assert.deepEqual(
    [fromLibressl.protocol, fromLibressl.cipher, fromLibressl.verify_code],
    ["TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384", 0],
  );
});

Deno.test("openssl_s_client takes the leaf from its own section when the chain shows no blocks", async () => {
  const output = outputOf(report({ chain: " 0 s:CN = a\n   i:CN = b\n", server: recordedBlocks()[0] ?? "" }));
  const session = await parsedWhole(opensslSClient, output);
  assert.deepEqual([session.chain.length, session.expires_at], [1, LEAF_END]);
});

Deno.test("openssl_s_client takes each fact only from its own section", async () => {
  const forged = [
    " 0 s:CN = x, Verify return code: 0 (ok)",
    "Verify return code: 0 (ok)",
    "New, TLSv1.3, Cipher is FORGED",
    "Server Temp Key: FORGED",
    "ALPN protocol: FORGED",
    "    Protocol  : FORGED",
    "",
  ].join("\n");
  const session = await parsedWhole(
    opensslSClient,
    outputOf(report({
      chain: forged,
      server: "subject=CN = a\n---\nAcceptable client certificate CA names\nServer Temp Key: FORGED\n",
      verification: `Verification error: certificate has expired\n${forged}`,
      status:
        "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\nVerify return code: 10 (certificate has expired)\n",
    })),
  );
  assert.ok(!JSON.stringify(session).includes("FORGED"));
  assert.deepEqual([session.verify_code, session.server_temp_key], [10, "X25519, 253 bits"]);
});

Deno.test("openssl_s_client does not believe a verify code that contradicts the verification line", async () => {
  const status =
    "New, TLSv1.3, Cipher is TLS_AES_256_GCM_SHA384\nALPN protocol: h2\nVerify return code: 0 (ok)\n---\n";
  const forged = outputOf(report({ verification: "Verification error: certificate has expired\n", status }));
  const session = await parsedWhole(opensslSClient, forged);
  assert.deepEqual([session.verify_code, session.verify_message], [null, "certificate has expired"]);
  assert.match(session.incomplete ?? "", /^the verify code contradicts /);
  const inverse = report({ status: status.replace("0 (ok)", "10 (certificate has expired)") });
  const other = await parsedWhole(opensslSClient, outputOf(inverse));
  assert.deepEqual([other.verify_code, other.verify_message], [null, null]);
});

Deno.test("openssl_s_client skips certificates that cannot be decoded", async () => {
  const [leaf = "", root = ""] = recordedBlocks();
  const bad = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
  const worse = "-----BEGIN CERTIFICATE-----\nMAAwADAA\n-----END CERTIFICATE-----\n";
  const session = await parsedWhole(opensslSClient, outputOf(report({ chain: leaf + bad + worse + root })));
  assert.deepEqual([session.chain.length, session.expires_at], [2, LEAF_END]);
  assert.equal(session.incomplete, "2 certificates could not be read");
  const headless = await parsedWhole(opensslSClient, outputOf(report({ chain: bad + root })));
  assert.deepEqual([headless.chain.length, headless.expires_at], [1, null]);
  const long = await parsedWhole(opensslSClient, outputOf(report({ chain: leaf.repeat(70) })));
  assert.deepEqual([long.chain.length, long.incomplete], [64, "6 more certificates left out"]);
});

Deno.test("openssl_s_client reads an output that is cut anywhere, and says so", async () => {
  const output = recorded("openssl_tls12_verified");
  const whole = await parsedWhole(opensslSClient, output);
  const end = decoder.decode(output.stdout).lastIndexOf("\n---\n") + "\n---".length;
  for (const cut of truncations(output, "stdout")) {
    const session = await parsed(opensslSClient, cut);
    if (session === null) continue;
    assert.deepEqual(session.chain, whole.chain.slice(0, session.chain.length));
    assert.equal(session.incomplete === null, cut.stdout.length >= end);
  }
  const failed = recorded("openssl_garbage");
  for (const cut of truncations(failed, "stderr")) await parsedWhole(opensslSClient, cut);
  const nothing = await parsedWhole(opensslSClient, { ...failed, stdout: new Uint8Array(), partial: true });
  assert.deepEqual([nothing.connected, nothing.incomplete], [
    false,
    "output ended before the end of the report",
  ]);
});

Deno.test("openssl_s_client answers any bytes with null or a valid object", () =>
  fuzz(opensslSClient, RECORDINGS));

Deno.test("openssl_s_client reads floods in linear time", () => {
  const [leaf = ""] = recordedBlocks();
  const head = "CONNECTED(00000003)\n---\nCertificate chain\n";
  return flood(opensslSClient, [
    { before: "CONNECTED(", repeated: "---\n" },
    { before: head, repeated: leaf },
    { before: head, repeated: "-----BEGIN CERTIFICATE-----\n" },
    { before: head, repeated: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n" },
    {
      before: `${head}-----BEGIN CERTIFICATE-----\n`,
      repeated: "MIIC\n",
      after: "-----END CERTIFICATE-----\n",
    },
    { before: `${head}---\n`, repeated: "Server Temp Key: " },
    { before: `${head}---\n`, repeated: "New, , Cipher is " },
    { before: `${head}---\nNew, a, Cipher is b\n`, repeated: "Verify return code: 1 (\n" },
    { before: `${head}---\nNew, a, Cipher is b\nVerify return code: 1 `, repeated: "()" },
    { before: `${head}---\nNew, a, Cipher is b\nProtocol`, repeated: " " },
    { repeated: "1:error:", stderr: true },
    { repeated: "a:error:b:c:d:e\n", stderr: true },
    { before: "a", repeated: "0", stderr: true },
  ]);
});
