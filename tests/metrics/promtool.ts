import assert from "node:assert/strict";
import { hasProgram } from "../integration/support/programs.ts";

/** Has Prometheus's own checker read an exposition, where it is installed. It must have nothing to say. */
export async function assertPromtoolAccepts(text: string): Promise<void> {
  if (!hasProgram("promtool")) return;
  const child = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.deepEqual({ code, said }, { code: 0, said: "" });
}
