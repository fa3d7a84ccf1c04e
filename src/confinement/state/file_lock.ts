/**
 * Exclusive locks on files, flock(2): they hold for as long as the file is open, and the kernel lets go of
 * them however the process ends.
 *
 * @module
 */

/** How long the fallback waits for a lock. A free one is got in a fraction of a millisecond. */
const PATIENCE_MS = 250;

/**
 * How many locks the fallback may wait for at the same time: each holds one of the 32 threads that Deno has
 * for files, until whoever holds the lock is gone.
 */
const MOST_WAITING = 8;

let waiting = 0;

/**
 * Locks the file at `path`, which is there.
 *
 * @returns the file, to be kept open, or null when somebody else holds the lock, or may hold it
 */
export async function tryLockFile(path: string): Promise<Deno.FsFile | null> {
  const file = Deno.openSync(path, { write: true });
  // Deno 2.6 has no such method, and the types must be right for it too.
  const { tryLockSync } = file as { readonly tryLockSync?: (exclusive: boolean) => boolean };
  if (tryLockSync === undefined) return await lockShortly(file) ? file : null;
  if (tryLockSync.call(file, true)) return file;
  file.close();
  return null;
}

/**
 * Waits for the lock on another thread. That cannot be taken back, so a lock that comes too late is let go of
 * then. Closes the file when the answer is false.
 */
async function lockShortly(file: Deno.FsFile): Promise<boolean> {
  if (waiting >= MOST_WAITING) {
    file.close();
    return false;
  }
  waiting++;
  let late = false;
  const locked = file.lock(true).then(() => true, () => false).then((locked) => {
    waiting--;
    if (late || !locked) file.close();
    return locked;
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<false>((resolve) => {
    timer = setTimeout(() => {
      late = true;
      resolve(false);
    }, PATIENCE_MS);
  });
  const result = await Promise.race([locked, patience]);
  clearTimeout(timer);
  return result;
}
