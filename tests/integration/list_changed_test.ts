/** Clients hear that the list of tools has changed: exactly when it has, over both transports. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY } from "./support/bulkhead.ts";
import { connectAs, type Connected, connectStdio } from "./support/client.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only; the client's transport lets a timer run out.
const options = { ignore: BINARY !== null, sanitizeOps: false, sanitizeResources: false };

/** The tools `say` and `other` of one program. */
function setUp(): { readonly folder: TestFolder; readonly program: string } {
  const folder = new TestFolder();
  const program = standIn(folder, "say", 'echo "$*"', "target: { kinds: [host] }");
  folder.write("tools/other.yaml", standInManifest("other", program));
  return { folder, program };
}

async function names({ client }: Connected): Promise<string[]> {
  return (await client.listTools()).tools.map(({ name }) => name);
}

Deno.test("over stdio a client hears of each change of the list, and of nothing else", options, async () => {
  const { folder, program } = setUp();
  using _ = folder;
  await using connected = await connectStdio(argumentsFor(folder, "tools: { include: [say, other] }\n"));
  assert.deepEqual(await names(connected), ["other", "say"]);
  let expected = 0;
  /** Makes a change that the list shows. */
  const change = async (what: string, make: () => void) => {
    make();
    expected++;
    await until(what, () => connected.listChanges() >= expected);
    assert.equal(connected.listChanges(), expected, what);
  };
  await change("a tool less", () => folder.write("config.yaml", "tools: { include: [say] }\n"));
  assert.deepEqual(await names(connected), ["say"]);
  // What the list does not show: in the same breath as what it does, so that there is something to wait for.
  await change(
    "other targets",
    () =>
      folder.write("config.yaml", "tools: { include: [say] }\nsecurity: { allowed_targets: [192.0.2.1] }\n"),
  );
  const [say] = (await connected.client.listTools()).tools;
  assert.match(say!.description!, /Allowed targets: .*192\.0\.2\.1/);
  await change("a manifest that says more", () => {
    folder.write(
      "tools/say.yaml",
      standInManifest("say", program, "target: { kinds: [host] }\nannotations: { read_only: true }"),
    );
  });
  await change("a program less", () => Deno.chmodSync(program, 0o644));
  assert.deepEqual(await names(connected), []);
  await change("a program more", () => Deno.chmodSync(program, 0o755));
  assert.deepEqual(await names(connected), ["say"]);
  const answer = await connected.call("say", { target: "192.0.2.1" });
  assert.equal(answer.structuredContent.outcome, "success");
});

Deno.test(
  "over HTTP every client with a stream hears of what is switched, reloaded and installed",
  options,
  async () => {
    const { folder } = setUp();
    using _ = folder;
    const tokens = ["reader read,execute", "admin admin", "gone execute"].map((line) =>
      `${line} ${secretOf(line.split(" ")[0]!)}\n`
    );
    folder.write("tokens", tokens.join(""), 0o600);
    const config = "auth: { tokens_file: tokens }\n";
    await using server = await ChangingServer.start(folder, config);
    server.headers = bearer("admin");
    const { url } = server.server;
    await using first = await connectAs(url, bearer("reader"));
    await using second = await connectAs(url, bearer("gone"));
    const both = [first, second];
    const heard = async (times: number) => {
      await until(`notice ${times}`, () => both.every((client) => client.listChanges() >= times));
      assert.deepEqual(both.map((client) => client.listChanges()), [times, times]);
    };
    assert.equal((await server.post("/tools/other/disable")).status, 200);
    await heard(1);
    assert(!(await names(first)).includes("other"));
    // None of these is to be seen in the list.
    assert.equal((await server.post("/tools/other/disable")).status, 200);
    assert.equal((await server.post("/tools/say/breaker/reset")).status, 200);
    await server.configure(`${config}tools: { default_concurrency: 7 }\nlimits: { open_files: 99 }\n`);
    assert.equal((await server.post("/tools/other/enable")).status, 200);
    await heard(2);
    await server.configure(`${config}tools: { exclude: [other] }\n`);
    await heard(3);

    // A session outlives its token, for what goes on and for what it is told; no request of it is answered any more.
    await server.reload(
      "a file has changed",
      () => folder.write("tokens", tokens.slice(0, 2).join(""), 0o600),
    );
    await assert.rejects(() => second.client.listTools(), /401|[Uu]nauthorized|invalid_token/);
    await assert.rejects(() => connectAs(url, bearer("gone")), /401|[Uu]nauthorized|invalid_token/);
    assert.deepEqual((await names(first)).includes("other"), false);
  },
);
