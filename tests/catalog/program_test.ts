import assert from "node:assert/strict";
import {
  type FileFacts,
  findProgram,
  type Identity,
  PROGRAM_FOLDERS,
  programCandidates,
  type ProgramFiles,
} from "../../src/catalog/program.ts";

const ROOT = { mode: 0o755, uid: 0, gid: 0 };
const SELF: Identity = { uid: 1000, gid: 1000 };

type Entry = Partial<Omit<FileFacts, "isFile">> & { readonly folder?: true; readonly link?: string };

/** A file system with these entries; a path that is missing is an error only where `forbidden` holds it. */
function fileSystem(entries: Readonly<Record<string, Entry>>, forbidden: readonly string[] = []) {
  const asked: string[] = [];
  const follow = (path: string): string => {
    const link = entries[path]?.link;
    return link === undefined ? path : follow(link);
  };
  const files: ProgramFiles = {
    stat(path) {
      asked.push(path);
      if (forbidden.includes(path)) throw new Error("not permitted");
      const entry = entries[follow(path)];
      return entry === undefined ? null : { ...ROOT, ...entry, isFile: entry.folder !== true };
    },
    realPath(path) {
      if (forbidden.includes(follow(path))) throw new Error("not permitted");
      return follow(path);
    },
  };
  return { files, asked };
}

const folders = Object.fromEntries(PROGRAM_FOLDERS.map((path) => [path, { folder: true } as const]));

function search(entries: Readonly<Record<string, Entry>>, command = "tool", self = SELF) {
  return findProgram(command, undefined, fileSystem({ ...folders, ...entries }).files, self);
}

Deno.test("program: a name is looked for in the fixed folders, in their order, never through PATH", () => {
  const { files, asked } = fileSystem(folders);
  assert.equal(findProgram("tool", undefined, files, SELF).status, "missing");
  assert.deepEqual(asked, [
    "/usr/bin/tool",
    "/usr/sbin/tool",
    "/bin/tool",
    "/sbin/tool",
    "/usr/local/bin/tool",
    "/usr/local/sbin/tool",
    "/opt/homebrew/bin/tool",
  ]);
  assert.deepEqual(asked, programCandidates("tool"));
});

Deno.test("program: the first folder that has it is taken", () => {
  assert.deepEqual(search({ "/usr/local/bin/tool": {}, "/usr/sbin/tool": {} }), {
    status: "found",
    path: "/usr/sbin/tool",
  });
});

Deno.test("program: an absolute path is taken as it is, and no other is looked at", () => {
  const { files, asked } = fileSystem({ "/opt/x": { folder: true }, "/opt/x/tool": {}, "/usr/bin/tool": {} });
  assert.deepEqual(findProgram("/opt/x/tool", undefined, files, SELF), {
    status: "found",
    path: "/opt/x/tool",
  });
  assert.equal(asked.includes("/usr/bin/tool"), false);
});

Deno.test("program: a folder, and a file that nobody may execute, are no program", () => {
  const found = search({
    "/usr/bin/tool": { folder: true },
    "/usr/sbin/tool": { mode: 0o644 },
    "/bin/tool": { mode: 0o755 },
  });
  assert.deepEqual(found, { status: "found", path: "/bin/tool" });
});

Deno.test("program: the remedy of a missing one names its package, where that is known", () => {
  const { files } = fileSystem(folders);
  const missing = findProgram("tool", "tool-utils", files, SELF);
  assert(missing.status === "missing");
  assert.match(missing.reason, /^there is no program tool in \/usr\/bin, .*\/opt\/homebrew\/bin$/);
  assert.match(missing.remedy, /^Install the package tool-utils, or .*tools\.overrides\.$/);
  const absolute = findProgram("/opt/tool", undefined, files, SELF);
  assert(absolute.status === "missing");
  assert.equal(absolute.reason, "there is no program /opt/tool");
});

Deno.test("program: what may not be looked at is told so, and not passed over for a later folder", () => {
  const { files } = fileSystem({ ...folders, "/bin/tool": {} }, ["/usr/bin/tool"]);
  const found = findProgram("tool", undefined, files, SELF);
  assert(found.status === "unreadable");
  assert.equal(found.reason, "/usr/bin/tool may not be looked at: not permitted");
  assert.match(found.remedy, /bulkhead permissions/);
});

