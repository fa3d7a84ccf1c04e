import assert from "node:assert/strict";
import fc from "fast-check";
import { type FileMarks, WatchedFiles } from "../../../src/confinement/state/watched_files.ts";

const MARKS: FileMarks = { ino: 1, size: 10, mtime: new Date(1000), mode: 0o100644, uid: 0, gid: 0 };

/** A world of files by path; what is not in it is not there, and null fails. */
function play() {
  const files = new Map<string, FileMarks | null>();
  const lists = new Map<string, readonly string[] | null>();
  const failing = (): never => {
    throw new Deno.errors.PermissionDenied("no");
  };
  const watched = new WatchedFiles({
    stat: (path) => files.get(path) === null ? failing() : files.get(path) ?? null,
    list: (path) => lists.get(path) === null ? failing() : lists.get(path) ?? null,
  });
  return {
    files,
    lists,
    watch: (paths: readonly string[], folders: readonly string[] = []) => {
      for (const _ of watched.watch({ files: paths, folders })); // each look is taken as it goes
    },
    look: () => [...watched.look()].filter((path) => path !== null),
  };
}

Deno.test("watched files: a change is told in the second look that sees it, once", () => {
  const { files, watch, look } = play();
  files.set("/a", MARKS);
  watch(["/a", "/b"]);
  assert.deepEqual([look(), look()], [[], []]);
  files.set("/a", { ...MARKS, size: 11 });
  assert.deepEqual([look(), look(), look(), look()], [[], ["/a"], [], []]);
});

Deno.test("watched files: what goes on changing is told when it has come to rest; what changes back is not", () => {
  const { files, watch, look } = play();
  files.set("/a", MARKS);
  watch(["/a"]);
  for (let size = 11; size < 20; size++) {
    files.set("/a", { ...MARKS, size });
    assert.deepEqual(look(), []);
  }
  assert.deepEqual([look(), look()], [["/a"], []]);
  files.set("/a", MARKS);
  assert.deepEqual(look(), []);
  files.set("/a", { ...MARKS, size: 19 });
  assert.deepEqual([look(), look(), look()], [[], [], []]);
  for (const marks of [MARKS, { ...MARKS, size: 19 }, MARKS]) {
    files.set("/a", marks);
    assert.deepEqual(look(), []);
  }
  assert.deepEqual(look(), ["/a"]);
});

const OTHER: Readonly<Record<string, FileMarks | null | undefined>> = {
  "another file": { ...MARKS, ino: 2 },
  "its size": { ...MARKS, size: 11 },
  "its time": { ...MARKS, mtime: new Date(1001) },
  "its mode": { ...MARKS, mode: 0o100755 },
  "its absence": undefined,
  "an error": null,
};

for (const [what, other] of Object.entries(OTHER)) {
  Deno.test(`watched files: ${what} is a change, and so is the way back`, () => {
    const { files, watch, look } = play();
    const set = (marks: FileMarks | null | undefined) => {
      if (marks === undefined) files.delete("/a");
      else files.set("/a", marks);
    };
    set(MARKS);
    watch(["/a"]);
    set(other);
    assert.deepEqual([look(), look()], [[], ["/a"]]);
    set(MARKS);
    assert.deepEqual([look(), look()], [[], ["/a"]]);
  });
}

const OTHER_WRITERS: Readonly<Record<string, FileMarks>> = {
  "another owner": { ...MARKS, uid: 1 },
  "another group": { ...MARKS, gid: 1 },
  "its group": { ...MARKS, mode: 0o100664 },
  "everyone": { ...MARKS, mode: 0o100646 },
};

for (const [who, other] of Object.entries(OTHER_WRITERS)) {
  Deno.test(`watched files: that ${who} may write is told at once, though it does not come to rest`, () => {
    const { files, watch, look } = play();
    files.set("/a", MARKS);
    watch(["/a"]);
    let size = 11;
    files.set("/a", { ...other, size });
    assert.deepEqual(look(), ["/a"]);
    while (size++ < 20) {
      files.set("/a", { ...other, size });
      assert.deepEqual(look(), []);
    }
    assert.deepEqual([look(), look()], [["/a"], []]);
    files.set("/a", { ...MARKS, size });
    assert.deepEqual([look(), look()], [["/a"], []]);
  });
}

