import assert from "node:assert/strict";
import { type Reread, rereadSetup } from "../../src/server/reread.ts";
import type { ConfigFlags } from "../../src/config/load.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import type { Tokens } from "../../src/http/tokens.ts";
import { CONFIG, manifestText, PlayedFiles, setupOf } from "../support/files.ts";
import { secretOf, tokensOf } from "../support/tokens.ts";

const TOKENS = "/etc/bulkhead/tokens";
const OWN_UID = 1000;
const WITH_DIRS = "tools: { dirs: [/etc/tools] }\n";

/** What was read after `change`, by a server that had started before it. */
async function reread(
  files: ConstructorParameters<typeof PlayedFiles>[0],
  change: (played: PlayedFiles) => void,
  { flags, env, tokens = null }: {
    flags?: Partial<ConfigFlags>;
    env?: Record<string, string>;
    tokens?: Tokens | null;
  } = {},
): Promise<Reread & { readonly before: ReturnType<typeof setupOf> }> {
  const played = new PlayedFiles(files);
  const before = setupOf(played, flags, env);
  change(played);
  return { ...await rereadSetup({ setup: before, tokens }, OWN_UID, played), before };
}

function good(answer: Reread) {
  assert(answer.ok, answer.ok ? "" : answer.diagnostics.map(formatDiagnostic).join("\n"));
  return answer;
}

function mistakes(answer: Reread): string[] {
  assert(!answer.ok, "it was taken");
  return answer.diagnostics.map(formatDiagnostic);
}

Deno.test("reread: what has changed is told, and is in the new setup", async () => {
  const answer = good(
    await reread({ [CONFIG]: "limits: { memory_mb: 99 }" }, (files) => {
      files.put(CONFIG, "limits: { memory_mb: 77 }\nsecurity: { denied_targets: [10.0.0.1] }");
    }),
  );
  assert.deepEqual([...answer.changed].sort(), ["limits.memory_mb", "security.denied_targets"]);
  assert.deepEqual(answer.restart, []);
  assert.equal(answer.setup.config.limits.memory_mb, 77);
  assert.equal(answer.setup.tools.find(({ tool }) => tool.name === "curl")!.tool.limits.memoryMb, 77);
  assert.match(answer.setup.policy.describe(), /never 10\.0\.0\.1/);
});

Deno.test("reread: a mistake is told with its place, and all of them at once", async () => {
  const answer = await reread({ [CONFIG]: "" }, (files) => {
    files.put(CONFIG, "limits:\n  memory_mb: 1\n  open_fils: 3\n");
  });
  const said = mistakes(answer);
  assert.equal(said.length, 2);
  assert.match(said[0]!, /^\/etc\/bulkhead\/config\.yaml:2:14: limits\.memory_mb: /);
  assert.match(said[1]!, /^\/etc\/bulkhead\/config\.yaml:3:3: .*open_files/);
});

for (
  const [what, change, expected] of [
    ["a file that cannot be parsed", (files) => files.put(CONFIG, "a: [\n"), /^\S+config\.yaml:\d+:\d+: /],
    ["a file that is gone", (files) => files.put(CONFIG, null), /there is no such file, named by --config$/],
    [
      "a file that cannot be read",
      (files) => files.put(CONFIG, { text: "", error: new Error("it is locked") }),
      /config\.yaml: cannot be read: it is locked$/,
    ],
    [
      "a manifest with a mistake",
      (files) => files.put("/etc/tools/x.yaml", manifestText("x", "/opt/x", "concurrency: 0\n")),
      /^\/etc\/tools\/x\.yaml:5:14: concurrency: /,
    ],
    [
      "a manifest that cannot be read",
      (files) => files.put("/etc/tools/x.yaml", { text: "", error: new Error("not a regular file") }),
      /^\/etc\/tools\/x\.yaml: cannot be read: not a regular file$/,
    ],
    [
      "a manifest that takes the name of a built-in one",
      (files) => files.put("/etc/tools/x.yaml", manifestText("curl", "/opt/x")),
      /tool curl is declared by builtin\/curl\.yaml already/,
    ],
    [
      "a folder of manifests that is gone",
      (files) => files.put("/etc/tools/t.yaml", null),
      /^\/etc\/tools: there is no such folder of manifests$/,
    ],
    [
      "a tool that the configuration names and that is declared no more",
      (files) => {
        files.put(CONFIG, `tools: { dirs: [/etc/tools], exclude: [t] }\n`);
        files.put("/etc/tools/t.yaml", manifestText("u", "/opt/t"));
      },
      /tools\.exclude\[0\]: there is no tool "t"/,
    ],
    ["a dead scribe", (files) => files.death = "it died", /config\.yaml: cannot be read: it died$/],
  ] satisfies [string, (files: PlayedFiles) => void, RegExp][]
) {
  Deno.test(`reread: ${what} is refused, with what is wrong`, async () => {
    const files = { [CONFIG]: WITH_DIRS, "/etc/tools/t.yaml": manifestText("t", "/opt/t") };
    const said = mistakes(await reread(files, change));
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0]!, expected);
  });
}

