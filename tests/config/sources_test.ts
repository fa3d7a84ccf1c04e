import assert from "node:assert/strict";
import fc from "fast-check";
import { ENVIRONMENT } from "../../src/config/environment.ts";
import { schemaLeaves } from "../../src/config/leaves.ts";
import { CONFIG_FILE, load, type Sources } from "../support/config.ts";

/** Every value's source. */
function sourcesOf(sources: Sources = {}): ReadonlyMap<string, string> {
  const answer = load(sources);
  assert(answer.ok);
  return answer.sources;
}

const FILE = `
server: { port: 1111, host: localhost }
security:
  allowed_targets: [loopback]
logging:
  level: error
`.trimStart();

Deno.test("sources: with nothing set, every value is a default", () => {
  const sources = sourcesOf();
  const leaves = schemaLeaves().map(({ pattern }) => pattern).filter((pattern) => !pattern.includes("*"));
  assert.deepEqual([...sources.keys()].filter((name) => name !== "tools.overrides"), leaves);
  assert.deepEqual([...new Set(sources.values())], ["default"]);
});

/** By path: which sources there are, and the one that is named. */
const LAYERS: readonly (readonly [string, Sources, string, string])[] = [
  ["the file, with line and column", { file: FILE }, "server.port", `${CONFIG_FILE}:1:17`],
  ["a neighbour in the file", { file: FILE }, "server.host", `${CONFIG_FILE}:1:29`],
  ["a key that the section's file entry does not set", { file: FILE }, "server.transport", "default"],
  ["a list of the file", { file: FILE }, "security.allowed_targets", `${CONFIG_FILE}:3:20`],
  [
    "a variable over the file",
    { file: FILE, env: { MCP_SERVER_PORT: "2" } },
    "server.port",
    "MCP_SERVER_PORT",
  ],
  [
    "a variable leaves its neighbour's source",
    { file: FILE, env: { MCP_SERVER_PORT: "2" } },
    "server.host",
    `${CONFIG_FILE}:1:29`,
  ],
  [
    "a flag over variable and file",
    { file: FILE, env: { MCP_SERVER_PORT: "2" }, flags: { port: "3" } },
    "server.port",
    "--port",
  ],
  ["a flag that says what was so anyway", { flags: { port: "8080" } }, "server.port", "--port"],
  ["--transport", { flags: { transport: "http" } }, "server.transport", "--transport"],
  ["--host", { flags: { host: "::1" } }, "server.host", "--host"],
  ["--log-level", { file: FILE, flags: { logLevel: "debug" } }, "logging.level", "--log-level"],
  ["--log-format", { file: FILE, flags: { logFormat: "json" } }, "logging.format", "--log-format"],
  [
    "a list that a variable replaces",
    { file: "tools: { include: [a] }", env: { TOOL_INCLUDE: "b" } },
    "tools.include",
    "TOOL_INCLUDE",
  ],
  [
    "--allow-target adds to the default",
    { flags: { allowTargets: ["loopback"] } },
    "security.allowed_targets",
    "default, --allow-target",
  ],
  [
    "--allow-target adds to the file's list",
    { file: FILE, flags: { allowTargets: ["192.0.2.1"] } },
    "security.allowed_targets",
    `${CONFIG_FILE}:3:20, --allow-target`,
  ],
  [
    "--allow-target adds nothing that is not there",
    { file: FILE, flags: { allowTargets: ["loopback"] } },
    "security.allowed_targets",
    `${CONFIG_FILE}:3:20`,
  ],
  [
    "--tools adds to the file's folders",
    { file: "tools: { dirs: [a] }", flags: { tools: ["b"] } },
    "tools.dirs",
    `${CONFIG_FILE}:1:16, --tools`,
  ],
  ["--tools alone", { flags: { tools: ["b"] } }, "tools.dirs", "default, --tools"],
  [
    "--tools leaves the other lists alone",
    { flags: { tools: ["b"] } },
    "security.allowed_targets",
    "default",
  ],
  [
    "a key of an override",
    { file: "tools:\n  overrides:\n    nmap:\n      limits: { memory_mb: 99 }\n" },
    "tools.overrides.nmap.limits.memory_mb",
    `${CONFIG_FILE}:4:28`,
  ],
  [
    "an override that says nothing",
    { file: "tools: { overrides: { nmap: {} } }" },
    "tools.overrides.nmap",
    `${CONFIG_FILE}:1:29`,
  ],
  [
    "overrides that say nothing",
    { file: "tools: { overrides: {} }" },
    "tools.overrides",
    `${CONFIG_FILE}:1:21`,
  ],
  [
    "a value behind an alias",
    { file: "server: { port: &p 1 }\nlimits: { processes: *p }" },
    "limits.processes",
    `${CONFIG_FILE}:2:22`,
  ],
  ["an optional key that is absent", { file: FILE }, "limits.cpu_sec", "default"],
  [
    "an optional key that is there",
    { file: "auth: { tokens_file: t }" },
    "auth.tokens_file",
    `${CONFIG_FILE}:1:22`,
  ],
];

for (const [title, sources, path, expected] of LAYERS) {
  Deno.test(`sources: ${title}`, () => assert.equal(sourcesOf(sources).get(path), expected));
}

/** A valid text for each variable. */
const TEXTS: Readonly<Record<string, string>> = {
  MCP_SERVER_TRANSPORT: "http",
  MCP_SERVER_HOST: "localhost",
  MCP_SECURITY_ALLOW_INTRUSIVE: "true",
  TOOL_INCLUDE: "nmap",
  TOOL_EXCLUDE: "curl",
  LOG_LEVEL: "DEBUG",
  LOG_FORMAT: "json",
  MCP_MAX_STDOUT_BYTES: "1024",
  MCP_MAX_STDERR_BYTES: "1024",
};

for (const { name, path } of ENVIRONMENT) {
  Deno.test(`sources: ${name} is named for ${path.join(".")}, and for nothing else`, () => {
    const sources = sourcesOf({ env: { [name]: TEXTS[name] ?? "100" } });
    const named = [...sources].filter(([, source]) => source === name).map(([key]) => key);
    assert.deepEqual(named, [path.join(".")]);
  });
}

Deno.test("sources: of the four layers, the uppermost that sets the key is named", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean(), (file, env, flag, neighbour) => {
      const text = `server: { ${neighbour ? "host: localhost, " : ""}${file ? "port: 1" : ""} }`;
      const expected = flag
        ? "--port"
        : env
        ? "MCP_SERVER_PORT"
        : file
        ? `${CONFIG_FILE}:1:${text.indexOf("1 }") + 1}`
        : "default";
      const sources = sourcesOf({
        file: text,
        env: env ? { MCP_SERVER_PORT: "2" } : {},
        flags: flag ? { port: "3" } : {},
      });
      assert.equal(sources.get("server.port"), expected);
    }),
  );
});
