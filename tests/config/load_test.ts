import assert from "node:assert/strict";
import { locateConfig } from "../../src/config/load.ts";
import { CONFIG_FILE, load, loaded, mistakes } from "../support/config.ts";

// ---- layers --------------------------------------------------------------------------------------------------------

Deno.test("load: with no source there are the defaults, and no file", () => {
  const answer = load();
  assert(answer.ok);
  assert.deepEqual([answer.config.server.port, answer.file], [8080, null]);
});

Deno.test("load: flags over environment over file over defaults", () => {
  const file = "server: { port: 1111 }\nlogging: { level: error }";
  const env = { MCP_SERVER_PORT: "2222", LOG_LEVEL: "debug" };
  const port = (sources: Parameters<typeof load>[0]) => loaded(sources).server.port;
  assert.equal(port({ file }), 1111);
  assert.equal(port({ file, env }), 2222);
  assert.equal(port({ file, env, flags: { port: "3333" } }), 3333);
  assert.equal(port({ file, flags: { port: "3333" } }), 3333);
  assert.equal(loaded({ file, env, flags: { logLevel: "warning" } }).logging.level, "warning");
});

Deno.test("load: each server flag sets its key", () => {
  const { server } = loaded({ flags: { transport: "http", host: "::1", port: "0" } });
  assert.deepEqual([server.transport, server.host, server.port], ["http", "::1", 0]);
});

Deno.test("load: objects merge deeply: a variable leaves its neighbours of the file in place", () => {
  const file = "server: { port: 1111, host: localhost }\nsecurity: { max_args_length: 5 }";
  const config = loaded({ file, env: { MCP_SERVER_PORT: "2222" } });
  assert.deepEqual([config.server.port, config.server.host, config.security.max_args_length], [
    2222,
    "localhost",
    5,
  ]);
});

Deno.test("load: lists replace", () => {
  const file = "tools: { include: [nmap, curl] }\nsecurity: { allowed_targets: [loopback] }";
  const config = loaded({ file, env: { TOOL_INCLUDE: "openssl" } });
  assert.deepEqual(config.tools.include, ["openssl"]);
  assert.deepEqual(config.security.allowed_targets, ["loopback"]);
});

Deno.test("load: an empty list allows nothing, and is not filled with the default", () => {
  assert.deepEqual(loaded({ file: "security: { allowed_targets: [] }" }).security.allowed_targets, []);
});

Deno.test("load: an empty variable is none", () => {
  const env = { MCP_SERVER_PORT: "", TOOL_INCLUDE: "", LOG_LEVEL: "" };
  assert.deepEqual(loaded({ env }).tools.include, ["*"]);
});

Deno.test("load: --allow-target adds to the list, once each", () => {
  const flags = { allowTargets: ["loopback", "192.0.2.1", "RFC1918"] };
  assert.deepEqual(loaded({ flags }).security.allowed_targets, [
    "RFC1918",
    ".lab.internal",
    "loopback",
    "192.0.2.1",
  ]);
  const file = "security: { allowed_targets: [] }";
  assert.deepEqual(loaded({ file, flags }).security.allowed_targets, ["loopback", "192.0.2.1", "RFC1918"]);
});

Deno.test("load: --tools adds to the folders; each is relative to where it was named", () => {
  const file = "tools: { dirs: [mine, ../shared, /abs] }";
  assert.deepEqual(loaded({ file, flags: { tools: ["here", "/abs"] } }).tools.dirs, [
    "/etc/mine",
    "/shared",
    "/abs",
    "/work/here",
  ]);
});

Deno.test("load: the state folder and the log file of the file are relative to it, and absolute after loading", () => {
  const paths = (file: string) => {
    const { confinement, logging } = loaded({ file });
    return [confinement.state_dir, logging.file];
  };
  assert.deepEqual(paths("confinement: { state_dir: state }\nlogging: { file: ../var/b.log }"), [
    "/etc/state",
    "/var/b.log",
  ]);
  assert.deepEqual(paths("confinement: { state_dir: /s/./x/ }\nlogging: { file: /l }"), ["/s/x", "/l"]);
  assert.equal(loaded({ file: "auth: { tokens_file: tokens }" }).auth.tokens_file, "/etc/tokens");
  assert.deepEqual(paths("confinement: { on_flood: kill }\nlogging: {}"), [undefined, undefined]);
});

Deno.test("load: the file of tokens is relative to the configuration file", () => {
  assert.equal(loaded({ file: "auth: { tokens_file: tokens }" }).auth.tokens_file, "/etc/tokens");
  assert.equal(loaded().auth.tokens_file, undefined);
});

