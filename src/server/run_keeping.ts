/**
 * Where the server keeps its last runs: in memory, or in a folder that the scribe looks after.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../core/clock.ts";
import type { FoundRun } from "../confinement/run_messages.ts";
import type { Scribe } from "../confinement/scribe.ts";
import { FolderShelf, type ShelfFiles } from "../runs/folder_shelf.ts";
import { type EndedRun, readIndex } from "../runs/kept_run.ts";
import { MemoryShelf } from "../runs/run_shelf.ts";
import { RunStore, type RunStoreSettings } from "../runs/run_store.ts";

/** The kept runs of a server. */
export interface RunKeeping {
  readonly store: RunStore;
  /** Resolves once runs of earlier servers have been taken in, or cannot be. */
  readonly loaded: Promise<void>;
  /**
   * Begins to use the folder, where one is configured, and has the runs that are there taken in.
   *
   * @throws {Error} when it may not be used, with a reason to show
   */
  open(): Promise<void>;
  /** Resolves when all is written, or after a second. */
  close(): Promise<void>;
}

/** How long what waits to be written may take when the server ends, in milliseconds. */
const CLOSE_MS = 1000;

const logger = getLogger(["bulkhead", "runs"]);

/** Keeps runs in memory. */
export function keepInMemory(settings: () => RunStoreSettings, clock: Clock): RunKeeping {
  return {
    store: new RunStore(settings, new MemoryShelf(), clock),
    loaded: Promise.resolve(),
    open: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}

/** Keeps runs in the folder of state. Nothing is written before it is opened. */
export function keepInFolder(
  scribe: Pick<Scribe, "opened" | "runs">,
  settings: () => RunStoreSettings,
  clock: Clock,
): RunKeeping {
  const { runs } = scribe;
  const opening = Promise.withResolvers<void>();
  const loading = Promise.withResolvers<void>();
  const files: ShelfFiles = {
    keep: async (run, parts) => {
      await opening.promise;
      await runs.keep(run, parts);
    },
    read: (run, file, offset, length) => runs.read(run, file, offset, length),
    remove: async (ids) => {
      await opening.promise;
      await runs.remove(ids);
    },
  };
  const shelf = new FolderShelf(files, (id) => store.lost(id));
  const store = new RunStore(settings, shelf, clock);
  return {
    store,
    loaded: loading.promise,
    async open() {
      await scribe.opened;
      await runs.open();
      opening.resolve();
      void load(runs, store).then(loading.resolve);
    },
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(CLOSE_MS, resolve);
      await Promise.race([shelf.written(), late]);
      cancel();
    },
  };
}

/** Has a store take in what is in the folder, as far as it is whole. Never rejects: new runs are kept all the same. */
async function load(runs: Scribe["runs"], store: RunStore): Promise<void> {
  const whole: EndedRun[] = [];
  const bad: string[] = [];
  try {
    let damaged = await runs.list((found: readonly FoundRun[]) => {
      for (const { run, index, bytes } of found) {
        const ended = readIndex(run, index, bytes);
        if (ended === null) bad.push(run);
        else whole.push(ended);
      }
    });
    damaged += bad.length;
    store.adopt(whole);
    if (damaged > 0) {
      logger.warn("runs in the folder of state were damaged: they are removed", { runs: damaged });
    }
    if (bad.length > 0) await runs.remove(bad);
  } catch (error) {
    logger.error("the runs in the folder of state cannot be listed, or damaged ones removed", {
      reason: (error as Error).message,
    });
  }
}
