/** What a compartment keeps open of what the server has open. */
import assert from "node:assert/strict";
import { LIBC_PATHS } from "../../src/confinement/linux/kernel.ts";
import { newServerNonce } from "../../src/confinement/linux/run_tag.ts";
import { Warden } from "../../src/confinement/warden.ts";
import { wardenPermissions } from "../../src/confinement/workers.ts";
import { systemClock } from "../../src/core/clock.ts";
import { needsKernelTier } from "../support/kernel_tier.ts";

const SOURCES = decodeURIComponent(new URL("../../src/", import.meta.url).pathname);
const PROGRAM = "/bin/true";

// A worker that ends takes descriptors of its own with it, which the test's books do not know.
Deno.test("a port that is closed is closed, though a compartment was made while it was open", {
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  const permissions = wardenPermissions([PROGRAM], LIBC_PATHS, SOURCES);
  const warden = new Warden(permissions, systemClock, () => {});
  if (!await needsKernelTier(() => warden.open("kernel", newServerNonce()))) return await warden.close();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const scratch = Deno.makeTempDirSync();
  const rules = { executables: [Deno.realPathSync(PROGRAM)], writableFolder: scratch, capabilities: [] };
  const compartment = warden.compartment({ compartment: "true", program: PROGRAM, rules });
  await compartment.ready;
  listener.close();
  const { port } = listener.addr;
  await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port }), Deno.errors.ConnectionRefused);
  await warden.close();
  Deno.removeSync(scratch);
});
