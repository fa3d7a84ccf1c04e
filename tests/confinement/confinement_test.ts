/** Which tier is taken, and for whose fault it is not. */
import assert from "node:assert/strict";
import { Confinement, type ConfinementOptions, NotConfined } from "../../src/confinement/confinement.ts";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import { systemClock } from "../../src/core/clock.ts";

const SOURCES = decodeURIComponent(new URL("../../src/", import.meta.url).pathname);
const PROGRAM = "/bin/true";
const TOOL = {
  name: "probe",
  program: PROGRAM,
  executables: [PROGRAM, "/lib64/ld-linux-x86-64.so.2"].flatMap((path) => realPath(path)),
  capabilities: [],
};

function realPath(path: string): string[] {
  try {
    return [Deno.realPathSync(path)];
  } catch {
    return [];
  }
}

const OPTIONS = {
  tier: "auto",
  tools: [TOOL],
  programs: [PROGRAM],
  readable: [],
  uid: Deno.uid(),
  logFile: null,
  wordListFolders: [],
  libc: LIBC_PATHS,
  sources: SOURCES,
  clock: systemClock,
} as const;

/** Starts confinement in a folder of the test's own, and ends it. */
async function withConfinement(
  changes: Partial<ConfinementOptions>,
  test: (confinement: Confinement) => Promise<void>,
): Promise<void> {
  const stateFolder = Deno.realPathSync(Deno.makeTempDirSync());
  const confinement = new Confinement({ ...OPTIONS, stateFolder, ...changes });
  try {
    await test(confinement);
  } finally {
    await confinement.close();
    Deno.removeSync(stateFolder, { recursive: true });
  }
}

// Workers that end take descriptors with them that the test's books do not know.
const options = { ignore: Deno.build.os !== "linux", sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "confinement: auto is the kernel's where it is to be had",
  options,
  () =>
    withConfinement({}, async (confinement) => {
      const { tier, kernel, fallback } = await confinement.decided;
      assert.deepEqual([tier, fallback], ["kernel", null]);
      assert.ok(kernel !== null);
      assert.equal(confinement.tools.get("probe")!.death, null);
    }),
);

Deno.test(
  "confinement: a tool that cannot be confined by its own fault is not available, rather than run with less",
  options,
  () =>
    withConfinement({ tools: [{ ...TOOL, executables: ["/nonexistent/helper"] }] }, async (confinement) => {
      const { tier, fallback } = await confinement.decided;
      assert.deepEqual([tier, fallback], ["kernel", null]);
      assert.match(confinement.tools.get("probe")!.death ?? "", /Landlock: .*\/nonexistent\/helper/);
    }),
);

Deno.test(
  "confinement: basic is taken when it is asked for, or when the machine has no more",
  options,
  async () => {
    await withConfinement({ tier: "basic" }, async (confinement) => {
      assert.deepEqual(await confinement.decided, { tier: "basic", kernel: null, fallback: null });
    });
    // Without the right to load any library.
    await withConfinement({ libc: [] }, async (confinement) => {
      const { tier, fallback } = await confinement.decided;
      assert.equal(tier, "basic");
      assert.match(fallback ?? "", /no glibc/);
      assert.equal(confinement.tools.get("probe")!.death, null);
    });
  },
);

Deno.test(
  "confinement: a tier that was asked for and is not to be had is refused with the reason",
  options,
  () =>
    withConfinement({ tier: "kernel", libc: [] }, async (confinement) => {
      await assert.rejects(
        confinement.decided,
        (error) =>
          error instanceof NotConfined &&
          /the tier kernel is not to be had here: no glibc/.test(error.message),
      );
    }),
);

Deno.test(
  "confinement: it stands from the decision to the end",
  options,
  () =>
    withConfinement({}, async (confinement) => {
      assert.equal(confinement.stands, false);
      await confinement.decided;
      assert.deepEqual([confinement.stands, confinement.heartbeat.death], [true, null]);
      const closed = confinement.close();
      assert.equal(confinement.stands, false);
      await closed;
    }),
);

Deno.test(
  "confinement: without its scribe it does not stand",
  options,
  () =>
    withConfinement({}, async (confinement) => {
      await confinement.decided;
      await confinement.scribe.close();
      assert.equal(confinement.stands, false);
    }),
);

Deno.test("confinement: a state folder that is not ours is refused", options, async () => {
  const folder = Deno.makeTempDirSync();
  Deno.chmodSync(folder, 0o777);
  await withConfinement({ stateFolder: folder }, async (confinement) => {
    await assert.rejects(confinement.decided, NotConfined);
  });
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("confinement: without knowing who we are, no state folder is taken for ours", options, () => {
  assert.throws(
    () => new Confinement({ ...OPTIONS, stateFolder: "/nonexistent/state", uid: null }),
    (error) =>
      error instanceof NotConfined && /own user cannot be told.*bulkhead permissions/.test(error.message),
  );
});

Deno.test(
  "confinement: whoever wants to know is told of a tool that dies later, and by then it is dead",
  options,
  async () => {
    const died = Promise.withResolvers<string>();
    let confinement: Confinement | null = null;
    const onDeath = (tool: string) => {
      // It is told of the compartment before, too, which is closed.
      const death = confinement?.tools.get(tool)?.death ?? null;
      if (death !== null) died.resolve(`${tool}: ${death}`);
    };
    await withConfinement({ onDeath }, async (started) => {
      confinement = started;
      await started.decided;
      started.confine({ ...TOOL, executables: ["/nonexistent/helper"] });
      assert.match(await died.promise, /^probe: .*Landlock: .*\/nonexistent\/helper/);
    });
  },
);

Deno.test("confinement: a tool that cannot be had at all is told as dead, too", options, async () => {
  const died = Promise.withResolvers<string>();
  await withConfinement({ onDeath: died.resolve }, async (confinement) => {
    const late = confinement.confine({ ...TOOL, name: "late", program: "/usr/bin/never-granted" });
    assert.equal(await died.promise, "late");
    assert.match(late.death ?? "", /was not among those that the server was started with/);
  });
});
