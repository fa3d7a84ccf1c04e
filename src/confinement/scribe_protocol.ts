/**
 * What the server and its scribe say to each other: one table of messages each way. Anything else is fatal to
 * the scribe.
 *
 * @module
 */
import {
  areChanged,
  areNames,
  areWatched,
  type FileLook,
  type FileRead,
  isAbsolutePath as absolutePath,
  isFileLook,
  isFileRead,
  isHeadLength,
  type WatchedPaths,
} from "./file_look.ts";
import {
  bytesUpTo,
  type Check,
  hasExactly,
  listOf,
  matching,
  messageCheck,
  orNull,
  text,
  wholeCount,
} from "./message_table.ts";
import { isMachineReading, type MachineReading } from "./machine_reading.ts";
import { RUN_ANSWERS, RUN_ORDERS, type RunAnswer, type RunOrder } from "./run_messages.ts";

/** The log file and how it is rotated. */
export interface LogFileSettings {
  /** Absolute. */
  readonly path: string;
  /** A line that would make the file longer than this goes to a new one. */
  readonly maxBytes: number;
  /** How many earlier files are kept, as `path.1` (the latest) and so on. */
  readonly backups: number;
}

/** What the scribe is told when it is made. */
export interface ScribeOrder {
  /** Absolute path of the folder for all servers' state. */
  readonly stateFolder: string;
  /** Names this server among all that share the folder: 1 to 64 of `[0-9a-f]`. */
  readonly server: string;
  /** The user whose the folder must be; null where users have no numbers. */
  readonly uid: number | null;
  /** The tools that get scratch folders. */
  readonly tools: readonly string[];
  readonly logFile: LogFileSettings | null;
  /** Absolute paths of the folders whose files tools may be told to read. */
  readonly wordListFolders: readonly string[];
  /** Absolute paths of the files, and of the folders with all that is below them, that may be read again. */
  readonly readable: readonly string[];
}

/** From the server to the scribe. `open` comes first, once; `close` is the last. */
export type ToScribe =
  | { readonly type: "open"; readonly order: ScribeOrder }
  /** Removes the folder of a server that was reported dead. */
  | { readonly type: "forget"; readonly nonce: string }
  /** Makes a folder for a run. */
  | { readonly type: "make_scratch"; readonly tool: string; readonly id: string }
  /** Removes it: no process of the run is left. */
  | { readonly type: "remove_scratch"; readonly tool: string; readonly id: string }
  /** Looks for a file in the folders of word lists, by its name there. */
  | { readonly type: "inspect"; readonly id: string; readonly name: string }
  /** Makes the folder for the runs of a tool that was not named at the beginning. */
  | { readonly type: "add_tool"; readonly tool: string }
  | { readonly type: "read_file"; readonly id: string; readonly path: string }
  | { readonly type: "list_folder"; readonly id: string; readonly path: string }
  | { readonly type: "look"; readonly id: string; readonly path: string; readonly headBytes: number }
  /** Replaces what is watched. */
  | ({ readonly type: "watch"; readonly id: string } & WatchedPaths)
  /** Reads the machine; asked again only when it was answered. */
  | { readonly type: "measure" }
  /** `bytes` are whole lines; `lost` says how many there were before them that could not be kept. */
  | { readonly type: "log"; readonly bytes: Uint8Array; readonly lost: number }
  | RunOrder
  | { readonly type: "close" };

/**
 * From the scribe to the server: one answer to each order, `log_failed` when writing the log begins to fail, and
 * `changed` when something that is watched is not what it was.
 */
export type FromScribe =
  /** `dead` are the servers that are gone and that this one, alone, is to clean up after. */
  | { readonly type: "opened"; readonly dead: readonly string[] }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "forgotten"; readonly nonce: string }
  | { readonly type: "not_forgotten"; readonly nonce: string; readonly reason: string }
  | { readonly type: "made"; readonly id: string }
  | { readonly type: "not_made"; readonly id: string; readonly reason: string }
  | { readonly type: "removed"; readonly id: string }
  | { readonly type: "not_removed"; readonly id: string; readonly reason: string }
  | {
    readonly type: "inspected";
    readonly id: string;
    readonly path: string;
    readonly bytes: number;
    readonly lines: number;
  }
  | { readonly type: "not_inspected"; readonly id: string; readonly reason: string }
  | { readonly type: "tool_added"; readonly tool: string }
  | { readonly type: "tool_not_added"; readonly tool: string; readonly reason: string }
  /** Null when there is no such file. */
  | { readonly type: "file"; readonly id: string; readonly file: FileRead | null }
  /** Names of all that is no folder; null when there is no such folder. */
  | { readonly type: "folder"; readonly id: string; readonly names: readonly string[] | null }
  | { readonly type: "looked"; readonly id: string; readonly look: FileLook }
  /** All of it has been looked at once: what is different from now on is a change. */
  | { readonly type: "watching"; readonly id: string }
  /** In place of any of these four. */
  | { readonly type: "not_read"; readonly id: string; readonly reason: string }
  | { readonly type: "changed"; readonly paths: readonly string[] }
  | { readonly type: "measured"; readonly reading: MachineReading }
  | { readonly type: "logged" }
  | { readonly type: "log_failed"; readonly reason: string }
  | RunAnswer
  | { readonly type: "closed" }
  /** It was given what is not in the table, or at the wrong time, and does nothing more. */
  | { readonly type: "broken"; readonly reason: string };

