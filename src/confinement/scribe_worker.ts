/**
 * The inside of the scribe: a worker that may read and write in the folder of state and in the folder of the
 * log file, read in the folders of word lists, and nothing else. It keeps the runs' scratch folders, writes the log
 * and looks at word lists.
 *
 * @module
 */
import { type FromScribe, isToScribe, type ScribeOrder, type ToScribe } from "./scribe_protocol.ts";
import { LogFile } from "./state/log_file.ts";
import { ServerFolder } from "./state/server_folder.ts";
import { inspectFile } from "./state/word_lists.ts";

/** The part of the worker's global scope that is used; the page's types are the only ones known here. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<unknown>) => void) | null;
  postMessage(message: FromScribe): void;
};

/** What was opened. */
interface Open {
  readonly folder: ServerFolder;
  readonly log: LogFile | null;
  readonly wordListFolders: readonly string[];
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
    state = { folder, log, wordListFolders: order.wordListFolders };
    scope.postMessage({ type: "opened", dead: folder.dead });
  } catch (error) {
    state = "deaf";
    scope.postMessage({ type: "failed", reason: reasonOf(error) });
  }
}

function obey(order: Exclude<ToScribe, { type: "open" }>, { folder, log, wordListFolders }: Open): void {
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
    case "log": {
      const reason = log?.append(order.bytes, order.lost) ?? null;
      if (reason !== null) scope.postMessage({ type: "log_failed", reason });
      scope.postMessage({ type: "logged" });
      break;
    }
    case "close":
      state = "deaf";
      log?.close();
      // What cannot be removed now is found by the next server.
      answer(folder.close(), { type: "closed" }, () => ({ type: "closed" }));
      break;
  }
}

/** Answers when the work, which has begun, is done. */
function answer(work: Promise<void>, done: FromScribe, failed: (reason: string) => FromScribe): void {
  void work.then(() => done, (error) => failed(reasonOf(error)))
    .then((message) => scope.postMessage(message));
}

function reasonOf(error: unknown): string {
  return String(error instanceof Error ? error.message : error).slice(0, 4096);
}
