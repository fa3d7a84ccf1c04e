/** The built-in tools through a real MCP client, over both transports, against listeners of the test's own. */
import assert from "node:assert/strict";
import { connectHttp, connectStdio } from "./support/client.ts";
import { openPorts, tlsServer, webServer } from "./support/lab.ts";
import { RESULT_FIELDS } from "../support/engine.ts";
import { hasProgram, haveNetRaw, TestFolder } from "./support/programs.ts";

const LOOPBACK = ["--allow-target", "loopback"];

// The client's own transport lets a timer run out after it is closed.
const options = { sanitizeOps: false, sanitizeResources: false };

for (const [transport, connect] of [["stdio", connectStdio], ["http", connectHttp]] as const) {
  Deno.test(
    `${transport}: a client lists the tools with schemas and the targets that are allowed (D19)`,
    options,
    async () => {
      const plain = ["curl", "dig", "gobuster", "nmap", "openssl", "ping", "ssh-keyscan", "traceroute"];
      const raw = ["masscan", "mtr"];
      if (![...plain, ...raw].every(hasProgram)) return;
      await using connection = await connect(LOOPBACK);
      const { tools } = await connection.client.listTools();
      const listed = [...plain, ...(haveNetRaw() ? raw : [])].map((name) => name.replace("-", "_")).sort();
      assert.deepEqual(tools.map((tool) => tool.name), listed);
      for (const tool of tools) {
        assert.match(tool.description ?? "", /Allowed targets: RFC1918, \.lab\.internal, loopback\.$/);
        assert.equal(tool.inputSchema.type, "object");
        assert.equal(tool.outputSchema?.type, "object");
        assert.equal(tool.annotations?.readOnlyHint, true);
      }
    },
  );

  Deno.test(`${transport}: nmap finds the ports that are open`, options, async () => {
    if (!hasProgram("nmap")) return;
    using lab = openPorts(3);
    await using connection = await connect(LOOPBACK);
    const ports = lab.ports.toSorted((a, b) => a - b);
    const result = await connection.call("nmap", { target: "127.0.0.1", ports: ports.join(",") });
    assert.notEqual(result.isError, true);
    assert.deepEqual(Object.keys(result.structuredContent).sort(), RESULT_FIELDS);
    assert.equal(result.structuredContent.outcome, "success");
    assert.equal(result.structuredContent.target, "127.0.0.1");
    const [host] = result.structuredContent.parsed.hosts;
    assert.equal(host.address, "127.0.0.1");
    assert.deepEqual(
      host.ports.map((port: { port: number; state: string }) => [port.port, port.state]),
      ports.map((port) => [port, "open"]),
    );
    for (const port of ports) assert.match(result.content[0]!.text, new RegExp(`${port}/tcp open`));
  });

  Deno.test(`${transport}: curl reports status, headers and timings of one answer`, options, async () => {
    if (!hasProgram("curl")) return;
    await using lab = webServer(() =>
      new Response("hello\n", { status: 302, headers: { location: "http://8.8.8.8/" } })
    );
    await using connection = await connect(LOOPBACK);
    const { structuredContent } = await connection.call("curl", { target: lab.url });
    assert.equal(structuredContent.outcome, "success");
    assert.equal(structuredContent.parsed.status, 302);
    assert.equal(structuredContent.parsed.redirect_url, "http://8.8.8.8/");
    assert.ok(
      structuredContent.parsed.headers.some((header: { name: string }) => header.name === "location"),
    );
    assert.ok(structuredContent.parsed.timings.total_sec > 0);
  });

  Deno.test(`${transport}: openssl reports protocol, cipher, chain and expiry`, options, async () => {
    if (!hasProgram("openssl")) return;
    using folder = new TestFolder();
    await using lab = await tlsServer(folder.path);
    await using connection = await connect(LOOPBACK);
    const { structuredContent } = await connection.call("openssl", {
      target: `127.0.0.1:${lab.port}`,
      server_name: "web.lab.internal",
    });
    assert.equal(structuredContent.outcome, "success");
    const { parsed } = structuredContent;
    assert.match(parsed.protocol, /^TLSv1\.[23]$/);
    assert.match(parsed.cipher, /^TLS_|GCM|CHACHA/);
    assert.equal(parsed.chain.length, 1);
    assert.deepEqual(parsed.chain[0].san, ["DNS:web.lab.internal", "IP:127.0.0.1"]);
    assert.ok(Date.parse(parsed.expires_at) > Date.now());
  });

  Deno.test(
    `${transport}: refusals are results that say what to do, unknown tools are protocol errors`,
    options,
    async () => {
      if (!hasProgram("curl")) return;
      await using connection = await connect([]);
      const refused = await connection.call("curl", { target: "http://192.0.2.1/" });
      assert.equal(refused.isError, true);
      assert.equal(refused.structuredContent.error_type, "validation_error");
      assert.match(refused.structuredContent.recovery_suggestion, /--allow-target 192\.0\.2\.1/);
      await assert.rejects(connection.call("nmpa", { target: "10.0.0.1" }), /-32602.*did you mean nmap/);
    },
  );
}
