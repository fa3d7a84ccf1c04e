import assert from "node:assert/strict";
import type { Kernel } from "../../../src/confinement/linux/kernel.ts";
import { openKernel } from "../../../src/confinement/linux/kernel.ts";
import { readablePlaces } from "../../../src/confinement/linux/readable_places.ts";

const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const [EACCES, EINVAL] = [13, 22];

/** A kernel whose root folder has these entries; a name with an arrow is a symbolic link. */
function kernelWith(entries: readonly string[]): Kernel {
  const names = entries.map((entry) => entry.split("->")[0]!);
  let read = false;
  return {
    architecture: "x86_64",
    call(name, ...args) {
      if (name === "openat") return args[1] === "/" ? 3 : -EACCES;
      if (name === "close") return 0;
      if (name === "readlinkat") {
        const link = entries.find((entry) => entry.startsWith(`${(args[1] as string).slice(1)}->`));
        if (link === undefined) return -EINVAL;
        const target = new TextEncoder().encode(link.split("->")[1]!);
        (args[2] as Uint8Array).set(target);
        return target.length;
      }
      assert.equal(name, "getdents64");
      if (read) return 0;
      read = true;
      // struct linux_dirent64: 19 bytes, of which two at 16 are the length, the name and a NUL.
      let at = 0;
      for (const entry of names) {
        const buffer = args[1] as Uint8Array;
        const bytes = new TextEncoder().encode(`${entry}\0`);
        new DataView(buffer.buffer).setUint16(at + 16, 19 + bytes.length, true);
        buffer.set(bytes, at + 19);
        at += 19 + bytes.length;
      }
      return at;
    },
  };
}

Deno.test("places to read: everything but devices, and no link, which may lead to them", () => {
  const entries = [".", "..", "bin->usr/bin", "dev", "devices", "etc", "file", "terminals->/dev/pts", "usr"];
  assert.deepEqual(readablePlaces(kernelWith(entries)), ["/devices", "/etc", "/file", "/usr", ...DEVICES]);
});

Deno.test("places to read: a root folder that cannot be listed is an error, not an empty one", () => {
  const kernel: Kernel = { architecture: "x86_64", call: () => -EACCES };
  assert.equal(readablePlaces(kernel), -EACCES);
});

Deno.test("places to read: those of this machine", { ignore: Deno.build.os !== "linux" }, () => {
  const kernel = openKernel();
  if ("reason" in kernel) return;
  const places = readablePlaces(kernel);
  kernel.close();
  assert.ok(typeof places !== "number");
  for (const place of ["/etc", "/proc", "/usr"]) assert.ok(places.includes(place), place);
  assert.deepEqual(places.filter((place) => place.startsWith("/dev")), DEVICES);
});
