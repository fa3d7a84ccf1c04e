import assert from "node:assert/strict";
import { findPrograms, type Found } from "../../src/server/find_programs.ts";
import { machineLater, type SelfFacts } from "../../src/server/find_tools.ts";
import { InEffect } from "../../src/server/in_effect.ts";
import { type Reloadable, Reloader } from "../../src/server/reloader.ts";
import { MAX_WATCHED } from "../../src/confinement/file_look.ts";
import type { LogSettings } from "../../src/logging/setup.ts";
import { Registry } from "../../src/runs/registry.ts";
import { isOffered } from "../../src/runs/toolbox.ts";
import { FakeExecutor } from "../support/engine.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CONFIG, manifestText, PlayedFiles, script, setupOf, STATIC_PROGRAM } from "../support/files.ts";

const CURL = "/usr/bin/curl";
const GETENT = "/usr/bin/getent";

/** A server that has started with these files. */
function start(
  files: ConstructorParameters<typeof PlayedFiles>[0] = {},
  { granted = [CURL, GETENT, "/opt/t"] }: { granted?: readonly string[] } = {},
) {
  const played = new PlayedFiles({
    [CONFIG]: "",
    [CURL]: STATIC_PROGRAM,
    [GETENT]: STATIC_PROGRAM,
    ...files,
  });
  const setup = setupOf(played);
  const self: SelfFacts = {
    self: { uid: 1000, gid: 1000 },
    compiled: false,
    capabilities: null,
    granted: new Set(granted),
    readable: [...setup.readable, "/usr/bin", "/usr/local/bin", "/opt"],
  };
  let found: Found = findPrograms(setup, machineLater(self, played));
  const inEffect = new InEffect(setup, null, new FakeClock());
  const registry = new Registry(found.tools, {
    clock: new FakeClock(),
    random: () => 0.5,
    equip: () => new FakeExecutor(),
  });
  const applied: { readonly memoryMb: number; readonly changed: readonly string[] }[] = [];
  const logged: LogSettings[] = [];
  const engine = {
    inEffect,
    self,
    toolbox: registry.tools,
    get found() {
      return found;
    },
    apply: (...[next, tokens, foundNow, changed]: Parameters<Reloadable["apply"]>) => {
      found = foundNow;
      inEffect.replace(next, tokens);
      registry.update(foundNow.tools);
      applied.push({ memoryMb: next.config.limits.memory_mb, changed: [...changed].sort() });
    },
  };
  const reloader = new Reloader(engine, played, (settings) => void logged.push(settings));
  return { played, setup, inEffect, engine, registry, reloader, applied, logged };
}

/** A configuration that is told from others by one number. */
const numbered = (memoryMb: number) => `limits: { memory_mb: ${memoryMb} }\n`;

Deno.test("reloader: what is good takes effect as a whole, the log's level with it", async () => {
  const { played, reloader, inEffect, logged } = start();
  played.put(CONFIG, "logging: { level: error }\nserver: { port: 9 }\n");
  assert.deepEqual(await reloader.reload("test"), {
    ok: true,
    changed: ["server.port", "logging.level"],
    restart: ["server.port"],
  });
  assert.equal(inEffect.setup.config.logging.level, "error");
  assert.deepEqual(logged, [{ level: "error", format: "auto" }]);
});

for (
  const [what, change] of [
    ["a configuration", (files) => files.put(CONFIG, `${numbered(77)}nonsense: 1\n`)],
    ["a manifest", (files) => {
      files.put(CONFIG, `${numbered(77)}tools: { dirs: [/etc/tools] }\n`);
      files.put("/etc/tools/t.yaml", manifestText("t", "/opt/t", "nonsense: 1\n"));
    }],
  ] satisfies [string, (files: PlayedFiles) => void][]
) {
  Deno.test(`reloader: ${what} with a mistake changes nothing at all, and is taken once it is mended`, async () => {
    const files = {
      [CONFIG]: "tools: { dirs: [/etc/tools] }\n",
      "/etc/tools/t.yaml": manifestText("t", "/opt/t"),
      "/opt/t": STATIC_PROGRAM,
    };
    const { played, reloader, inEffect, setup, registry } = start(files);
    const { rules } = inEffect;
    const entry = registry.tools.get("t");
    change(played);
    const refused = await reloader.reload("test");
    assert(!refused.ok);
    assert.match(refused.diagnostics[0]!.message, /unknown key|nonsense|unrecogni/i);
    assert.deepEqual([inEffect.setup, inEffect.rules, registry.tools.get("t")], [setup, rules, entry]);
    assert.equal(registry.tools.get("t"), entry);
    played.put(CONFIG, `${numbered(78)}tools: { dirs: [/etc/tools] }\n`);
    played.put("/etc/tools/t.yaml", manifestText("t", "/opt/t"));
    assert.equal((await reloader.reload("test")).ok, true);
    assert.equal(inEffect.setup.config.limits.memory_mb, 78);
  });
}

