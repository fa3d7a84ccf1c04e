/**
 * The undertaker: ends everything that runs when the warden does not answer any more. It knows nothing and hears
 * nothing before that; it may call native code and nothing else.
 *
 * @module
 */
import "./quiet_thread.ts";
import { openKernel } from "./linux/kernel.ts";
import { Endings } from "./linux/endings.ts";
import { readSelf } from "./linux/processes.ts";
import { nonceOfTag, type ServerNonce } from "./linux/run_tag.ts";

/** From the warden, once: whose runs they are, and the port that leads to the server. */
export interface ToUndertaker {
  readonly nonce: ServerNonce;
  readonly port: MessagePort;
}

/** To the server, when everything has been ended or could not be. */
export interface Buried {
  readonly killed: number;
  readonly survivors: number;
}

const warden = globalThis as unknown as { onmessage: ((event: MessageEvent<ToUndertaker>) => void) | null };

warden.onmessage = ({ data: { nonce, port } }) => {
  const kernel = openKernel();
  if ("reason" in kernel) throw new Error(kernel.reason);
  port.onmessage = async () => {
    // Whoever waited for these processes is gone with the warden.
    const none: ReadonlySet<number> = new Set();
    const endings = new Endings(kernel, readSelf(kernel), () => none);
    const ended = await endings.end((tag) => nonceOfTag(tag) === nonce);
    port.postMessage(ended satisfies Buried);
  };
};