Deno.test("reread: manifests come, change and go", async () => {
  const answer = good(
    await reread({
      [CONFIG]: WITH_DIRS,
      "/etc/tools/a.yaml": manifestText("a", "/opt/a"),
      "/etc/tools/b.yaml": manifestText("b", "/opt/b"),
    }, (files) => {
      files.put("/etc/tools/a.yaml", null);
      files.put("/etc/tools/b.yaml", manifestText("b", "/opt/b", "concurrency: 9\n"));
      files.put(
        "/etc/tools/c.json",
        JSON.stringify({ name: "c", title: "T", description: "D", command: "c" }),
      );
      files.put("/etc/tools/notes.txt", "not a manifest");
      files.put("/etc/tools/.b.yaml.swp", "an editor's");
    }),
  );
  const own = answer.setup.tools.filter(({ tool }) => tool.file.startsWith("/etc/tools/"));
  assert.deepEqual(own.map(({ tool }) => [tool.name, tool.concurrency]), [["b", 9], ["c", 2]]);
  assert.deepEqual(answer.changed, []);
  assert.deepEqual(answer.tools, ["a", "b", "c"]);
});

Deno.test("reread: a tool that is otherwise by the configuration alone is named, and no other", async () => {
  for (
    const config of [
      "tools: { exclude: [dig] }",
      "tools: { overrides: { dig: { max_queue: 3 } } }",
      "tools: { overrides: { dig: { command: /opt/dig } } }",
    ]
  ) {
    const { tools } = good(await reread({ [CONFIG]: "" }, (files) => files.put(CONFIG, config)));
    assert.deepEqual(tools, ["dig"], config);
  }
  const server = "server: { shutdown_grace_period_sec: 3 }";
  assert.deepEqual(good(await reread({ [CONFIG]: "" }, (files) => files.put(CONFIG, server))).tools, []);
});

Deno.test("reread: a manifest that is removed after its folder was listed is left out", async () => {
  const files = {
    [CONFIG]: WITH_DIRS,
    "/etc/tools/a.yaml": manifestText("a", "/opt/a"),
    "/etc/tools/b.yaml": manifestText("b", "/opt/b"),
  };
  const answer = good(
    await reread(files, (played) => {
      played.onRead = (path) => {
        if (path === "/etc/tools/a.yaml") played.put("/etc/tools/b.yaml", null);
      };
    }),
  );
  const own = answer.setup.tools.filter(({ tool }) => tool.file.startsWith("/etc/tools/"));
  assert.deepEqual(own.map(({ tool }) => tool.name), ["a"]);
});

Deno.test("reread: what needs a restart stays as it was, is named, and what comes with it takes effect", async () => {
  const answer = good(
    await reread({ [CONFIG]: WITH_DIRS, "/etc/tools/t.yaml": manifestText("t", "/opt/t") }, (files) => {
      files.put(
        CONFIG,
        "server: { port: 1 }\ntools: { dirs: [/elsewhere], max_concurrency: 3 }\nlogging: { file: /l, level: debug }",
      );
    }),
  );
  assert.deepEqual([...answer.restart].sort(), ["logging.file", "server.port", "tools.dirs"]);
  assert.deepEqual(
    [...answer.changed].sort(),
    ["logging.file", "logging.level", "server.port", "tools.dirs", "tools.max_concurrency"],
  );
  const { config, tools, logFile } = answer.setup;
  assert.deepEqual(
    [config.server.port, config.tools.dirs, config.tools.max_concurrency, config.logging.level],
    [8080, ["/etc/tools"], 3, "debug"],
  );
  assert.equal(logFile, null);
  assert(tools.some(({ tool }) => tool.name === "t"));
});

Deno.test("reread: what needs a restart is named again by every reload, until there is one", async () => {
  const played = new PlayedFiles({ [CONFIG]: "server: { port: 1 }" });
  const first = setupOf(played);
  played.put(CONFIG, "server: { port: 2 }");
  const second = good(await rereadSetup({ setup: first, tokens: null }, OWN_UID, played));
  const third = good(await rereadSetup({ setup: second.setup, tokens: null }, OWN_UID, played));
  assert.deepEqual([second.restart, third.restart], [["server.port"], ["server.port"]]);
  played.put(CONFIG, "server: { port: 1 }");
  const fourth = good(await rereadSetup({ setup: third.setup, tokens: null }, OWN_UID, played));
  assert.deepEqual([fourth.changed, fourth.restart], [[], []]);
});