Deno.test("load: a path leaves its neighbours in place", () => {
  const { confinement, logging } = loaded({
    file: "confinement: { state_dir: s, on_flood: kill }\nlogging: { file: l, level: error }",
    env: { LOG_FORMAT: "json" },
  });
  assert.deepEqual([confinement.on_flood, logging.level, logging.format], ["kill", "error", "json"]);
});

Deno.test("load: a JSON file and an empty one are read", () => {
  assert.equal(loaded({ file: '{"server": {"port": 1}}' }).server.port, 1);
  assert.equal(loaded({ file: "" }).server.port, 8080);
  assert.equal(loaded({ file: "# nothing but this\n" }).server.port, 8080);
});

// ---- where the file is ---------------------------------------------------------------------------------------------

const PLACES = [
  [{ config: "a.yaml" }, { MCP_CONFIG_FILE: "/m.yaml", HOME: "/h" }, "/work/a.yaml", "--config"],
  [{}, { MCP_CONFIG_FILE: "m.yaml", HOME: "/h" }, "/work/m.yaml", "MCP_CONFIG_FILE"],
  [{}, { MCP_CONFIG_FILE: "", XDG_CONFIG_HOME: "/x", HOME: "/h" }, "/x/bulkhead/config.yaml", "default"],
  [{}, { HOME: "/h" }, "/h/.config/bulkhead/config.yaml", "default"],
] as const;

for (const [flags, env, path, source] of PLACES) {
  Deno.test(`load: with ${JSON.stringify({ ...flags, ...env })} the file is ${path}`, () => {
    const world = {
      cwd: "/work",
      env: (name: string) => (env as Record<string, string>)[name],
      readFile: () => null,
    };
    assert.deepEqual(locateConfig({ tools: [], allowTargets: [], ...flags }, world), { path, source });
  });
}

Deno.test("load: without a home, or with a relative one, there is no default place", () => {
  for (const env of [{}, { HOME: "" }, { XDG_CONFIG_HOME: "relative", HOME: "/h" }]) {
    const world = {
      cwd: "/work",
      env: (name: string) => (env as Record<string, string>)[name],
      readFile: () => null,
    };
    assert.equal(locateConfig({ tools: [], allowTargets: [] }, world), null);
  }
});

Deno.test("load: the default file is used when it is there, and may be missing", () => {
  const env = { HOME: "/h" };
  const path = "/h/.config/bulkhead/config.yaml";
  const answer = load({ env, files: { [path]: "server: { port: 1 }" } });
  assert(answer.ok);
  assert.deepEqual([answer.config.server.port, answer.file], [1, path]);
  assert.equal(loaded({ env }).server.port, 8080);
});

Deno.test("load: a file that was named must be there", () => {
  assert.deepEqual(mistakes({ flags: { config: "no.yaml" } }), [
    "/work/no.yaml: there is no such file, named by --config",
  ]);
  assert.deepEqual(mistakes({ env: { MCP_CONFIG_FILE: "/no.yaml" } }), [
    "/no.yaml: there is no such file, named by MCP_CONFIG_FILE",
  ]);
});

Deno.test("load: a file that cannot be read is an error, also in the default place", () => {
  const path = "/h/.config/bulkhead/config.yaml";
  assert.deepEqual(mistakes({ env: { HOME: "/h" }, files: { [path]: new Error("permission denied") } }), [
    `${path}: the configuration file cannot be read: permission denied`,
  ]);
});

// ---- what is wrong -------------------------------------------------------------------------------------------------

const MISTAKES: readonly (readonly [string, string, string])[] = [
  [
    "a bad port",
    "server:\n  port: 70000\n",
    "2:9: server.port: expected an integer from 0 to 65535, got 70000",
  ],
  [
    "an unknown key, with the nearest",
    "server:\n  prot: 1\n",
    '2:3: server.prot: unknown key "prot"; did you mean "port"?',
  ],
  [
    "an unknown section, with the nearest",
    "sever: {}\n",
    '1:1: sever: unknown key "sever"; did you mean "server"?',
  ],
  [
    "a bad target entry",
    "security:\n  allowed_targets:\n    - RFC1918\n    - 10.0.0.5/8\n",
    '4:7: security.allowed_targets[1]: Cannot parse target entry "10.0.0.5/8": bits are set to the right of the ' +
    "prefix; write 10.0.0.0/8 for the network or leave the prefix out for the address",
  ],
  [
    "a keyword in the wrong case",
    "security: { denied_targets: [rfc1918] }",
    '1:30: security.denied_targets[0]: Cannot parse target entry "rfc1918": did you mean RFC1918?',
  ],
  [
    "a command that is not absolute",
    "tools: { overrides: { nmap: { command: nmap } } }",
    '1:40: tools.overrides.nmap.command: expected an absolute path, got "nmap"',
  ],
  [
    "a key that is twice there",
    "server: {}\nserver: {}\n",
    "2:1: server: ",
  ],
];