Deno.test("reloader: one after the other, and what is wished for meanwhile is done once, for all", async () => {
  const { played, reloader, applied } = start();
  const gate = Promise.withResolvers<void>();
  played.put(CONFIG, numbered(101));
  played.gate = gate.promise;
  let reading = 0;
  played.onRead = () => void reading++;
  const first = reloader.reload("one");
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(reading, 1);
  played.put(CONFIG, numbered(102));
  const rest = ["two", "three", "four"].map((reason) => reloader.reload(reason));
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(reading, 1, "the second begins when the first has ended");
  gate.resolve();
  await first;
  const answers = await Promise.all(rest);
  // The first had asked for the file before it was changed for the second time, and was answered after.
  assert.equal(reading, 2);
  assert.deepEqual(applied.map(({ memoryMb }) => memoryMb), [102, 102]);
  assert(answers.every((answer) => answer === answers[0]));
});

Deno.test("reloader: begins by watching what was read, and by taking over what has changed since", async () => {
  const { played, reloader, inEffect } = start({ [CONFIG]: numbered(100) });
  played.put(CONFIG, numbered(101));
  await reloader.begin();
  assert.equal(inEffect.setup.config.limits.memory_mb, 101);
  assert(played.watched.files.includes(CONFIG) && played.watched.files.includes(CURL));
});

Deno.test("reloader: a changed file has it read again; a changed program has nothing read, and no rules replaced", async () => {
  const { played, reloader, applied, inEffect } = start();
  await reloader.begin();
  played.read.length = 0;
  applied.length = 0;
  const { rules } = inEffect;
  played.tell(CURL, "/usr/bin");
  await settled(() => applied.length === 1);
  assert.deepEqual([played.read, applied[0]!.changed], [[], ["/usr/bin", CURL]]);
  assert.equal(inEffect.rules, rules);
  played.put(CONFIG, numbered(77));
  played.tell(CONFIG);
  await settled(() => applied.length === 2);
  assert.deepEqual([played.read, applied[1]], [[CONFIG], { memoryMb: 77, changed: [CONFIG] }]);
});

Deno.test("reloader: who asks for a reload while one for a program alone is to come has the files read", async () => {
  const { played, reloader, inEffect } = start();
  await reloader.begin();
  played.put(CONFIG, numbered(77));
  played.tell(CURL);
  const joined = reloader.reload("SIGHUP");
  played.tell("/usr/bin");
  assert.equal((await joined).ok, true);
  assert.equal(inEffect.setup.config.limits.memory_mb, 77);
});

Deno.test("reloader: a program is followed though the configuration has a mistake", async () => {
  const { played, reloader, applied, registry } = start();
  await reloader.begin();
  applied.length = 0;
  played.put(CONFIG, `${numbered(77)}nonsense: 1`);
  played.put(CURL, null);
  played.tell(CONFIG, CURL);
  await settled(() => applied.length === 1);
  assert.deepEqual(applied, [{ memoryMb: 512, changed: [CONFIG, CURL] }]);
  assert.equal(isOffered(registry.tools.get("curl")!), false);
});

Deno.test("reloader: of a change that could not be taken over the next reload still knows, and none after it", async () => {
  const { played, reloader, applied } = start();
  await reloader.begin();
  applied.length = 0;
  played.death = "it died";
  played.tell(CURL);
  assert.equal((await reloader.reload("SIGHUP")).ok, false);
  assert.deepEqual(applied, []);
  played.death = null;
  assert.equal((await reloader.reload("SIGHUP")).ok, true);
  assert.equal((await reloader.reload("SIGHUP")).ok, true);
  assert.deepEqual(applied.map(({ changed }) => changed), [[CURL], []]);
});

Deno.test("reloader: nobody to look at files is said, changes nothing and ends nothing", async () => {
  const { played, reloader, applied, inEffect, setup } = start();
  played.death = "it died";
  await reloader.begin();
  const refused = await reloader.reload("SIGHUP");
  assert(!refused.ok);
  assert.match(refused.diagnostics[0]!.message, /it died/);
  assert.deepEqual([applied, inEffect.setup], [[], setup]);
});

