/**
 * How the program ends early, and where it writes meanwhile.
 *
 * @module
 */

/** Exit codes; those of refusals stand in `src/core/refusal.ts`. */
export const EXIT = { ok: 0, runFailed: 1, usage: 2, bug: 70 } as const;

/** Where a command writes: the result to stdout, everything else to stderr. */
export interface Io {
  stdout(text: string): void;
  stderr(text: string): void;
}

/** Thrown to end a command early, once what there is to say has been said. */
export class Exit extends Error {
  constructor(readonly code: number) {
    super(`exit ${code}`);
  }
}