Deno.test("reread: the command line and the environment of the start are still above the file", async () => {
  const flags = { tools: ["/etc/tools"], allowTargets: ["192.0.2.7"], logLevel: "error" };
  const env = { MCP_DEFAULT_CONCURRENCY: "7", LOG_FORMAT: "json" };
  const answer = good(
    await reread(
      { [CONFIG]: "", "/etc/tools/t.yaml": manifestText("t", "/opt/t") },
      (files) => {
        files.put(
          CONFIG,
          "logging: { level: debug, format: pretty }\ntools: { default_concurrency: 1 }\n" +
            "security: { allowed_targets: [10.0.0.9] }",
        );
      },
      { flags, env },
    ),
  );
  const { config, tools } = answer.setup;
  assert.deepEqual(
    [config.logging.level, config.logging.format, config.tools.default_concurrency],
    ["error", "json", 7],
  );
  assert.deepEqual(config.security.allowed_targets, ["10.0.0.9", "192.0.2.7"]);
  assert(tools.some(({ tool }) => tool.name === "t"));
  assert.deepEqual(answer.changed, ["security.allowed_targets"]);
});

Deno.test("reread: without a named file, one may come to the default place, and go", async () => {
  const file = "/home/x/.config/bulkhead/config.yaml";
  const options = { flags: { config: undefined }, env: { HOME: "/home/x" } };
  const come = good(await reread({}, (files) => files.put(file, "limits: { memory_mb: 50 }"), options));
  assert.deepEqual([come.changed, come.setup.configFile], [["limits.memory_mb"], file]);
  const gone = good(await reread({ [file]: "limits: { memory_mb: 50 }" }, (f) => f.put(file, null), options));
  assert.deepEqual([gone.changed, gone.setup.configFile], [["limits.memory_mb"], null]);
});

const WITH_TOKENS = `auth: { tokens_file: ${TOKENS} }\n`;
const tokensFile = (text: string, mode = 0o600, uid = OWN_UID) => ({ text, mode, uid });
const line = (name: string) => `${name} read ${secretOf(name)}\n`;

Deno.test("reread: tokens are read again, and whoever is gone from them is let in no more", async () => {
  const answer = good(
    await reread(
      { [CONFIG]: WITH_TOKENS, [TOKENS]: tokensFile(line("old")) },
      (files) => files.put(TOKENS, tokensFile(line("new"))),
      { tokens: await tokensOf({ old: ["read"] }) },
    ),
  );
  assert.equal(answer.tokensChanged, true);
  assert.equal((await answer.tokens!.find(secretOf("new")))?.name, "new");
  assert.equal(await answer.tokens!.find(secretOf("old")), null);
});

for (
  const [what, file, expected] of [
    ["others may read", tokensFile(line("a"), 0o640), /others may read or change the file \(mode 640\)/],
    ["belongs to another user", tokensFile(line("a"), 0o600, 4242), /belongs to user 4242/],
    ["is gone", null, /there is no such file, named by auth\.tokens_file$/],
    ["has a mistake", tokensFile("a read\n"), /^\/etc\/bulkhead\/tokens:1/],
  ] as const
) {
  Deno.test(`reread: a file of tokens that ${what} has the whole refused`, async () => {
    const answer = await reread(
      { [CONFIG]: WITH_TOKENS, [TOKENS]: tokensFile(line("a")) },
      (files) => {
        files.put(CONFIG, `${WITH_TOKENS}limits: { memory_mb: 50 }\n`);
        files.put(TOKENS, file);
      },
      { tokens: await tokensOf({ a: ["read"] }) },
    );
    const said = mistakes(answer);
    assert.match(said[0]!, expected);
    assert(!said.join().includes(secretOf("a")));
  });
}

Deno.test("reread: where there are no tokens, none come without a restart, and the file is not read", async () => {
  const answer = good(await reread({ [CONFIG]: "" }, (files) => files.put(CONFIG, WITH_TOKENS)));
  assert.deepEqual([answer.tokens, answer.restart], [null, ["auth.tokens_file"]]);
});

Deno.test("reread: tokens that were there stay when the configuration names no file of them any more", async () => {
  const answer = good(
    await reread(
      { [CONFIG]: WITH_TOKENS, [TOKENS]: tokensFile(line("a")) },
      (files) => files.put(CONFIG, ""),
      { tokens: await tokensOf({ a: ["read"] }) },
    ),
  );
  assert.equal(answer.tokens?.size, 1);
  assert.equal(answer.tokensChanged, false);
  assert.deepEqual(answer.restart, ["auth.tokens_file"]);
});

Deno.test("reread: a mistake that comes of what needs a restart says so", async () => {
  const answer = await reread({ [CONFIG]: "", "/etc/tools/t.yaml": manifestText("t", "/opt/t") }, (files) => {
    files.put(CONFIG, "tools: { dirs: [/etc/tools], exclude: [t] }\n");
  });
  const said = mistakes(answer);
  assert.match(said[0]!, /there is no tool "t"/);
  assert.equal(
    said[1],
    "reload: these keys count as they were until the server is started again: tools.dirs",
  );
});