Deno.test("reloader: what throws while it takes effect is said, and the next reload is made all the same", async () => {
  const { played, engine, setup, applied } = start();
  let fails = true;
  const apply = (...args: Parameters<typeof engine.apply>) => {
    if (fails) throw new Error("a bug");
    engine.apply(...args);
  };
  const reloader = new Reloader({ ...engine, found: engine.found, apply }, played, () => {});
  const refused = await reloader.reload("test");
  assert(!refused.ok);
  assert.equal(refused.diagnostics[0]!.message, "a bug");
  assert.equal(engine.inEffect.setup, setup);
  fails = false;
  assert.equal((await reloader.reload("test")).ok, true);
  assert.equal(applied.length, 1);
});

Deno.test("reloader: what is watched follows what is in effect, as far as it may be read", async () => {
  const files = {
    [CONFIG]: "tools: { dirs: [/etc/tools] }\n",
    "/etc/tools/t.yaml": manifestText("t", "/opt/t"),
  };
  const { played, reloader } = start(files);
  await reloader.begin();
  assert(played.watched.files.includes("/opt/t"));
  assert.deepEqual(played.watched.folders, ["/etc/tools"]);
  played.put("/etc/tools/t.yaml", manifestText("t", "/elsewhere/t"));
  await reloader.reload("test");
  assert(!played.watched.files.includes("/opt/t"));
  assert(!played.watched.files.includes("/elsewhere/t"), "that would have the whole watch refused");
  assert(played.watched.files.includes(CONFIG));
});

Deno.test("reloader: too much to watch leaves out programs, and no configuration", async () => {
  const helpers = (number: number) =>
    Array.from({ length: 30 }, (_, index) => `/opt/h${number}x${index}`).join(", ");
  const manifests = Array.from({ length: 40 }, (_, number) => [
    `/etc/tools/t${number}.yaml`,
    manifestText(`t${number}`, "/opt/t", `helpers: [${helpers(number)}]\n`),
  ]);
  const { played, reloader } = start({
    [CONFIG]: "tools: { dirs: [/etc/tools] }\n",
    "/opt/t": STATIC_PROGRAM,
    ...Object.fromEntries(manifests),
  });
  await reloader.begin();
  const { files, folders } = played.watched;
  assert.deepEqual([files.length, folders, files.includes(CONFIG)], [MAX_WATCHED, ["/etc/tools"], true]);
});

for (const named of ["/usr/bin/../../etc/shadow", "/usr/bin/../nowhere", "/secret/sh"]) {
  Deno.test(`reloader: a script of ${named}, which may not be looked at, is one tool less and no more`, async () => {
    const { played, reloader, registry, inEffect } = start();
    // As the scribe does with what is in no list.
    const look = played.look.bind(played);
    played.look = (path, headBytes) => {
      assert(
        /^\/(?:usr\/bin|usr\/local\/bin|opt|etc\/bulkhead)\b(?!.*\.\.)/.test(path),
        `${path} was asked about`,
      );
      return look(path, headBytes);
    };
    played.put(CURL, script(named));
    played.put(CONFIG, numbered(77));
    assert.equal((await reloader.reload("test")).ok, true);
    const { availability } = registry.tools.get("curl")!;
    assert(!availability.available);
    assert.match(availability.reason, /is not granted/);
    assert.equal(inEffect.setup.config.limits.memory_mb, 77);
  });
}

Deno.test("reloader: a program that comes, and one that goes", async () => {
  const { played, reloader, registry } = start({ [CURL]: { ...STATIC_PROGRAM, mode: 0o777 } });
  await reloader.begin();
  const offered = () => isOffered(registry.tools.get("curl")!);
  assert.equal(offered(), false, "others may write to it");
  for (const [file, expected] of [[STATIC_PROGRAM, true], [null, false], [STATIC_PROGRAM, true]] as const) {
    played.put(CURL, file);
    played.tell(CURL);
    await settled(() => offered() === expected);
  }
});

Deno.test("reloader: names that are allowed by a reload get their resolver, and lose it", async () => {
  const none = "security: { allowed_targets: [10.0.0.0/8] }";
  const { played, reloader, engine } = start({ [CONFIG]: none });
  const resolver = () => engine.found.resolver.program?.program;
  assert.equal(resolver(), undefined);
  for (const [config, expected] of [["", GETENT], [none, undefined]] as const) {
    played.put(CONFIG, config);
    await reloader.reload("test");
    assert.equal(resolver(), expected);
    assert.equal(played.watched.files.includes(GETENT), expected !== undefined);
  }
});

/** Waits for what a change brings: a few turns, nothing here takes time. */
async function settled(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1000 && !holds(); turn++) await new Promise((resolve) => setTimeout(resolve));
  assert(holds(), "in vain waited for what a change is to bring");
}
