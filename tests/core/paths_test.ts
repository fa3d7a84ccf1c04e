import assert from "node:assert/strict";
import { folderOf, resolvePath } from "../../src/core/paths.ts";

for (
  const [folder, path, expected] of [
    ["/work", "a.yaml", "/work/a.yaml"],
    ["/work", "/etc/a.yaml", "/etc/a.yaml"],
    ["/work", "./a/../b", "/work/b"],
    ["/work", "../b", "/b"],
    ["/work", "../../../b", "/b"],
    ["/work", "", "/work"],
    ["/work", ".", "/work"],
    ["/", "a//b/", "/a/b"],
    ["/", "..", "/"],
    ["/work", "...", "/work/..."],
    ["/work", "a b", "/work/a b"],
  ] as const
) {
  Deno.test(`paths: ${JSON.stringify(path)} in ${folder} is ${expected}`, () => {
    assert.equal(resolvePath(folder, path), expected);
  });
}

for (const [path, folder] of [["/a/b", "/a"], ["/a", "/"], ["/", "/"], ["/a/b/c", "/a/b"]] as const) {
  Deno.test(`paths: the folder of ${path} is ${folder}`, () => assert.equal(folderOf(path), folder));
}
