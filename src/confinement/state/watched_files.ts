/**
 * Noticing that files have changed, look by look.
 *
 * A change is reported once it has been seen in two looks in a row, so that what is just being written is not reported
 * half-written. Who may write is reported at once: whoever has just come to be allowed to could otherwise, by writing
 * without a pause, keep it from ever being reported. What changes and changes back between two looks is not noticed.
 *
 * @module
 */
import type { WatchedPaths } from "../file_look.ts";

/** What a path is known by; see stat(2). */
export interface FileMarks {
  readonly ino: number | null;
  readonly size: number;
  /** When it was last written, as finely as the system and Deno say it. */
  readonly mtime: Date | null;
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

/** The file system, as far as it is asked. Both follow symbolic links, and may throw. */
export interface WatchedWorld {
  /** Null when there is nothing. */
  stat(path: string): FileMarks | null;
  /** The names of all that is no folder, or more than are listed: it throws; null when there is no such folder. */
  list(path: string): readonly string[] | null;
}

/** What one look at a path has seen. */
interface Seen {
  /** All of it. */
  readonly marks: string;
  /** Who may write there; null when nothing is there, or it cannot be told. */
  readonly writers: string | null;
}

/** What is known of one path. */
interface Known {
  readonly look: () => Seen;
  /** What it was when a change was last reported, or at the first look. */
  reported: Seen;
  /** The marks at the last look, when they were others. */
  changed: string | null;
}

/** Paths that are watched. */
export class WatchedFiles {
  readonly #world: WatchedWorld;
  readonly #files = new Map<string, Known>();
  readonly #folders = new Map<string, Known>();

  constructor(world: WatchedWorld) {
    this.#world = world;
  }

  /**
   * Replaces what is watched. What stays is measured by what was known of it; what is new is looked at for the first
   * time now.
   *
   * The looks are taken one by one as this is iterated, which must be done to its end before {@link look}.
   */
  *watch({ files, folders }: WatchedPaths): Generator<void> {
    yield* this.#replace(this.#files, files, (path) => this.#file(path));
    yield* this.#replace(this.#folders, folders, (path) => this.#folder(path));
  }

  /** Looks at everything once, path by path as this is iterated: yields each whose change is to be reported, else null. */
  *look(): Generator<string | null> {
    for (const watched of [this.#files, this.#folders]) {
      for (const [path, known] of watched) yield hasChanged(known) ? path : null;
    }
  }

  *#replace(
    watched: Map<string, Known>,
    paths: readonly string[],
    look: (path: string) => Seen,
  ): Generator<void> {
    const wanted = new Set(paths);
    for (const path of watched.keys()) if (!wanted.has(path)) watched.delete(path);
    for (const path of wanted) {
      if (watched.has(path)) continue;
      watched.set(path, { look: () => look(path), reported: look(path), changed: null });
      yield;
    }
  }

  #file(path: string): Seen {
    try {
      const marks = this.#world.stat(path);
      return marks === null ? NOTHING : { marks: fingerprint(marks), writers: writersOf(marks) };
    } catch (error) {
      return failed(error);
    }
  }

  /** The folder itself, and each file in it. When it was written says nothing that its files do not say. */
  #folder(path: string): Seen {
    try {
      const marks = this.#world.stat(path);
      const names = this.#world.list(path);
      if (marks === null || names === null) return NOTHING;
      const own = fingerprint({ ...marks, size: 0, mtime: null });
      const files = names.toSorted().map((name) => [name, this.#file(`${path}/${name}`).marks]);
      return { marks: JSON.stringify([own, files]), writers: writersOf(marks) };
    } catch (error) {
      return failed(error);
    }
  }
}

const NOTHING: Seen = { marks: "nothing", writers: null };

function failed(error: unknown): Seen {
  return { marks: `error ${(error as Error).name}`, writers: null };
}

function hasChanged(known: Known): boolean {
  const now = known.look();
  const before = known.reported;
  if (now.marks === before.marks) {
    known.changed = null;
    return false;
  }
  const hasOtherWriters = now.writers !== null && before.writers !== null && now.writers !== before.writers;
  if (now.marks === known.changed || hasOtherWriters) {
    known.reported = now;
    known.changed = null;
    return true;
  }
  known.changed = now.marks;
  return false;
}

function fingerprint({ ino, size, mtime, mode, uid, gid }: FileMarks): string {
  return [ino, size, mtime?.getTime() ?? null, mode, uid, gid].join(" ");
}

/** The owner, the group, and whether the group and everyone else may write. */
function writersOf({ mode, uid, gid }: FileMarks): string {
  return [uid, gid, mode === null ? null : mode & 0o022].join(" ");
}