Deno.test("program: what the system itself forbids has another remedy than a missing flag", () => {
  const { files } = fileSystem(folders);
  const closed = {
    ...files,
    stat: () => {
      throw new Deno.errors.PermissionDenied("closed");
    },
  };
  const found = findProgram("/opt/closed/tool", undefined, closed, SELF);
  assert(found.status === "unreadable");
  assert.match(found.remedy, /^Let the server's user search the folders above it/);
});

Deno.test("program: one that only another user may execute is told so", () => {
  for (const mode of [0o700, 0o744, 0o4700]) {
    const found = search({ "/usr/bin/tool": { mode } });
    assert(found.status === "unreadable", mode.toString(8));
    assert.match(found.remedy, /^Make it readable and executable for the server's user/);
    for (const uid of [0, null]) {
      assert.equal(search({ "/usr/bin/tool": { mode } }, "tool", { uid, gid: 1000 }).status, "found");
    }
    assert.equal(search({ "/usr/bin/tool": { mode, uid: 1000 } }).status, "found");
  }
  // A group may be one of ours: that is not known here.
  for (const mode of [0o750, 0o711]) assert.equal(search({ "/usr/bin/tool": { mode } }).status, "found");
});

Deno.test("program: a file that is there and not executable is not called missing", () => {
  const found = search({ "/usr/sbin/tool": { mode: 0o644 }, "/bin/tool": { mode: 0o600 } });
  assert(found.status === "missing");
  assert.equal(found.reason, "/usr/sbin/tool is there, but it is not executable");
  assert.match(found.remedy, /^Make it executable/);
});

Deno.test("program: a folder behind a link that may not be looked at is told so", () => {
  const { files } = fileSystem({ ...folders, "/usr/bin/tool": { link: "/opt/t/tool" }, "/opt/t/tool": {} }, [
    "/opt/t",
  ]);
  assert.equal(findProgram("tool", undefined, files, SELF).status, "unreadable");
});

/** Owners and modes: whether somebody other than root and the server's own user could replace the program. */
const OWNERS: readonly (readonly [string, Entry, boolean])[] = [
  ["root's, 755", {}, true],
  ["root's, 777", { mode: 0o777 }, false],
  ["root's, 757", { mode: 0o757 }, false],
  ["root's, 775, root's group", { mode: 0o775 }, true],
  ["root's, 775, our group", { mode: 0o775, gid: 1000 }, true],
  ["root's, 775, another group", { mode: 0o775, gid: 50 }, false],
  ["root's, 755, another group", { mode: 0o755, gid: 50 }, true],
  ["ours, 755", { uid: 1000, gid: 1000 }, true],
  ["ours, 775", { mode: 0o775, uid: 1000, gid: 1000 }, true],
  ["ours, 775, another group", { mode: 0o775, uid: 1000, gid: 50 }, false],
  ["another user's, 755", { uid: 1001, gid: 1001 }, false],
  ["another user's, 555: the owner may change the mode", { mode: 0o555, uid: 1001 }, false],
  ["sticky and open to all", { mode: 0o1777 }, false],
  ["without a mode", { mode: null }, false],
  ["without an owner", { uid: null }, false],
  ["without a group", { gid: null }, false],
];

for (const [name, facts, safe] of OWNERS) {
  Deno.test(`program: a file that is ${name} is ${safe ? "taken" : "refused"}`, () => {
    assert.equal(search({ "/usr/bin/tool": facts }).status, safe ? "found" : "unsafe");
  });

  Deno.test(`program: a folder that is ${name} is ${safe ? "taken" : "refused"}`, () => {
    const found = search({ "/usr/bin": { folder: true, ...facts }, "/usr/bin/tool": {} });
    assert.equal(found.status, safe ? "found" : "unsafe");
  });
}

Deno.test("program: a link into a folder that others may write to is refused", () => {
  const found = search({
    "/usr/bin/tool": { link: "/home/eve/tool" },
    "/home/eve/tool": {},
    "/home/eve": { folder: true, uid: 1001, gid: 1001 },
  });
  assert(found.status === "unsafe");
  assert.equal(
    found.reason,
    "the folder /home/eve may be written by other users, so the program could be replaced",
  );
});

Deno.test("program: a link into a safe folder keeps the path that was asked for", () => {
  const found = search({
    "/usr/bin/tool": { link: "/etc/alternatives/tool" },
    "/etc/alternatives/tool": { link: "/usr/lib/t/tool" },
    "/usr/lib/t/tool": {},
    "/usr/lib/t": { folder: true },
  });
  assert.deepEqual(found, { status: "found", path: "/usr/bin/tool" });
});

Deno.test("program: an unsafe one is not passed over for a safe one in a later folder", () => {
  assert.equal(search({ "/usr/bin/tool": { mode: 0o777 }, "/bin/tool": {} }).status, "unsafe");
});

Deno.test("program: without an identity of our own only root's files are trusted", () => {
  const nobody = { uid: null, gid: null };
  assert.equal(search({ "/usr/bin/tool": {} }, "tool", nobody).status, "found");
  assert.equal(search({ "/usr/bin/tool": { uid: 1000 } }, "tool", nobody).status, "unsafe");
  assert.equal(search({ "/usr/bin/tool": { uid: null } }, "tool", nobody).status, "unsafe");
});
