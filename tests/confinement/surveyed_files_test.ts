import assert from "node:assert/strict";
import fc from "fast-check";
import { findProgram } from "../../src/catalog/program.ts";
import { executableFiles } from "../../src/confinement/executable_files.ts";
import { type FileLook, MAX_HEAD_BYTES } from "../../src/confinement/file_look.ts";
import { lookAt } from "../../src/confinement/state/file_reader.ts";
import { survey, type SurveyedFiles } from "../../src/confinement/surveyed_files.ts";

const NONE: FileLook = {
  stat: { ok: true, value: null },
  realPath: { ok: false, name: "NotFound", message: "no such file" },
  head: { ok: false, name: "NotFound", message: "no such file" },
};

/** Somebody who looks at files that are played, and notes for what they are asked: by rounds. */
function play(files: Readonly<Record<string, FileLook>>) {
  const asked: string[][] = [];
  let isNewRound = true;
  return {
    asked,
    look: async (path: string, headBytes: number): Promise<FileLook> => {
      if (isNewRound) asked.push([]);
      isNewRound = false;
      asked.at(-1)!.push(headBytes === 0 ? path : `${path} ${headBytes}`);
      await new Promise((resolve) => setTimeout(resolve));
      isNewRound = true;
      return files[path] ?? NONE;
    },
  };
}

function fileOf(mode: number, text = "", realPath = ""): FileLook {
  return {
    stat: { ok: true, value: { isFile: text !== "", mode, uid: 0, gid: 0 } },
    realPath: { ok: true, value: realPath },
    head: { ok: true, value: new TextEncoder().encode(text) },
  };
}

const self = { uid: 1000, gid: 1000 };

Deno.test("survey: a program is looked for in all its places at once, and then where it turned out to be", async () => {
  const { asked, look } = play({
    "/sbin/probe": fileOf(0o755, "x", "/opt/probe"),
    "/sbin": fileOf(0o755),
    "/opt": fileOf(0o755),
  });
  const found = await survey((files) => findProgram("probe", undefined, files, self), look);
  assert.deepEqual(found, { status: "found", path: "/sbin/probe" });
  assert.deepEqual(asked.map(({ length }) => length), [7, 2]);
  assert.deepEqual(asked[1], ["/sbin", "/opt"]);
});

Deno.test("survey: each path is asked for once, and again only for more of its beginning", async () => {
  const { asked, look } = play({ "/a": fileOf(0o755, "0123456789", "/a") });
  const text = await survey((files) => {
    files.stat("/a");
    const short = files.readHead(files.realPath("/a"), 2);
    return [short, files.readHead("/a", 5), files.readHead("/a", 2)].map((bytes) =>
      new TextDecoder().decode(bytes)
    );
  }, look);
  // What was read holds more than is asked for in the end.
  assert.deepEqual(text, ["01", "01234", "01"]);
  assert.deepEqual(asked, [["/a"], ["/a 2"], ["/a 5"]]);
});

Deno.test("survey: what the work makes of what it has not learnt yet does not count", async () => {
  const { look } = play({ "/a": fileOf(0o755, "x", "/real") });
  const seen: unknown[] = [];
  const result = await survey((files) => {
    try {
      const real = files.realPath("/a");
      seen.push(real);
      return real;
    } catch {
      return "swallowed";
    }
  }, look);
  assert.deepEqual([result, seen], ["/real", ["/real"]]);
});

Deno.test("survey: errors come as the kind that they were, and so does whatever the work throws", async () => {
  const failing = (name: "PermissionDenied" | "NotCapable" | "Error"): FileLook => ({
    stat: { ok: false, name, message: `${name}!` },
    realPath: { ok: false, name, message: `${name}!` },
    head: { ok: false, name, message: `${name}!` },
  });
  for (const name of ["PermissionDenied", "NotCapable", "Error"] as const) {
    const { look } = play({ "/a": failing(name) });
    const Kind = name === "Error" ? Error : Deno.errors[name];
    for (
      const work of [
        (files: SurveyedFiles) => files.stat("/a"),
        (files: SurveyedFiles) => files.realPath("/a"),
        (files: SurveyedFiles) => files.readHead("/a", 1),
      ]
    ) {
      await assert.rejects(
        survey<unknown>(work, look),
        (error) => error instanceof Kind && error.message === `${name}!`,
      );
    }
  }
  await assert.rejects(
    survey(() => {
      throw new RangeError("a bug");
    }, play({}).look),
    RangeError,
  );
});

