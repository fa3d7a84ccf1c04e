/**
 * A worker that confines its own thread and then starts what it is told to: the subject of `landlock_test.ts`.
 *
 * @module
 */
import { openKernel } from "../../../src/confinement/linux/kernel.ts";
import {
  landlockAbi,
  type LandlockGrants,
  type Restriction,
  restrictThread,
} from "../../../src/confinement/linux/landlock.ts";
import { readablePlaces } from "../../../src/confinement/linux/readable_places.ts";

export type ToProbe =
  /** Confine the thread, which may read where all may; the answer is a {@link Restriction}. */
  | { readonly type: "confine"; readonly grants: Omit<LandlockGrants, "readable"> }
  /** Start a shell; the answer is its {@link Attempt}. */
  | { readonly type: "shell"; readonly script: string }
  /** Make openat(2) on this very thread; the answer is its result. */
  | { readonly type: "open"; readonly path: string; readonly flags: number };

/** How a shell ended. */
export interface Attempt {
  readonly code: number;
  readonly text: string;
}

/** prctl(2). */
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAPBSET_DROP = 24;
/** With one of these, root reads the memory maps of every process, whatever Landlock says (seen on Linux 6.18). */
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;

const kernel = openKernel();
if ("reason" in kernel) throw new Error(kernel.reason);

async function answer(message: ToProbe): Promise<Restriction | Attempt | number> {
  if ("reason" in kernel) throw new Error(kernel.reason);
  switch (message.type) {
    case "confine":
      kernel.call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      // Only root may and has to.
      for (const capability of [CAP_SYS_ADMIN, CAP_PERFMON]) {
        kernel.call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0);
      }
      return restrictThread(kernel, landlockAbi(kernel), {
        ...message.grants,
        readable: readablePlaces(kernel) as string[],
      });
    case "shell": {
      const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
        args: ["-c", message.script],
        clearEnv: true,
        env: { LC_ALL: "C", PATH: "/usr/bin:/bin" },
        cwd: "/",
        stdin: "null",
      }).output();
      return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
    }
    case "open": {
      const result = kernel.call("openat", -100, message.path, message.flags, 0);
      if (result >= 0) kernel.call("close", result);
      return result < 0 ? result : 0;
    }
  }
}

const scope = self as unknown as {
  onmessage: ((event: MessageEvent<ToProbe>) => void) | null;
  postMessage(message: unknown): void;
};
scope.onmessage = async ({ data }) => scope.postMessage(await answer(data));
