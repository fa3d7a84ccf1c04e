/**
 * What a scribe is made with.
 *
 * @module
 */
import type { Clock } from "../core/clock.ts";
import type { LogFileSettings } from "./scribe_protocol.ts";

/** What a scribe is made with. */
export interface ScribeOptions {
  /** Absolute path of the folder for the state of all servers. */
  readonly stateFolder: string;
  /** Names this server among them: 1 to 64 of `[0-9a-f]`. */
  readonly nonce: string;
  /** The names of the tools that get scratch folders. */
  readonly tools: readonly string[];
  /** Whose the folder must be, or null where users have no numbers. */
  readonly uid: number | null;
  readonly logFile: LogFileSettings | null;
  /** Absolute paths of the folders whose files tools may be told to read. */
  readonly wordListFolders: readonly string[];
  /**
   * Absolute paths of the files, and of the folders with all that is below them, that may be read again while the
   * server runs, whether they are there or not. Deno asks for the name of what is read and follows links from there,
   * so a link must be listed by its own name, and where it leads only if that is asked about by its name, too.
   */
  readonly readable: readonly string[];
  readonly clock: Clock;
  /** Called when the scribe dies without being asked to, with the reason. */
  readonly onDeath?: (reason: string) => void;
}
