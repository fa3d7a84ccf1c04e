/** Raw sockets: given to the tool that declares them and to no other, and only where the server has them. */
import assert from "node:assert/strict";
import { BINARY, bulkheadUnder } from "./support/bulkhead.ts";
import { hasProgram, haveNetRaw, standInManifest, TestFolder } from "./support/programs.ts";

const options = { ignore: BINARY !== null };

/** CAP_NET_RAW, capabilities(7), as /proc/PID/status shows a set. */
const NET_RAW = (1n << 13n).toString(16).padStart(16, "0");
const NONE = "0".repeat(16);

/** Calls a stand-in that shows its own status, as a child of `wrapper` when there is one. */
async function call(declares: string, wrapper: readonly string[] = []) {
  using folder = new TestFolder();
  const script = folder.script("bin/show", "exec cat /proc/self/status");
  folder.write("tools/show.yaml", standInManifest("show", script, `helpers: [cat]\n${declares}`));
  const args = ["call", "show", "--json", "--tools", `${folder.path}/tools`];
  const { code, stdout } = await bulkheadUnder(wrapper, args);
  return { code, answer: JSON.parse(stdout) };
}

function sets(status: string): Record<string, string> {
  return Object.fromEntries(
    [...status.matchAll(/^Cap(\w+):\s+([0-9a-f]+)$/gm)].map(([, name, set]) => [name!, set!]),
  );
}

Deno.test("a tool that declares net_raw has that capability and no other", options, async () => {
  const { code, answer } = await call("capabilities: [net_raw]");
  if (!haveNetRaw()) {
    assert.equal(code, 4);
    assert.match(answer.error, /capabilities: \[net_raw\], which this process does not have/);
    return;
  }
  assert.equal(code, 0, JSON.stringify(answer));
  const { Inh, Prm, Eff, Bnd, Amb } = sets(answer.stdout);
  assert.deepEqual({ Inh, Prm, Eff, Amb }, { Inh: NET_RAW, Prm: NET_RAW, Eff: NET_RAW, Amb: NET_RAW });
  // Only whoever may change it has it dropped; for everybody else no_new_privs keeps it from meaning anything.
  if (Deno.uid() === 0) assert.equal(Bnd, NET_RAW);
});

Deno.test("a tool that declares nothing has no capability at all, not even as root", options, async () => {
  const { code, answer } = await call("");
  assert.equal(code, 0, JSON.stringify(answer));
  const { Inh, Prm, Eff, Bnd, Amb } = sets(answer.stdout);
  assert.deepEqual({ Inh, Prm, Eff, Amb }, { Inh: NONE, Prm: NONE, Eff: NONE, Amb: NONE });
  if (Deno.uid() === 0) assert.equal(Bnd, NONE);
});

Deno.test(
  "without the capability in the server the tool is unavailable, and the remedy is named",
  options,
  async () => {
    // An ordinary user's server has none to begin with.
    const wrapper = Deno.uid() === 0
      ? ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]
      : [];
    if (wrapper.length > 0 && !hasProgram("setpriv")) return;
    const { code, answer } = await call("capabilities: [net_raw]", wrapper);
    assert.equal(code, 4);
    assert.equal(answer.error_type, "not_found");
    assert.match(answer.recovery_suggestion, /AmbientCapabilities=CAP_NET_RAW/);
    assert.match(answer.recovery_suggestion, /setcap cap_net_raw\+ep/);
  },
);
