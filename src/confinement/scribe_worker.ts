/**
 * The inside of the scribe: a worker that may read and write in the folder of state and in the folder of the
 * log file, read the files and folders that it was given a list of, and nothing else. It keeps the runs' scratch
 * folders, writes the log, and reads, looks at and watches files, and reads how busy the machine is, for a server that
 * may do none of it any more.
 *
 * @module
 */
import "./quiet_thread.ts";
import { isRunOrder, type RunOrder } from "./run_messages.ts";
import {
  type FromScribe,
  isToScribe,
  type ScribeOrder,
  serversFolder,
  type ToScribe,
} from "./scribe_protocol.ts";
import { listFolder, lookAt, readFile } from "./state/file_reader.ts";
import { FileWatch } from "./state/file_watch.ts";
import { LogFile } from "./state/log_file.ts";
import { readMachine } from "./state/machine_gauge.ts";
import { ReadablePaths } from "./state/readable_paths.ts";
import { RunFolder } from "./state/run_folder.ts";
import { ServerFolder } from "./state/server_folder.ts";
import { inspectFile } from "./state/word_lists.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromScribe, transfer?: Transferable[]): void;
};

/** What was opened. */
interface Open {
  readonly stateFolder: string;
  readonly folder: ServerFolder;
  readonly log: LogFile | null;
  readonly wordListFolders: readonly string[];
  readonly readable: ReadablePaths;
  readonly watch: FileWatch;
  /** Null until it is asked for. */
  runs: RunFolder | null;
  readonly makeRuns: () => RunFolder;
}

/** `new` until it is told to open, `deaf` once it takes no more orders. */
let state: "new" | "opening" | "deaf" | Open = "new";

scope.onmessage = ({ data }) => {
  if (state === "deaf") return;
  if (!isToScribe(data)) return giveUp("it was given an order that is not in the table");
  if (data.type === "open") {
    if (state !== "new") return giveUp("it was told to open twice");
    state = "opening";
    void open(data.order);
  } else if (typeof state === "string") {
    giveUp("it was given an order before it was open");
  } else {
    obey(data, state);
  }
};

/**
 * Whatever happens is said in a message: Deno writes what a worker throws on standard error, in lines of its
 * own.
 */
function giveUp(reason: string): void {
  state = "deaf";
  scope.postMessage({ type: "broken", reason });
}

async function open(order: ScribeOrder): Promise<void> {
  try {
    const log = order.logFile === null ? null : new LogFile(order.logFile);
    const folder = await ServerFolder.open(order);
    const { stateFolder, wordListFolders } = order;
    const readable = new ReadablePaths(order.readable, serversFolder(stateFolder));
    const watch = new FileWatch((paths) => scope.postMessage({ type: "changed", paths }));
    const makeRuns = () => new RunFolder(stateFolder, order.server, order.uid);
    state = { stateFolder, folder, log, wordListFolders, readable, watch, runs: null, makeRuns };
    scope.postMessage({ type: "opened", dead: folder.dead });
  } catch (error) {
    state = "deaf";
    scope.postMessage({ type: "failed", reason: reasonOf(error) });
  }
}

