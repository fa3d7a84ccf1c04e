/** Programs that come, go and are replaced while the server runs, and the manifests that declare them. */
import assert from "node:assert/strict";
import { BINARY, printedFlags } from "./support/bulkhead.ts";
import { hostsOf } from "./support/namespaces.ts";
import { hasProgram, haveNetRaw, standInManifest, TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, holding, letGo, standIn, until } from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

/** What is granted is what is there when the flags are printed: the programs of a test are there then. */
async function grantFor(folder: TestFolder, config = ""): Promise<void> {
  await printedFlags(["serve", "--transport", "http", "--port", "0", ...argumentsFor(folder, config)]);
}

Deno.test(
  "a program that is installed makes its tool available, and one that goes takes it away",
  options,
  async () => {
    using folder = new TestFolder();
    const program = standIn(folder, "say", "echo hello");
    await grantFor(folder);
    Deno.removeSync(program);
    await using server = await ChangingServer.start(folder);
    assert.equal((await server.execute("say")).status, 503);
    for (let round = 0; round < 2; round++) {
      folder.script("bin/say", `echo ${round}`);
      await until("the tool", async () => (await server.offered()).includes("say"));
      assert.equal((await server.execute("say")).body.stdout, `${round}\n`);
      Deno.removeSync(program);
      await until("its end", async () => !(await server.offered()).includes("say"));
      const { status, body } = await server.execute("say");
      assert.equal(status, 503);
      assert.match(body.detail, /there is no program/);
    }
    assert.equal(server.lines("tool available").length, 2);
    const gone = server.lines("tool not available any more");
    assert.deepEqual(gone.map(({ tool }) => tool), ["say", "say"]);
    assert.match(gone[0]!.reason, /there is no program/);
  },
);

Deno.test(
  "a program that is replaced while it runs: the run ends as it began, the next is the new program",
  options,
  async () => {
    using folder = new TestFolder();
    const { program, isRunning } = holding(folder, "old", "concurrency: 4");
    await using server = await ChangingServer.start(folder);
    const old = server.execute("hold");
    await until("the program", isRunning);
    // As a package manager does it: another file is moved over the first.
    const next = folder.script("bin/next", "echo new");
    Deno.renameSync(next, program);
    await until(
      "the change",
      () => server.lines("the program has changed: new runs start the new one").length > 0,
    );
    const { body } = await server.execute("hold");
    assert.deepEqual([body.outcome, body.stdout], ["success", "new\n"]);
    assert.equal((await server.get("/tools/hold")).running, 1, "the old one goes on");
    letGo(folder);
    const ended = (await old).body;
    assert.deepEqual([ended.outcome, ended.stdout], ["success", "old\n"]);
  },
);

Deno.test("an interpreter, or a helper, that is replaced is followed, too", options, async () => {
  using folder = new TestFolder();
  const shell = `${folder.path}/bin/own-sh`;
  const helper = `${folder.path}/bin/own-echo`;
  const copy = (from: string, to: string) => {
    folder.write("bin/.keep", "");
    Deno.copyFileSync(from, `${to}.new`);
    Deno.chmodSync(`${to}.new`, 0o755);
    Deno.renameSync(`${to}.new`, to);
  };
  copy(Deno.realPathSync("/bin/sh"), shell);
  copy(Deno.realPathSync("/usr/bin/printf"), helper);
  const program = folder.write("bin/say", `#!${shell}\n${helper} 'hello\\n'\n`, 0o755);
  folder.write("tools/say.yaml", standInManifest("say", program, `helpers: [${helper}]`));
  await using server = await ChangingServer.start(folder);
  assert.equal((await server.execute("say")).body.stdout, "hello\n");
  for (const [from, to] of [["/bin/sh", shell], ["/usr/bin/printf", helper]] as const) {
    const changes = () => server.lines("the program has changed: new runs start the new one").length;
    const before = changes();
    copy(Deno.realPathSync(from), to);
    await until(`the change of ${to}`, () => changes() > before);
    const { body } = await server.execute("say");
    assert.deepEqual([body.outcome, body.stdout], ["success", "hello\n"], JSON.stringify(body));
  }
});

