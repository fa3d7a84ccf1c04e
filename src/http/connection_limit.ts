/**
 * How many connections fit among the files that a process may have open. What else needs files is the server itself, and
 * it must not go without: a warden that cannot look is one that is lost, and with it the server.
 *
 * @module
 */

/** Files of the server's own: threads, their queues, the standard streams, the state; measured: 45 to 70. */
const OWN_FILES = 128;
/** Files of each tool's compartment, which is a thread; measured: 6. */
const FILES_PER_TOOL = 8;
/** Files of each run: its process, its pipes, and while it starts a few more. */
const FILES_PER_RUN = 8;
/** The least that there may be: with fewer nobody could do anything, and a few files more need not be too many. */
const LEAST_CONNECTIONS = 16;

/** What else needs files. */
export interface FileNeeds {
  readonly tools: number;
  /** Runs at once. */
  readonly runs: number;
}

/**
 * The connections that there may be.
 *
 * @param wanted what the configuration says, at least 1
 * @param openFiles the process's limit of open files, or null when it is not known
 */
export function connectionLimit(
  wanted: number,
  openFiles: number | null,
  { tools, runs }: FileNeeds,
): number {
  if (openFiles === null) return wanted;
  const others = OWN_FILES + tools * FILES_PER_TOOL + runs * FILES_PER_RUN;
  return Math.min(wanted, Math.max(LEAST_CONNECTIONS, openFiles - others));
}

/** How many of these connections may be held by streams that stay open: half, so that others can still ask something. */
export function streamLimit(connections: number): number {
  return Math.max(1, Math.floor(connections / 2));
}
