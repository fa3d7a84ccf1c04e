import assert from "node:assert/strict";
import fc from "fast-check";
import {
  folderOf,
  isAboveWritePermissions,
  parseCgroupMounts,
  parseOwnGroup,
} from "../../../src/confinement/linux/cgroup_place.ts";

const MOUNT = "/sys/fs/cgroup";

/** A path as the kernel has them: no empty parts, none that climb, no newline. */
const part = fc.string({ minLength: 1, unit: fc.constantFrom(..."ab\\ \t-#:.é0134") })
  .filter((part) => !/^\.+$/.test(part));
const path = fc.array(part, { maxLength: 4 }).map((parts) => `/${parts.join("/")}`);

function escaped(path: string): string {
  return path.replaceAll(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}

Deno.test("cgroup place: reads mounts with any characters in their paths", () => {
  fc.assert(
    fc.property(path, path, fc.array(fc.constantFrom("shared:1", "master:2")), (root, point, tags) => {
      const optional = tags.map((tag) => `${tag} `).join("");
      const text = "23 30 0:22 / /sys rw shared:7 - sysfs sysfs rw\n" +
        `36 35 0:26 ${escaped(root)} ${escaped(point)} rw ${optional}- cgroup2 none rw\n` +
        "37 35 0:27 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n";
      assert.deepEqual(parseCgroupMounts(text), [{ root, mountPoint: point }]);
    }),
  );
});

Deno.test("cgroup place: takes any text without stumbling", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    parseOwnGroup(text);
    parseCgroupMounts(text);
    isAboveWritePermissions(text);
  }));
  assert.deepEqual(parseCgroupMounts("36 35 0:26 / /cgroup2 rw - tmpfs cgroup2 rw"), []);
  assert.deepEqual(parseCgroupMounts("36 35 0:26 / /mnt rw - cgroup2"), [{ root: "/", mountPoint: "/mnt" }]);
  assert.deepEqual(parseCgroupMounts("36 35 0:26 / - rw cgroup2 cgroup2"), []);
});

Deno.test("cgroup place: finds the own group among those of v1, as it stands there", () => {
  fc.assert(fc.property(path, (path) => {
    assert.equal(parseOwnGroup(`9:name=systemd:/0::/x\n3:pids:/\n0::${path}\n`), path);
  }));
  assert.equal(parseOwnGroup("3:pids:/\n"), null);
});

Deno.test("cgroup place: a group's folder is what the mount shows of it", () => {
  fc.assert(fc.property(path, path, path, (root, point, below) => {
    const joined = (a: string, b: string) => `${a === "/" ? "" : a}${b === "/" ? "" : b}` || "/";
    assert.equal(folderOf({ root, mountPoint: point }, joined(root, below)), joined(point, below));
  }));
  assert.equal(folderOf({ root: "/a", mountPoint: MOUNT }, "/ab"), null);
  assert.equal(folderOf({ root: "/a/b", mountPoint: MOUNT }, "/a"), null);
  assert.equal(folderOf({ root: "/../..", mountPoint: MOUNT }, "/"), null);
  assert.equal(folderOf({ root: "/", mountPoint: MOUNT }, "/../other"), null);
});

Deno.test("cgroup place: who is above permissions", () => {
  const status = (uid: string, caps: string) =>
    isAboveWritePermissions(`Uid:\t${uid}\t0\nCapEff:\t${caps}\n`);
  assert.equal(status("0\t1000\t0", "0000000000000000"), false);
  assert.equal(status("1000\t0\t1000", "0000000000000000"), true);
  assert.equal(status("1000\t1000\t1000", "0000000000000002"), true);
  assert.equal(status("1000\t1000\t1000", "000001fffffffffd"), false);
  assert.equal(isAboveWritePermissions(""), true);
});
