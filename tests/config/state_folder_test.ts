import assert from "node:assert/strict";
import { stateFolder } from "../../src/config/state_folder.ts";
import { loaded } from "../support/config.ts";

/** The variables, and the folder that they give. */
const FOLDERS: readonly (readonly [Readonly<Record<string, string>>, string | null])[] = [
  [{ XDG_STATE_HOME: "/x", HOME: "/h" }, "/x/bulkhead"],
  [{ XDG_STATE_HOME: "/x/" }, "/x/bulkhead"],
  [{ XDG_STATE_HOME: "", HOME: "/h" }, "/h/.local/state/bulkhead"],
  [{ XDG_STATE_HOME: "relative", HOME: "/h" }, "/h/.local/state/bulkhead"],
  [{ HOME: "/h" }, "/h/.local/state/bulkhead"],
  [{ HOME: "/" }, "/.local/state/bulkhead"],
  [{ HOME: "h" }, null],
  [{ HOME: "" }, null],
  [{ XDG_STATE_HOME: "relative" }, null],
  [{}, null],
];

for (const [env, folder] of FOLDERS) {
  Deno.test(`state folder: with ${JSON.stringify(env)} it is ${folder}`, () => {
    assert.equal(stateFolder(loaded(), { env: (name) => env[name] }), folder);
  });
}

Deno.test("state folder: one that the configuration names stands over the variables", () => {
  const config = loaded({ file: "confinement: { state_dir: state }" });
  assert.equal(stateFolder(config, { env: () => "/x" }), "/etc/state");
});