/** Bytes of log lines in one message. */
export const MAX_LOG_BATCH_BYTES = 1_048_576;

/** Folders of word lists. */
export const MAX_WORD_LIST_FOLDERS = 64;

/** Tools that may have scratch folders, known at the beginning or added. */
export const MAX_TOOLS = 256;

/** Paths that may be read again. */
export const MAX_READABLE = 4096;

/** Servers reported dead at once; others wait for the next start. */
export const MAX_DEAD = 1024;

/** How a server is named. */
export const NONCE_PATTERN = /^[0-9a-f]{1,64}$/;

/** How a tool is named; the schema of manifests says the same, in two parts for the sake of its messages. */
export const TOOL_NAME_PATTERN = /^[a-z][a-z0-9_]{0,63}$/;

/** Whether a value is a tool's name. */
export const isToolName: Check = matching(TOOL_NAME_PATTERN);

// Names that become part of a path: none of them can be `.` or `..` or hold a slash.
const nonce = matching(NONCE_PATTERN);
const tool = isToolName;
const id = matching(/^[0-9a-f][0-9a-f-]{0,63}$/);
/** Below a folder: no part of it is empty, or begins with a dot. */
const fileName = matching(/^(?![^]{256})[^.\/\0][^\/\0]*(?:\/[^.\/\0][^\/\0]*)*$/);

/** Whether `data` is an order that the server may give. */
export const isToScribe: (data: unknown) => data is ToScribe = messageCheck<ToScribe>({
  open: {
    order: hasExactly({
      stateFolder: absolutePath,
      server: nonce,
      uid: orNull(wholeCount),
      tools: listOf(tool, MAX_TOOLS),
      logFile: orNull(hasExactly({ path: absolutePath, maxBytes: wholeCount, backups: wholeCount })),
      wordListFolders: listOf(absolutePath, MAX_WORD_LIST_FOLDERS),
      readable: listOf(absolutePath, MAX_READABLE),
    }),
  },
  forget: { nonce },
  make_scratch: { tool, id },
  remove_scratch: { tool, id },
  inspect: { id, name: fileName },
  add_tool: { tool },
  read_file: { id, path: absolutePath },
  list_folder: { id, path: absolutePath },
  look: { id, path: absolutePath, headBytes: isHeadLength },
  watch: { id, files: areWatched, folders: areWatched },
  measure: {},
  log: { bytes: bytesUpTo(MAX_LOG_BATCH_BYTES), lost: wholeCount },
  ...RUN_ORDERS,
  close: {},
});

/** Whether `data` is a message that the scribe may send. */
export const isFromScribe: (data: unknown) => data is FromScribe = messageCheck<FromScribe>({
  opened: { dead: listOf(nonce, MAX_DEAD) },
  failed: { reason: text },
  forgotten: { nonce },
  not_forgotten: { nonce, reason: text },
  made: { id },
  not_made: { id, reason: text },
  removed: { id },
  not_removed: { id, reason: text },
  inspected: { id, path: absolutePath, bytes: wholeCount, lines: wholeCount },
  not_inspected: { id, reason: text },
  tool_added: { tool },
  tool_not_added: { tool, reason: text },
  file: { id, file: isFileRead },
  folder: { id, names: areNames },
  looked: { id, look: isFileLook },
  watching: { id },
  not_read: { id, reason: text },
  changed: { paths: areChanged },
  measured: { reading: isMachineReading },
  logged: {},
  log_failed: { reason: text },
  ...RUN_ANSWERS,
  closed: {},
  broken: { reason: text },
});

/**
 * Where the runs of a tool have their scratch folders, each named by its id. It is there once the scribe has
 * opened.
 *
 * @param nonce the server's
 */
export function scratchRoot(stateFolder: string, nonce: string, tool: string): string {
  return `${serverFolder(stateFolder, nonce)}/scratch/${tool}`;
}

/** Where a server keeps all that is its own. */
export function serverFolder(stateFolder: string, nonce: string): string {
  return `${serversFolder(stateFolder)}/${nonce}`;
}

/** Where the folders of all servers are. */
export function serversFolder(stateFolder: string): string {
  return `${stateFolder}/servers`;
}
