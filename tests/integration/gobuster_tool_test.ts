/** gobuster: the real program in its three modes, confined, with word lists of configured folders only. */
import assert from "node:assert/strict";
import { BINARY, bulkhead, startHttp } from "./support/bulkhead.ts";
import { dnsServer } from "./support/dns_server.ts";
import { webServer } from "./support/lab.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

/** A folder of word lists, and a configuration that names it; `more` is added to its section `tools`. */
function wordLists(more = "", end = "") {
  const folder = new TestFolder();
  folder.write("lists/words.txt", "web\nmail\nnone\n");
  const config = folder.write(
    "config.yaml",
    `security: { allowed_targets: [loopback, .lab.internal] }
tools: { wordlist_dirs: [${folder.path}/lists]${more.replaceAll("FOLDER", folder.path)} }
${end}`,
  );
  return { folder, config, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

async function call(config: string, target: string, params: Record<string, string>, ...args: string[]) {
  const { code, stdout } = await bulkhead([
    ...["call", "gobuster", "--json", "--config", config, "--target", target, ...args],
    ...Object.entries(params).flatMap(([name, value]) => ["--param", `${name}=${value}`]),
  ]);
  return { code, result: JSON.parse(stdout) };
}

const names = (found: readonly { readonly name: string }[]) => found.map(({ name }) => name).toSorted();

Deno.test("gobuster dir: the paths that a web server has", async () => {
  if (!hasProgram("gobuster")) return;
  using lists = wordLists();
  await using lab = webServer((request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/web") return Response.redirect("http://8.8.8.8/", 302);
    return new Response("here", { status: pathname === "/mail.txt" ? 200 : 404 });
  });
  const { code, result } = await call(lists.config, lab.url, {
    mode: "dir",
    wordlist: "words.txt",
    extensions: "txt",
  });
  assert.equal(code, 0, JSON.stringify(result));
  const { parsed } = result;
  assert.equal(parsed.incomplete, null);
  assert.deepEqual(names(parsed.found), ["/mail.txt", "/web"]);
  const [redirect] = parsed.found.filter(({ name }: { name: string }) => name === "/web");
  assert.deepEqual([redirect.status, redirect.location], [302, "http://8.8.8.8/"]);
  // The list's real path is what the program is given, not what the caller said.
  assert.equal(result.argv[result.argv.indexOf("-w") + 1], `${lists.folder.path}/lists/words.txt`);
});

Deno.test("gobuster dns: the names in a domain, asked of the server that is named", async () => {
  if (!hasProgram("gobuster")) return;
  using lists = wordLists();
  await using server = await dnsServer();
  const resolver = `127.0.0.1:${server.port}`;
  const { code, result } = await call(
    lists.config,
    "lab.internal",
    {
      mode: "dns",
      wordlist: "words.txt",
      resolver,
    },
    "--allow-target",
    "lab.internal",
  );
  assert.equal(code, 0, JSON.stringify(result));
  assert.deepEqual(names(result.parsed.found), ["mail.lab.internal", "web.lab.internal"]);
  assert.equal(result.target, "lab.internal");
});

Deno.test("gobuster vhost: the virtual hosts of a web server", async () => {
  if (!hasProgram("gobuster")) return;
  using lists = wordLists();
  await using lab = webServer((request) =>
    request.headers.get("host") === "mail.lab.internal"
      ? new Response("the mail host")
      : new Response("nothing", { status: 404 })
  );
  const { code, result } = await call(lists.config, lab.url, {
    mode: "vhost",
    wordlist: "words.txt",
    domain: "lab.internal",
  });
  assert.equal(code, 0, JSON.stringify(result));
  assert.deepEqual(names(result.parsed.found), ["mail.lab.internal"]);
});

const options = { ignore: BINARY !== null };

/** The requests that are refused: what is wrong, the parameters, and what is said. */
const REFUSED: readonly (readonly [title: string, parameters: Record<string, unknown>, error: RegExp])[] = [
  [
    "a list outside of the folders, by a step up",
    { wordlist: "../outside.txt" },
    /expected a file in one of/,
  ],
  ["a list outside of the folders, by its path", { wordlist: "/etc/passwd" }, /expected a file in one of/],
  ["a symbolic link that leads out", { wordlist: "link.txt" }, /leads out of \S+ through a symbolic link/],
  ["a folder", { wordlist: "folder" }, /"folder" is not a regular file/],
  ["a pipe, at which a reader waits", { wordlist: "pipe" }, /"pipe" is not a regular file/],
  ["a list that is not there", { wordlist: "words.tx" }, /there is no file "words\.tx"/],
  [
    "a list of more than 1,000,000 lines",
    { wordlist: "long.txt" },
    /at most 1000000 lines; this one has 1000001/,
  ],
  ["a list of more than 50 MB", { wordlist: "large.txt" }, /at most 50 MB; this one has 50000001 bytes/],
  ["no list", {}, /"wordlist" is missing/],
  ["a hidden file", { wordlist: ".hidden" }, /expected a file in one of/],
];

Deno.test(
  "gobuster: a word list that may not be used is refused, and nothing is started",
  options,
  async () => {
    using lists = wordLists(
      ", overrides: { gobuster: { command: FOLDER/bin/gobuster } }",
      "confinement: { tier: basic }\n",
    );
    const { folder } = lists;
    folder.script("bin/gobuster", `echo "$@" >> ${folder.path}/started`);
    folder.write("outside.txt", "secret\n");
    folder.write("lists/.hidden", "web\n");
    folder.write("lists/folder/words.txt", "web\n");
    folder.write("lists/long.txt", "a\n".repeat(1_000_001));
    folder.write("lists/exact.txt", "a\n".repeat(1_000_000));
    Deno.truncateSync(folder.write("lists/large.txt", ""), 50_000_001);
    Deno.symlinkSync("../outside.txt", `${folder.path}/lists/link.txt`);
    new Deno.Command("mkfifo", { args: [`${folder.path}/lists/pipe`] }).outputSync();
    await using server = await startHttp(["--config", lists.config]);
    const ask = (parameters: Record<string, unknown>, target = "http://127.0.0.1:1/") =>
      server.execute("gobuster", { target, parameters });
    for (const [title, parameters, error] of REFUSED) {
      const { status, body } = await ask({ mode: "dir", ...parameters });
      assert.equal(status, 400, title);
      assert.match(body.detail, error, title);
      assert.equal(folder.read("started"), null, title);
    }
    const resolver = { mode: "dns", wordlist: "words.txt" };
    for (
      const [parameters, error] of [
        [resolver, /"resolver" is missing/],
        [{ ...resolver, resolver: "8.8.8.8" }, /"resolver" is "8\.8\.8\.8"; expected an allowed target/],
        [{ ...resolver, resolver: "tcp://127.0.0.1:53" }, /expected an allowed target/],
        [{ wordlist: "words.txt" }, /"mode" is missing/],
        [{ mode: "s3", wordlist: "words.txt" }, /"mode" is "s3"/],
      ] as const
    ) {
      const { status, body } = await ask(parameters, "x.lab.internal");
      assert.equal(status, 400);
      assert.match(body.detail, error);
    }
    assert.equal(folder.read("started"), null);
    // What is just within the bounds is taken, in a folder of the folder too: the stand-in does leave a trace.
    for (const wordlist of ["exact.txt", "folder/words.txt"]) {
      const { status, body } = await ask({ mode: "dir", wordlist });
      assert.equal(status, 200, body.detail);
      assert.match(folder.read("started") ?? "", new RegExp(`-w ${folder.path}/lists/${wordlist} `));
    }
  },
);