Deno.test("survey: who cannot look is not asked again; work without an end is given up", async () => {
  let looks = 0;
  const gone = () => {
    looks++;
    return Promise.reject(new Error("the scribe is gone"));
  };
  await assert.rejects(survey((files) => files.stat("/a"), gone), /the scribe is gone/);
  assert.equal(looks, 1);
  let next = 0;
  await assert.rejects(
    survey((files) => files.stat(`/${next++}`), () => Promise.resolve(NONE)),
    /still files to be looked at after 256 rounds/,
  );
});

/** Reads as the server does it while it still may. */
const atOnce: SurveyedFiles = {
  stat(path) {
    const { stat } = lookAt(path, 0);
    if (!stat.ok) throw new Error(stat.message);
    return stat.value;
  },
  realPath: (path) => Deno.realPathSync(path),
  readHead: (path, bytes) => Deno.readFileSync(path).subarray(0, bytes),
};

Deno.test("survey: of real programs it finds what reading at once finds", async () => {
  const look = (path: string, headBytes: number) => Promise.resolve(lookAt(path, headBytes));
  const identity = { uid: Deno.uid(), gid: Deno.gid() };
  for (const path of ["/usr/bin/curl", "/bin/sh", "/usr/bin/ldd", "/usr/bin/nothing at all"]) {
    const executed = (files: SurveyedFiles) => executableFiles([path, "/usr/bin/env"], files);
    const [surveyed, direct] = [await survey(executed, look), executed(atOnce)];
    assert.deepEqual(surveyed.ok ? surveyed : surveyed.ok, direct.ok ? direct : direct.ok, path);
    assert.equal(surveyed.ok, path !== "/usr/bin/nothing at all");
    const found = (files: SurveyedFiles) => findProgram(path, undefined, files, identity);
    assert.deepEqual(await survey(found, look), found(atOnce));
  }
});

Deno.test("survey: no more of a file is asked for than the scribe gives", async () => {
  let most = 0;
  await survey((files) => executableFiles(["/bin/sh"], files), (path, headBytes) => {
    most = Math.max(most, headBytes);
    return Promise.resolve(lookAt(path, headBytes));
  });
  assert.equal(most, MAX_HEAD_BYTES);
});

Deno.test("survey: whatever the links and scripts, it comes to what reading at once comes to", async () => {
  const paths = ["/a", "/b", "/c", "/d"];
  const content = fc.oneof(
    fc.constantFrom(...paths).map((path) => `#!${path}\n`),
    fc.constant("\x7fELF"),
    fc.constant("?"),
  );
  const file = fc.record({ content, real: fc.option(fc.constantFrom(...paths), { nil: undefined }) });
  await fc.assert(fc.asyncProperty(fc.dictionary(fc.constantFrom(...paths), file), async (world) => {
    const lookOf = (path: string): FileLook => {
      const there = world[path];
      return there === undefined ? NONE : fileOf(0o755, there.content, there.real ?? path);
    };
    const direct: SurveyedFiles = {
      stat: () => null,
      realPath(path) {
        const { realPath } = lookOf(path);
        if (!realPath.ok) throw new Deno.errors.NotFound(realPath.message);
        return realPath.value;
      },
      readHead(path) {
        const { head } = lookOf(path);
        if (!head.ok) throw new Deno.errors.NotFound(head.message);
        return head.value;
      },
    };
    const work = (files: SurveyedFiles) => executableFiles(["/a", "/c"], files);
    assert.deepEqual(await survey(work, (path) => Promise.resolve(lookOf(path))), work(direct));
  }));
});
