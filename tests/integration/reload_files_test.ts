/** How files come to be changed, and what may stand in their place: nothing of it ends the server, or has half of it read. */
import assert from "node:assert/strict";
import { bearer, secretOf } from "../support/tokens.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { standInManifest, TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, standIn, until } from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

const BY_ITSELF = "a file has changed";

/** A configuration by which `say` has that many permits, with a long comment around it. */
function permits(concurrency: number): string {
  const comment = `# ${"-".repeat(70)}\n`.repeat(200);
  return `${comment}tools: { overrides: { say: { concurrency: ${concurrency} } } }\n${comment}`;
}

function setUp(): TestFolder {
  const folder = new TestFolder();
  standIn(folder, "say", "echo hello");
  return folder;
}

async function hasPermits(server: ChangingServer, concurrency: number): Promise<boolean> {
  return (await server.get("/tools/say")).concurrency === concurrency;
}

Deno.test(
  "a bad file is refused as a whole, with the place of each mistake, and the old one holds",
  options,
  async () => {
    using folder = setUp();
    await using server = await ChangingServer.start(folder, permits(3));
    const from = server.server.log().length;
    const bad =
      "tools:\n  overrides: { say: { concurrency: 4 } }\n  max_concurency: 3\nlimits: { open_files: 1 }\n";
    await server.reload(BY_ITSELF, () => folder.write("config.yaml", bad));
    const errors = () =>
      server.lines("the configuration was not reloaded: everything stays as it was", from).map((line) =>
        line.error
      );
    await until("both mistakes", () => errors().length === 2);
    assert.match(errors()[0], new RegExp(`^${folder.path}/config\\.yaml:3:3: .*max_concurrency`));
    assert.match(errors()[1], new RegExp(`^${folder.path}/config\\.yaml:4:23: limits\\.open_files: `));
    assert(await hasPermits(server, 3));
    // A manifest with a mistake keeps the configuration out, too.
    folder.write("tools/more.yaml", "name: more\n");
    const refused = await server.reload(BY_ITSELF, () => folder.write("config.yaml", permits(5)));
    assert.match(refused.error, /tools\/more\.yaml:1:1: /);
    assert(await hasPermits(server, 3));
    await server.reload(BY_ITSELF, () => Deno.removeSync(`${folder.path}/tools/more.yaml`));
    assert(await hasPermits(server, 5));
  },
);

