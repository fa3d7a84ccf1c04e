import assert from "node:assert/strict";
import { ReadablePaths } from "../../../src/confinement/state/readable_paths.ts";

const readable = new ReadablePaths(["/etc/b.yaml", "/home/u/tools/", "/home/u"], "/home/u/state/servers");

for (
  const path of [
    "/etc/b.yaml",
    "/etc/./x/../b.yaml",
    "/home/u",
    "/home/u/tools/a.yaml",
    "/home/u/state/other",
    "//home//u/x",
  ]
) {
  Deno.test(`readable paths: ${path} is in the list`, () => readable.check(path));
}

for (
  const path of [
    "/etc",
    "/etc/b.yaml2",
    "/home/user",
    "/",
    "/home/u/../v/file",
    // Programs write there, links too.
    "/home/u/state/servers",
    "/home/u/state/servers/ab/scratch/nmap/1/link",
    "/home/u/tools/../state/./servers//ab",
  ]
) {
  Deno.test(`readable paths: ${path} is not`, () => {
    assert.throws(() => readable.check(path), (error) => error instanceof Deno.errors.NotCapable);
  });
}

Deno.test("readable paths: an empty list allows nothing, and the root everything but where programs write", () => {
  assert.throws(() => new ReadablePaths([], "/s").check("/a"));
  const all = new ReadablePaths(["/"], "/s");
  for (const path of ["/", "/a/b", "/sx"]) all.check(path);
  assert.throws(() => all.check("/s/a"));
});