function obey(order: Exclude<ToScribe, { type: "open" }>, open: Open): void {
  if (isRunOrder(order)) return keepRuns(order, open);
  const { stateFolder, folder, log, wordListFolders, readable, watch } = open;
  switch (order.type) {
    case "make_scratch": {
      const { tool, id } = order;
      if (!folder.hasTool(tool)) return giveUp("it was asked for a folder for a tool that it does not know");
      answer(folder.makeScratch(tool, id), { type: "made", id }, (reason) => {
        return { type: "not_made", id, reason };
      });
      break;
    }
    case "remove_scratch": {
      const { tool, id } = order;
      if (!folder.hasTool(tool)) return giveUp("it was told of a folder of a tool that it does not know");
      answer(folder.removeScratch(tool, id), { type: "removed", id }, (reason) => {
        return { type: "not_removed", id, reason };
      });
      break;
    }
    case "forget": {
      const { nonce } = order;
      answer(folder.forget(nonce), { type: "forgotten", nonce }, (reason) => {
        return { type: "not_forgotten", nonce, reason };
      });
      break;
    }
    case "inspect": {
      const { id, name } = order;
      inspectFile(wordListFolders, name).then(
        (file) => scope.postMessage({ type: "inspected", id, ...file }),
        (error) => scope.postMessage({ type: "not_inspected", id, reason: reasonOf(error) }),
      );
      break;
    }
    case "add_tool": {
      const { tool } = order;
      try {
        folder.addTool(tool);
        scope.postMessage({ type: "tool_added", tool });
      } catch (error) {
        scope.postMessage({ type: "tool_not_added", tool, reason: reasonOf(error) });
      }
      break;
    }
    case "read_file": {
      const { id, path } = order;
      read(id, [path], readable, () => {
        const file = readFile(path);
        const transfer = file === null ? [] : [file.bytes.buffer as ArrayBuffer];
        scope.postMessage({ type: "file", id, file }, transfer);
      });
      break;
    }
    case "list_folder": {
      const { id, path } = order;
      read(id, [path], readable, () => scope.postMessage({ type: "folder", id, names: listFolder(path) }));
      break;
    }
    case "look": {
      const { id, path, headBytes } = order;
      read(id, [path], readable, () => {
        scope.postMessage({ type: "looked", id, look: lookAt(path, headBytes) });
      });
      break;
    }
    case "watch": {
      const { id, files, folders } = order;
      read(id, [...files, ...folders], readable, () => {
        void watch.watch({ files, folders }).then(() => scope.postMessage({ type: "watching", id }));
      });
      break;
    }
    case "measure":
      void readMachine(stateFolder).then((reading) => scope.postMessage({ type: "measured", reading }));
      break;
    case "log": {
      const reason = log?.append(order.bytes, order.lost) ?? null;
      if (reason !== null) scope.postMessage({ type: "log_failed", reason });
      scope.postMessage({ type: "logged" });
      break;
    }
    case "close":
      state = "deaf";
      watch.stop();
      log?.close();
      // What cannot be removed now is found by the next server.
      answer(folder.close(), { type: "closed" }, () => ({ type: "closed" }));
      break;
  }
}

/** Obeys an order about kept runs. */
function keepRuns(order: RunOrder, open: Open): void {
  if (order.type === "open_runs") {
    if (open.runs !== null) return giveUp("it was told to open the folder of runs twice");
    return attempt(() => {
      open.runs = open.makeRuns();
      scope.postMessage({ type: "runs_opened" });
    }, (reason) => ({ type: "runs_not_opened", reason }));
  }
  const { runs } = open;
  if (runs === null) return giveUp("it was given an order about runs before their folder was open");
  switch (order.type) {
    case "list_runs": {
      const listing = runs.list((found) => scope.postMessage({ type: "runs_found", runs: found }));
      listing.then(
        (damaged) => scope.postMessage({ type: "runs_listed", damaged }),
        (error) => scope.postMessage({ type: "runs_not_listed", reason: reasonOf(error) }),
      );
      break;
    }
    case "keep_run": {
      const { run } = order;
      answer(runs.keep(run, order), { type: "run_kept", run }, (reason) => {
        return { type: "run_not_kept", run, reason };
      });
      break;
    }
    case "read_run": {
      const { id, run, file, offset, length } = order;
      attempt(() => {
        const bytes = runs.read(run, file, offset, length);
        scope.postMessage({ type: "run_bytes", id, bytes }, bytes === null ? [] : [bytes.buffer]);
      }, (reason) => ({ type: "run_not_read", id, reason }));
      break;
    }
    case "remove_runs": {
      const { id } = order;
      runs.remove(order.runs).catch(reasonOf)
        .then((reason) => scope.postMessage({ type: "runs_removed", id, reason }));
      break;
    }
  }
}

/** Does work that answers, unless it throws. */
function attempt(work: () => void, failed: (reason: string) => FromScribe): void {
  try {
    work();
  } catch (error) {
    scope.postMessage(failed(reasonOf(error)));
  }
}

/** Reads what the server asks for, if all of it may be read; `work` answers, unless it throws. */
function read(id: string, paths: readonly string[], readable: ReadablePaths, work: () => void): void {
  attempt(() => {
    for (const path of paths) readable.check(path);
    work();
  }, (reason) => ({ type: "not_read", id, reason }));
}

/** Answers when the work, which has begun, is done. */
function answer(work: Promise<void>, done: FromScribe, failed: (reason: string) => FromScribe): void {
  void work.then(() => done, (error) => failed(reasonOf(error)))
    .then((message) => scope.postMessage(message));
}

function reasonOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).slice(0, 4096);
}