for (const [name, file, expected] of MISTAKES) {
  Deno.test(`load: ${name} is told with file, line, column and path`, () => {
    const [first, ...rest] = mistakes({ file });
    assert(first!.startsWith(`${CONFIG_FILE}:${expected}`), first);
    assert.deepEqual(rest, []);
  });
}

Deno.test("load: everything that is wrong in a file is told at once, in its order", () => {
  const lines = mistakes({ file: "mcp: { max_sessions: 0 }\nserver: { port: -1, hots: a }\n" });
  assert.deepEqual(lines.map((line) => line.split(": ")[1]), [
    "mcp.max_sessions",
    "server.port",
    "server.hots",
  ]);
});

Deno.test("load: a bad variable or flag is told by its name", () => {
  assert.deepEqual(
    mistakes({ env: { MCP_SERVER_PORT: "70000", TOOL_INCLUDE: "Nmap" }, flags: { logLevel: "warn" } }),
    [
      "MCP_SERVER_PORT: server.port: expected an integer from 0 to 65535, got 70000",
      'TOOL_INCLUDE: tools.include[0]: expected a tool\'s name, in which * stands for anything, got "Nmap"',
      '--log-level: logging.level: expected one of "debug", "info", "warning", "error", got "warn"',
    ],
  );
  assert.deepEqual(mistakes({ flags: { port: "http" } }), [
    '--port: server.port: expected an integer from 0 to 65535, got "http"',
  ]);
});

Deno.test("load: a bad --allow-target is told", () => {
  const [line] = mistakes({ flags: { allowTargets: ["10.0.0.5/8"] } });
  assert.match(
    line!,
    /^--allow-target: security\.allowed_targets\[2\]: Cannot parse target entry "10\.0\.0\.5\/8"/,
  );
});

/** Values with a secret in them, each where it is wrong. */
const SECRETS: readonly (readonly [string, string])[] = [
  ["security: { allowed_targets: ['https://alice:SECRET@10.0.0.5/'] }", "security.allowed_targets[0]"],
  ["security: { denied_targets: ['h?password=SECRET'] }", "security.denied_targets[0]"],
  ["server: { port: 'token=SECRET' }", "server.port"],
  ["logging: { level: 'Bearer SECRET' }", "logging.level"],
  ["tools: { overrides: { nmap: { command: 'curl -u alice:SECRET' } } }", "tools.overrides.nmap.command"],
  ["server: { 'api_key=SECRET': 1 }", 'server."api_key=[redacted]"'],
  ['confinement: { state_dir: "a\\nAuthorization: SECRET" }', "confinement.state_dir"],
];

for (const [file, path] of SECRETS) {
  Deno.test(`load: what is wrong is told without the secret in it: ${path}`, () => {
    for (const secret of ["s3cr3t", "s3cr3t".repeat(40)]) {
      for (const line of mistakes({ file: file.replace("SECRET", secret) })) {
        assert(line.includes(`: ${path}: `), line);
        assert.doesNotMatch(line, /s3cr3t/);
      }
    }
  });
}

Deno.test("load: no message shows more than the beginning of a long value", () => {
  const long = "x".repeat(4000);
  for (
    const key of ["server: { port", "security: { allowed_targets", "logging: { file", "tools: { include"]
  ) {
    for (const line of mistakes({ file: `${key}: "${long}\\n" }` })) assert(line.length < 300, line);
  }
});

// ---- where a value comes from --------------------------------------------------------------------------------------

Deno.test("load: of each value in effect it is known which source set it, and where", () => {
  const answer = load({
    file: "tools:\n  include: [a, b]\n  exclude: [c]\n",
    env: { TOOL_INCLUDE: "x,y" },
    flags: { port: "1" },
  });
  assert(answer.ok);
  const nowhere = { line: null, column: null };
  assert.deepEqual(answer.locate(["tools", "include", 1]), { file: "TOOL_INCLUDE", ...nowhere });
  assert.deepEqual(answer.locate(["tools", "exclude", 0]), { file: CONFIG_FILE, line: 3, column: 13 });
  assert.deepEqual(answer.locate(["tools", "exclude"], "key"), { file: CONFIG_FILE, line: 3, column: 3 });
  assert.deepEqual(answer.locate(["server", "port"]), { file: "--port", ...nowhere });
});
