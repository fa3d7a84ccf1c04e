/**
 * The log file: whole lines, appended, and begun anew when it is as long as it may be.
 *
 * @module
 */
import type { LogFileSettings } from "../scribe_protocol.ts";
import { PRIVATE_FILE_MODE } from "./own_folder.ts";

const NEWLINE = 10;

/** A log file. Other processes may append to it, rotate it or remove it; this one then follows. */
export class LogFile {
  readonly #settings: LogFileSettings;
  #file: Deno.FsFile | null = null;
  /** Lines that could not be written since the last that was. */
  #lost = 0;
  #failing = false;

  /** @throws {Error} when it cannot be written, with a reason to show */
  constructor(settings: LogFileSettings) {
    this.#settings = settings;
    try {
      this.#current();
    } catch (error) {
      throw new Error(`Cannot write the log file "${settings.path}": ${(error as Error).message}`);
    }
  }

  /**
   * Appends lines.
   *
   * @param lines whole lines, or nothing
   * @param lost how many lines before them were lost; a line in the file says so
   * @returns why that fails, when it begins to fail; else null. What could not be written is counted as lost
   */
  append(lines: Uint8Array, lost: number): string | null {
    this.#lost += lost;
    let rest = lines;
    try {
      if (this.#lost > 0) {
        this.#write(lostLine(this.#lost));
        this.#lost = 0;
      }
      while (rest.length > 0) rest = rest.subarray(this.#write(rest));
      this.#failing = false;
      return null;
    } catch (error) {
      this.#lost += countLines(rest);
      this.close();
      if (this.#failing) return null;
      this.#failing = true;
      return (error as Error).message;
    }
  }

  /** Closes the file; the next line opens it again. */
  close(): void {
    this.#file?.close();
    this.#file = null;
  }

  /**
   * Writes as many whole lines as the file has room for, and at least one. Returns how many bytes they are.
   */
  #write(lines: Uint8Array): number {
    let { file, size } = this.#current();
    let length = wholeLines(lines, this.#settings.maxBytes - size);
    if (length === 0 && size > 0) {
      this.#rotate();
      ({ file, size } = this.#current());
      length = wholeLines(lines, this.#settings.maxBytes - size);
    }
    // A line that no file has room for is not cut.
    if (length === 0) length = lines.indexOf(NEWLINE) + 1;
    writeAll(file, lines.subarray(0, length));
    return length;
  }

  /** The file that has the name now, open at its end. */
  #current(): { readonly file: Deno.FsFile; readonly size: number } {
    const { path } = this.#settings;
    const named = statOrNull(path);
    // Opening a pipe would wait for a reader.
    if (named !== null && !named.isFile) throw new Error("it is not a file");
    if (this.#file !== null) {
      const { dev, ino, size } = this.#file.statSync();
      if (named !== null && named.dev === dev && named.ino === ino) return { file: this.#file, size };
      this.close();
    }
    this.#file = Deno.openSync(path, { read: true, append: true, create: true, mode: PRIVATE_FILE_MODE });
    endLastLine(this.#file);
    return { file: this.#file, size: this.#file.statSync().size };
  }

  /** Moves the file on to `path.1`, that to `path.2` and so on; the last is replaced. */
  #rotate(): void {
    const { path, backups } = this.#settings;
    this.close();
    if (backups === 0) return unlessGone(() => Deno.removeSync(path));
    for (let number = backups - 1; number >= 0; number--) {
      const from = number === 0 ? path : `${path}.${number}`;
      unlessGone(() => Deno.renameSync(from, `${path}.${number + 1}`));
    }
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += file.writeSync(bytes.subarray(written));
}

/** Ends a line that was written in part only: the disk was full, or whoever wrote it was killed. */
function endLastLine(file: Deno.FsFile): void {
  const { size } = file.statSync();
  if (size === 0) return;
  const last = new Uint8Array(1);
  file.seekSync(size - 1, Deno.SeekMode.Start);
  if (file.readSync(last) === 1 && last[0] !== NEWLINE) writeAll(file, Uint8Array.of(NEWLINE));
}

/** How many bytes of the whole lines at the beginning of `lines` fit into `room`. */
function wholeLines(lines: Uint8Array, room: number): number {
  // A negative place would count from the end.
  return room <= 0 ? 0 : lines.lastIndexOf(NEWLINE, room - 1) + 1;
}

/** Does something with a file that may not be there, or not any more: others rotate, too. */
function unlessGone(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function countLines(lines: Uint8Array): number {
  let count = 0;
  for (const byte of lines) if (byte === NEWLINE) count++;
  return count;
}

function statOrNull(path: string): Deno.FileInfo | null {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** In the form of all lines, see `src/logging`. */
function lostLine(lines: number): Uint8Array {
  const line = {
    time: new Date().toISOString(),
    level: "warning",
    logger: "bulkhead.scribe",
    message: "log lines were lost",
    lines,
  };
  return new TextEncoder().encode(`${JSON.stringify(line)}\n`);
}
