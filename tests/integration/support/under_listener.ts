/**
 * Run as a process of its own: starts a command with a seccomp listener upon it, as some container runtimes do, and
 * ends as that does. The filter lets everything pass.
 *
 * @module
 */
import { openKernel } from "../../../src/confinement/linux/kernel.ts";
import { SECCOMP } from "../../../src/confinement/linux/seccomp.ts";
import { filterHeader } from "../../../src/confinement/linux/seccomp_filter.ts";

const kernel = openKernel();
if ("reason" in kernel) throw new Error(kernel.reason);
/** PR_SET_NO_NEW_PRIVS, without which a filter takes a capability; prctl(2). */
const privileges = kernel.call("prctl", 38, 1, 0, 0, 0);
// One instruction: BPF_RET with SECCOMP_RET_ALLOW.
const program = new Uint8Array(8);
new DataView(program.buffer).setUint16(0, 0x06, true);
new DataView(program.buffer).setUint32(4, 0x7fff_0000, true);
const header = filterHeader(program, kernel.addressOf(program));
const listener = kernel.call("seccomp", SECCOMP.setModeFilter, SECCOMP.flagNewListener, header);
if (privileges < 0 || listener < 0) throw new Error(`${privileges}, ${listener}`);
const [command, ...args] = Deno.args;
const { code } = await new Deno.Command(command!, { args, stdin: "null" }).spawn().status;
Deno.exit(code);
