/** `bulkhead config`, as a person calls it. */
import assert from "node:assert/strict";
import { inspect } from "./support/bulkhead.ts";
import { TestFolder } from "./support/programs.ts";

Deno.test("config: it prints every value with its source, from the file, a variable and a flag", async () => {
  using folder = new TestFolder();
  const file = folder.write("config.yaml", "server:\n  port: 1111\n  host: localhost\n");
  const args = ["config", "--config", file, "--allow-target", "loopback"];
  const { code, stdout, stderr } = await inspect(args, { MCP_SERVER_PORT: "2222" });
  assert.deepEqual([code, stderr], [0, ""]);
  assert(stdout.startsWith(`# configuration file: ${file}\n`));
  assert.match(stdout, /^server\.port {2,}2222 {2,}MCP_SERVER_PORT$/m);
  assert(
    stdout.split("\n").some((line) =>
      /^server\.host {2,}"localhost" {2,}/.test(line) && line.endsWith(`${file}:3:9`)
    ),
  );
  assert.match(
    stdout,
    /^security\.allowed_targets {2,}\["RFC1918", ".*", "loopback"\] {2,}default, --allow-target$/m,
  );

  const json = await inspect([...args, "--json"], { MCP_SERVER_PORT: "2222" });
  const answer = JSON.parse(json.stdout);
  assert.deepEqual(Object.keys(answer), ["file", "config", "sources"]);
  assert.deepEqual([answer.file, answer.config.server.port, answer.sources["server.port"]], [
    file,
    2222,
    "MCP_SERVER_PORT",
  ]);
});

Deno.test("config: no secret and no control character is printed", async () => {
  using folder = new TestFolder();
  const file = folder.write(
    "config.yaml",
    'server: { allowed_origins: ["https://a:s3cr3t@h/", "x\\u001b[2J"] }\n',
  );
  for (const more of [[], ["--json"]]) {
    const { code, stdout } = await inspect(["config", "--config", file, ...more]);
    assert.equal(code, 0);
    assert(!/s3cr3t|\p{Cc}/u.test(stdout.replaceAll("\n", "")));
    assert.match(stdout, /https:\/\/\[redacted\]@h\//);
  }
});

Deno.test("config: what no server starts with is not shown as in effect", async () => {
  using folder = new TestFolder();
  folder.write("tools/x.yaml", "name: x\n");
  const { code, stdout, stderr } = await inspect(["config", "--tools", `${folder.path}/tools`]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /x\.yaml:1:1: /);
});