Deno.test("a program that others may write to from now on is not started any more", options, async () => {
  using folder = new TestFolder();
  const program = standIn(folder, "say", "echo hello");
  await using server = await ChangingServer.start(folder);
  assert.equal((await server.execute("say")).status, 200);
  for (const path of [program, `${folder.path}/bin`]) {
    Deno.chmodSync(path, 0o777);
    await until(`the end of the tool, for ${path}`, async () => (await server.execute("say")).status === 503);
    assert.match((await server.get("/tools/say")).why_not, /may be written by other users/);
    Deno.chmodSync(path, 0o755);
    await until("the tool", async () => (await server.execute("say")).status === 200);
  }
});

Deno.test(
  "manifests of the user's folder come, change and go, also while their tools run",
  options,
  async () => {
    using folder = new TestFolder();
    holding(folder, "held");
    const program = standIn(folder, "say", "echo hello");
    const manifest = folder.read("tools/hold.yaml")!;
    await using server = await ChangingServer.start(folder);
    // Another tool of a program that was granted.
    folder.write("tools/more.yaml", standInManifest("more", program));
    await until("another tool", async () => (await server.offered()).includes("more"));
    assert.equal((await server.execute("more")).body.stdout, "hello\n");
    folder.write("tools/more.yaml", standInManifest("more", program, "first: [x]\nmax_queue: 3"));
    await until("its change", async () => (await server.get("/tools/more")).max_queue === 3);
    assert.deepEqual((await server.execute("more")).body.argv.slice(1), ["x"]);
    // One of a program that was not.
    folder.write("tools/other.yaml", standInManifest("other", folder.script("bin/other", "echo other")));
    await until(
      "why it is not available",
      () =>
        server.lines("tool not available").some(({ tool, reason }) =>
          tool === "other" && /not granted/.test(reason)
        ),
    );
    assert.equal((await server.execute("other")).status, 503);
    // A tool that is taken away and brought back while a run of it goes on.
    const first = server.execute("hold");
    await until("a run", async () => (await server.get("/tools/hold")).running === 1);
    Deno.removeSync(`${folder.path}/tools/hold.yaml`);
    await until("its end", async () => !(await server.offered()).includes("hold"));
    assert.equal((await server.execute("hold")).status, 404);
    folder.write("tools/hold.yaml", manifest);
    await until("its return", async () => (await server.offered()).includes("hold"));
    const second = server.execute("hold");
    await until("another run", async () => (await server.get("/tools/hold")).running === 1);
    letGo(folder);
    for (const { body } of await Promise.all([first, second])) {
      assert.deepEqual([body.outcome, body.stdout], ["success", "held\n"]);
    }
  },
);

Deno.test(
  "capabilities that a manifest declares, or declares no more, are given by its next run",
  options,
  async () => {
    if (!haveNetRaw()) return;
    using folder = new TestFolder();
    const program = standIn(folder, "show", "exec cat /proc/self/status", "helpers: [cat]");
    await using server = await ChangingServer.start(folder);
    const capabilities = async () =>
      /^CapEff:\s+(\S+)$/m.exec((await server.execute("show")).body.stdout)?.[1];
    const none = await capabilities();
    assert.match(none!, /^0+$/);
    const declare = (more: string) =>
      server.reload("a file has changed", () => {
        folder.write("tools/show.yaml", standInManifest("show", program, `helpers: [cat]\n${more}`));
      });
    await declare("capabilities: [net_raw]");
    assert.equal(await capabilities(), (1n << 13n).toString(16).padStart(16, "0"));
    await declare("");
    assert.equal(await capabilities(), none);
  },
);

Deno.test(
  "names that a reload allows are resolved from then on, where none were before",
  options,
  async () => {
    if (!hasProgram("getent")) return;
    const hosts = hostsOf("127.0.0.1 localhost", "10.1.2.3 web.lab.internal");
    if (hosts === null) return;
    using _ = hosts;
    using folder = new TestFolder();
    standIn(folder, "say", 'echo "$*"', "target: { kinds: [host], pin: address }");
    await using server = await ChangingServer.start(
      folder,
      "security: { allowed_targets: [10.0.0.0/8, .lab.internal] }\n",
      hosts.wrapper,
    );
    const named = () => server.execute("say", { target: "web.lab.internal" });
    assert.equal((await named()).body.stdout, "10.1.2.3\n");
    await server.configure("security: { allowed_targets: [10.0.0.0/8] }\n");
    assert.equal((await named()).status, 400);
    await server.configure("security: { allowed_targets: [10.0.0.0/8, .lab.internal] }\n");
    assert.equal((await named()).body.stdout, "10.1.2.3\n");
  },
);