Deno.test("watched files: a folder changes with the files in it, and with who may do what there", () => {
  const { files, lists, watch, look } = play();
  const change = (act: () => void, expected = ["/f"]) => {
    act();
    assert.deepEqual([look(), look()], [[], expected]);
  };
  watch([], ["/f"]);
  change(() => {
    files.set("/f", MARKS);
    lists.set("/f", []);
  });
  change(() => lists.set("/f", ["b", "a"]));
  change(() => files.set("/f/a", MARKS));
  change(() => files.set("/f/a", { ...MARKS, size: 1 }));
  files.set("/f", { ...MARKS, mode: 0o777 });
  assert.deepEqual([look(), look()], [["/f"], []]);
  change(() => lists.set("/f", null));
  change(() => lists.set("/f", ["a", "b"]));
  // The order of the names, and when a name came or went, say nothing.
  change(() => lists.set("/f", ["b", "a"]), []);
  change(() => files.set("/f", { ...MARKS, mode: 0o777, size: 99, mtime: new Date(5) }), []);
});

Deno.test("watched files: two folders whose files are told by other names are not the same", () => {
  const { files, lists, watch, look } = play();
  files.set("/f", MARKS);
  lists.set("/f", ["a"]);
  files.set("/f/a", MARKS);
  files.set("/f/b", MARKS);
  watch([], ["/f"]);
  lists.set("/f", ["b"]);
  assert.deepEqual([look(), look()], [[], ["/f"]]);
});

Deno.test("watched files: what stays watched is measured by what was known, what is new by its first look", () => {
  const { files, watch, look } = play();
  files.set("/a", MARKS).set("/b", MARKS);
  watch(["/a"]);
  files.set("/a", { ...MARKS, size: 11 }).set("/b", { ...MARKS, size: 11 });
  watch(["/a", "/b", "/a"]);
  assert.deepEqual([look(), look()], [[], ["/a"]]);
  watch(["/b"]);
  files.set("/a", MARKS);
  assert.deepEqual([look(), look()], [[], []]);
  watch([]);
  files.set("/b", MARKS);
  assert.deepEqual([look(), look()], [[], []]);
});

Deno.test("watched files: as a naive reading of the rule has it, whatever happens when", () => {
  const paths = ["/a", "/b"];
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ path: fc.constantFrom(...paths), size: fc.integer({ min: 0, max: 1 }) }),
    },
    { weight: 5, arbitrary: fc.constant("look" as const) },
    { weight: 1, arbitrary: fc.subarray(paths) },
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { files, watch, look } = play();
    watch(paths);
    /** Everything that was seen of each path since it is watched, and what was told last. */
    const seen = new Map<string, { readonly sizes: number[]; told: number }>(
      paths.map((path) => [path, { sizes: [-1], told: -1 }]),
    );
    const now = (path: string) => files.get(path)?.size ?? -1;
    for (const step of steps) {
      if (step === "look") {
        const expected = [...seen].filter(([path, { sizes, told }]) => {
          sizes.push(now(path));
          return sizes.at(-1) === sizes.at(-2) && sizes.at(-1) !== told;
        }).map(([path]) => path);
        for (const path of expected) seen.get(path)!.told = now(path);
        assert.deepEqual(look().toSorted(), expected.toSorted());
      } else if (Array.isArray(step)) {
        watch(step);
        for (const path of seen.keys()) if (!step.includes(path)) seen.delete(path);
        for (const path of step) if (!seen.has(path)) seen.set(path, { sizes: [now(path)], told: now(path) });
      } else {
        files.set(step.path, { ...MARKS, size: step.size });
      }
    }
  }));
});

Deno.test("watched files: each path is a step of its own, so that others can have their turn", () => {
  let stats = 0;
  const watched = new WatchedFiles({ stat: () => (stats++, MARKS), list: () => [] });
  const steps: number[] = [];
  for (const _ of watched.watch({ files: ["/a", "/b"], folders: ["/f"] })) steps.push(stats);
  for (const _ of watched.look()) steps.push(stats);
  assert.deepEqual(steps, [1, 2, 3, 4, 5, 6]);
});