Deno.test(
  "a file that is written slowly, moved into place or put in place of another is read once it is whole",
  options,
  async () => {
    using folder = setUp();
    const path = `${folder.path}/config.yaml`;
    await using server = await ChangingServer.start(folder, permits(1));
    const from = server.server.log().length;
    {
      // An editor that truncates the file and writes it in pieces, for longer than a look takes.
      using file = Deno.openSync(path, { write: true, truncate: true });
      const bytes = new TextEncoder().encode(permits(2));
      for (let at = 0; at < bytes.length; at += 1000) {
        file.writeSync(bytes.subarray(at, at + 1000));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    await until("the written file", () => hasPermits(server, 2));
    const reloads = () => server.lines("configuration reloaded", from).map(({ changed }) => changed);
    await until("its line in the log", () => reloads().length > 0);
    assert.deepEqual(reloads(), [["tools.overrides.say.concurrency"]], "none of half a file");
    // Moved over it: another file of the same name.
    await server.reload(BY_ITSELF, () => Deno.renameSync(folder.write("new.yaml", permits(3)), path));
    assert(await hasPermits(server, 3));
    // Of the same size, and the same second.
    await server.reload(BY_ITSELF, () => folder.write("config.yaml", permits(4)));
    assert(await hasPermits(server, 4));
    // Taken away and put back: what there is not is a mistake, since it was named.
    const gone = await server.reload(BY_ITSELF, () => Deno.removeSync(path));
    assert.match(gone.error, /there is no such file, named by --config/);
    assert(await hasPermits(server, 4));
    await server.reload(BY_ITSELF, () => folder.write("config.yaml", permits(5)));
    assert(await hasPermits(server, 5));
  },
);

Deno.test(
  "files behind links that are swapped at once, as Kubernetes mounts them, are followed",
  options,
  async () => {
    using folder = setUp();
    const publish = (mount: string, version: string, name: string, text: string) => {
      folder.write(`${mount}/..${version}/${name}`, text);
      const [data, link] = [`${folder.path}/${mount}/..data`, `${folder.path}/${mount}/${name}`];
      Deno.symlinkSync(`..${version}`, `${data}_tmp`);
      Deno.renameSync(`${data}_tmp`, data);
      if (folder.read(`${mount}/${name}`) === null) Deno.symlinkSync(`..data/${name}`, link);
    };
    const program = folder.script("bin/other", "echo other");
    const publishAll = (version: string, number: number) => {
      publish(
        "config",
        version,
        "config.yaml",
        `${permits(number)}auth: { tokens_file: ../secret/tokens }\n`,
      );
      publish("manifests", version, "other.yaml", standInManifest("other", program, `max_queue: ${number}`));
      publish("secret", version, "tokens", `caller${number} read ${secretOf(`caller${number}`)}\n`);
      Deno.chmodSync(`${folder.path}/secret/..${version}/tokens`, 0o600);
    };
    publishAll("first", 1);
    const folders = ["--tools", `${folder.path}/tools`, "--tools", `${folder.path}/manifests`];
    await using server = await startHttp(["--config", `${folder.path}/config/config.yaml`, ...folders]);
    const numbers = async (caller: string) => {
      const { tools } = await (await fetch(`${server.url}/tools`, { headers: bearer(caller) })).json();
      const tool = (name: string) => tools?.find((one: { name: string }) => one.name === name);
      return [tool("say")?.concurrency, tool("other")?.max_queue];
    };
    assert.deepEqual(await numbers("caller1"), [1, 1]);
    for (const [version, number, before] of [["second", 7, "first"], ["third", 9, "second"]] as const) {
      publishAll(version, number);
      for (const mount of ["config", "manifests", "secret"]) {
        Deno.removeSync(`${folder.path}/${mount}/..${before}`, { recursive: true });
      }
      await until(`the ${version} version`, async () => {
        return JSON.stringify(await numbers(`caller${number}`)) === JSON.stringify([number, number]);
      });
    }
    assert.deepEqual(await numbers("caller1"), [undefined, undefined]);
  },
);

/** What stands in a file's place, and what is said of it. */
const STRANGE: readonly (readonly [string, (path: string) => void, RegExp])[] = [
  ["a pipe", (path) => void new Deno.Command("mkfifo", { args: [path] }).outputSync(), /not a regular file/],
  ["a folder", (path) => Deno.mkdirSync(path), /not a regular file/],
  ["a device", (path) => Deno.symlinkSync("/dev/zero", path), /not a regular file|Requires|denied/],
  ["a link to itself", (path) => Deno.symlinkSync(path, path), /[Tt]oo many|symbolic/],
  ["a link to nothing", (path) => Deno.symlinkSync(`${path}.nothing`, path), /there is no such file/],
  ["too much", (path) => Deno.writeTextFileSync(path, "#".repeat(5_000_000)), /more than \d+ bytes/],
  [
    "too much that is never written",
    (path) => Deno.truncateSync(write(path, ""), 2 ** 40),
    /more than \d+ bytes/,
  ],
  ["what is no text", (path) => Deno.writeFileSync(path, Uint8Array.of(0xff, 0xfe, 0)), /not valid UTF-8/],
  ["deep nesting", (path) => void write(path, "[".repeat(100_000)), /config\.yaml:1:/],
];

function write(path: string, text: string): string {
  Deno.writeTextFileSync(path, text);
  return path;
}

Deno.test(
  "whatever takes the place of the configuration is refused, and the server goes on",
  options,
  async () => {
    using folder = setUp();
    await using server = await ChangingServer.start(folder, permits(6));
    const path = `${folder.path}/config.yaml`;
    for (const [what, make, expected] of STRANGE) {
      const line = await server.reload("SIGHUP", () => {
        Deno.removeSync(path, { recursive: true });
        make(path);
      });
      assert.equal(line.level, "error", what);
      assert.match(line.error, expected, what);
      assert(await hasPermits(server, 6), what);
      assert.equal((await server.execute("say")).body.stdout, "hello\n");
    }
    Deno.removeSync(path, { recursive: true });
    await server.configure(permits(7));
    assert(await hasPermits(server, 7));
  },
);

Deno.test(
  "whatever is among the manifests and is none is refused with its name, or is no manifest",
  options,
  async () => {
    using folder = setUp();
    await using server = await ChangingServer.start(folder);
    const path = `${folder.path}/tools/strange.yaml`;
    for (const [what, make] of STRANGE) {
      // A folder is no file, and a link to nothing is none either.
      const isNone = what === "a folder" || what === "a link to nothing";
      const line = await server.reload("SIGHUP", () => make(path));
      assert.equal(line.level, isNone ? "info" : "error", `${what}: ${JSON.stringify(line)}`);
      if (!isNone) assert(line.error.includes("tools/strange.yaml"), line.error);
      Deno.removeSync(path, { recursive: true });
    }
    const taken = await server.reload(
      "SIGHUP",
      () => folder.write("tools/x.yaml", standInManifest("curl", "/bin/x")),
    );
    assert.match(taken.error, /x\.yaml:1:7: name: tool curl is declared by builtin\/curl\.yaml already/);
    const twice = await server.reload(
      "SIGHUP",
      () => folder.write("tools/x.yaml", standInManifest("say", "/bin/x")),
    );
    assert.match(twice.error, /tool say is declared by .*say\.yaml already/);
    Deno.removeSync(`${folder.path}/tools/x.yaml`);
    assert.deepEqual(await server.configure(""), []);
    assert.equal((await server.execute("say")).body.stdout, "hello\n");
  },
);

Deno.test(
  "more files than are read again are refused at the start already, and a pipe is not waited for",
  options,
  async () => {
    using folder = setUp();
    for (let number = 0; number < 1024; number++) folder.write(`tools/${number}.txt`, "");
    await assert.rejects(
      startHttp(argumentsFor(folder, "")),
      /tools: cannot be read: there are more than 1024 names/,
    );
    using other = setUp();
    new Deno.Command("mkfifo", { args: [`${other.path}/tools/pipe.yaml`] }).outputSync();
    await assert.rejects(
      startHttp(argumentsFor(other, "")),
      /pipe\.yaml: cannot be read: .* not a regular file/,
    );
  },
);
