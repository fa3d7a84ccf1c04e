/**
 * The server's side of the scribe: the worker that keeps what must still be read and written once the server
 * itself has given its permissions up. Here its orders are made, so that a line of the log never waits.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { newId } from "../core/ids.ts";
import { folderOf } from "../core/paths.ts";
import type { FileLook, FileRead, WatchedPaths } from "./file_look.ts";
import type { MachineReading } from "./machine_reading.ts";
import { PendingAnswers } from "./pending_answers.ts";
import { isRunAnswer } from "./run_messages.ts";
import type { ScribeOptions } from "./scribe_options.ts";
import { type FromScribe, isFromScribe, isToolName, scratchRoot, type ToScribe } from "./scribe_protocol.ts";
import { type ChangeListener, ScribeReading } from "./scribe_reading.ts";
import { ScribeRuns } from "./scribe_runs.ts";
import { LogFlow } from "./state/log_flow.ts";
import type { InspectedFile } from "./state/word_lists.ts";
import { SCRIBE_URL, scribePermissions } from "./workers.ts";

/** A run's folder, which was made for it. */
export interface Scratch {
  readonly id: string;
  /** Absolute. */
  readonly path: string;
}

/** How long opening may take: the folder may be on a disk that does not answer. */
const OPEN_MS = 10_000;

/** How long closing may take; what is left then is found by the next server. */
const CLOSE_MS = 1000;

const CLOSING = "the scribe is closing";

/** Readings have no id: there is one at a time. */
const READING = "reading";

const logger = getLogger(["bulkhead", "confinement"]);

/** The scribe of a server. */
export class Scribe {
  /** The runs that it keeps, once it is open. */
  readonly runs: ScribeRuns;
  /**
   * Settles once the folders are there; rejects with the reason why they cannot be. `dead` are servers that
   * are gone: it is for this one, alone, to clean up after them.
   */
  readonly opened: Promise<{ readonly dead: readonly string[] }>;
  readonly #options: ScribeOptions;
  readonly #worker: Worker;
  readonly #opening = Promise.withResolvers<{ readonly dead: readonly string[] }>();
  readonly #closed = Promise.withResolvers<void>();
  /** The runs whose folders are being removed, by these. */
  readonly #runs = new Map<string, string>();
  readonly #log: LogFlow;
  readonly #reading: ScribeReading;
  /** The tools that have scratch folders. */
  readonly #tools: Set<string>;
  readonly #additions = new PendingAnswers<void>();
  readonly #makings = new PendingAnswers<void>();
  readonly #inspections = new PendingAnswers<InspectedFile>();
  readonly #readings = new PendingAnswers<MachineReading>();
  /** Resolve when something was removed, or will not be: by its id or nonce. */
  readonly #removals = new PendingAnswers<void>();
  #cancelTimer: () => void;
  #death: string | null = null;
  #isOpen = false;
  #isClosing = false;

  /** Makes the scribe. The caller's thread must hold its permissions until {@link opened} settles. */
  constructor(options: ScribeOptions) {
    this.#options = options;
    this.opened = this.#opening.promise;
    // Nobody may be waiting for it when it fails.
    this.opened.catch(() => {});
    this.#log = new LogFlow(({ bytes, lost }) => this.#send({ type: "log", bytes, lost }, [bytes.buffer]));
    const ask = (order: ToScribe) => {
      this.#mustBeOpen();
      this.#send(order);
    };
    this.#reading = new ScribeReading(ask);
    this.runs = new ScribeRuns(ask);
    this.#tools = new Set(options.tools);
    const { stateFolder, nonce, tools, uid, logFile, wordListFolders, readable, clock } = options;
    const logFolder = logFile === null ? null : folderOf(logFile.path);
    const permissions = scribePermissions(stateFolder, logFolder, wordListFolders, readable);
    const settings = { type: "module", name: "scribe", deno: { permissions } } as const;
    this.#worker = new Worker(SCRIBE_URL, settings);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(`it failed: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#die("it sent a message that cannot be read");
    this.#worker.onmessage = ({ data }) => this.#receive(data);
    this.#cancelTimer = clock.after(OPEN_MS, () => this.#die("it did not open in time"));
    this.#send({
      type: "open",
      order: { stateFolder, server: nonce, uid, tools, logFile, wordListFolders, readable },
    });
  }

  /** Why there is no scribe any more, or null while there is. */
  get death(): string | null {
    return this.#death;
  }

  /** The folder below which a tool's runs have theirs. It is there once the scribe is open. */
  scratchRoot(tool: string): string {
    return scratchRoot(this.#options.stateFolder, this.#options.nonce, tool);
  }

  /**
   * Makes the folder below which the runs of `tool` will have theirs, if it is not there yet.
   *
   * @throws {Error} when it cannot be made, with the reason and what to do
   */
  async addTool(tool: string): Promise<void> {
    await this.opened;
    this.#mustBeOpen();
    if (this.#tools.has(tool)) return;
    if (!isToolName(tool)) throw new Error(`${JSON.stringify(tool)} is no name of a tool`);
    if (!this.#additions.has(tool)) this.#send({ type: "add_tool", tool });
    await this.#additions.wait(tool);
    this.#tools.add(tool);
  }

  /**
   * Makes an empty folder for a run. Its name is not to be guessed, so no earlier run can have had it in mind.
   *
   * @throws {Error} when none can be made, with the reason and what to do
   */
  async makeScratch(tool: string): Promise<Scratch> {
    await this.opened;
    this.#mustBeOpen();
    if (!this.#tools.has(tool)) throw new Error(`the tool ${tool} has no scratch folders`);
    const id = newId();
    this.#send({ type: "make_scratch", tool, id });
    await this.#makings.wait(id);
    return { id, path: `${this.scratchRoot(tool)}/${id}` };
  }

  /**
   * Removes a run's folder and whatever was left in it, once no process of the run is left. Resolves in any case; the
   * log says what was not removed.
   *
   * @param run the run's id, for the log
   */
  removeScratch(tool: string, id: string, run?: string): Promise<void> {
    if (run !== undefined) this.#runs.set(id, run);
    return this.#remove(id, { type: "remove_scratch", tool, id });
  }

  /** Removes the folder of a server that was reported dead, in the same way. */
  forget(nonce: string): Promise<void> {
    return this.#remove(nonce, { type: "forget", nonce });
  }

  /**
   * Looks for a file in the folders of word lists.
   *
   * @param name relative, without any step up
   * @throws {Error} with the reason when there is none, or it may not be used
   */
  inspect(name: string): Promise<InspectedFile> {
    if (!this.#isOpen || this.#death !== null || this.#isClosing) {
      return Promise.reject(new Error(this.#death ?? "the scribe is not open"));
    }
    const id = newId();
    this.#send({ type: "inspect", id, name });
    return this.#inspections.wait(id);
  }

  /**
   * Reads a regular file of at most 4 MiB.
   *
   * @returns null when there is none
   * @throws {Error} with the reason when it cannot be read, or may not: it must be in what is `readable`
   */
  async readFile(path: string): Promise<Uint8Array | null> {
    return (await this.readFileWithFacts(path))?.bytes ?? null;
  }

  /** Like {@link readFile}, with whose the file is and who may do what with it, at the moment of reading. */
  async readFileWithFacts(path: string): Promise<FileRead | null> {
    await this.opened;
    return await this.#reading.readFile(path);
  }

  /**
   * Lists the names of all that is in a folder and is no folder itself, links to folders included.
   *
   * @returns null when there is no such folder
   * @throws {Error} with the reason when it cannot be listed, or may not, or holds more than 1024 names
   */
  async listFolder(path: string): Promise<readonly string[] | null> {
    await this.opened;
    return await this.#reading.listFolder(path);
  }

  /**
   * Looks at what is at `path`. What goes wrong with it is part of the answer.
   *
   * @param headBytes how much of the file's beginning is wanted, at most 65,536; with 0 it is not opened
   * @throws {Error} with the reason when it may not be looked at: it must be in what is `readable`
   */
  async look(path: string, headBytes: number): Promise<FileLook> {
    await this.opened;
    return await this.#reading.look(path, headBytes);
  }

  /**
   * Watches files and folders in place of those that were watched before. They are looked at once a second; a change is
   * told when it has lasted for one more look.
   *
   * Resolves when the first look is done: what is read after that, and is then changed, is told. What was watched before
   * and still is, is measured by what it was then.
   *
   * @throws {Error} with the reason when they may not be watched; what was watched before still is
   */
  async watch(paths: WatchedPaths, onChange: ChangeListener): Promise<void> {
    await this.opened;
    await this.#reading.watch(paths, onChange);
  }

  /**
   * Reads how busy the machine is, and how full the disk of the folder of state. Whoever asks while the answer is still
   * to come is given the same.
   *
   * @throws {Error} with the reason when there is no scribe to ask
   */
  async measure(): Promise<MachineReading> {
    await this.opened;
    this.#mustBeOpen();
    if (!this.#readings.has(READING)) this.#send({ type: "measure" });
    return await this.#readings.wait(READING);
  }

  /** Appends a line, which ends in a newline, to the log file, soon. Does nothing without a log file. */
  writeLog(line: string): void {
    if (this.#options.logFile === null || this.#isClosing || this.#death !== null) return;
    this.#log.write(line);
  }

  /** Writes what waits, removes the server's folder and ends the scribe: within a second, done or not. */
  close(): Promise<void> {
    if (this.#death === null && !this.#isClosing) {
      this.#isClosing = true;
      if (this.#isOpen) {
        const fail = ({ reject }: { readonly reject: (error: Error) => void }) => {
          reject(new Error(CLOSING));
        };
        this.#additions.settleAll(fail);
        this.#makings.settleAll(fail);
        this.#readings.settleAll(fail);
        this.#reading.fail(CLOSING);
        this.runs.fail(CLOSING);
        this.#cancelTimer = this.#options.clock.after(CLOSE_MS, () => this.#end("it was closed"));
        void this.#log.written().then(() => this.#send({ type: "close" }));
      } else {
        this.#end("it was closed");
      }
    }
    return this.#closed.promise;
  }

  /** @throws {Error} when no order is taken any more */
  #mustBeOpen(): void {
    if (this.#death !== null || this.#isClosing) throw new Error(this.#death ?? CLOSING);
  }

  #send(message: ToScribe, transfer: Transferable[] = []): void {
    if (this.#death === null) this.#worker.postMessage(message, transfer);
  }

  #remove(key: string, message: ToScribe): Promise<void> {
    if (!this.#isOpen || this.#death !== null || this.#isClosing) return Promise.resolve();
    if (!this.#removals.has(key)) this.#send(message);
    return this.#removals.wait(key);
  }

  #receive(data: unknown): void {
    if (this.#death !== null) return;
    if (!isFromScribe(data)) return this.#die("it sent a message that is not in the table");
    if (!this.#take(data)) this.#die(`it sent "${data.type}" unasked`);
  }

  /** @returns false when the message was not to be expected */
  #take(message: FromScribe): boolean {
    if (isRunAnswer(message)) return this.runs.answered(message) || this.#isClosing;
    switch (message.type) {
      case "opened":
        if (this.#isOpen) return false;
        this.#isOpen = true;
        this.#cancelTimer();
        this.#opening.resolve({ dead: message.dead });
        this.#log.start();
        return true;
      case "failed":
        if (this.#isOpen) return false;
        this.#end(message.reason);
        return true;
      case "made":
        return this.#makings.resolve(message.id, undefined) || this.#isClosing;
      case "not_made":
        return this.#makings.reject(message.id, message.reason) || this.#isClosing;
      case "removed":
        this.#runs.delete(message.id);
        return this.#removals.resolve(message.id, undefined);
      case "not_removed":
        logger.warn("a scratch folder could not be removed", {
          run_id: this.#runs.get(message.id) ?? null,
          folder: message.id,
          reason: message.reason,
        });
        this.#runs.delete(message.id);
        return this.#removals.resolve(message.id, undefined);
      case "forgotten":
        return this.#removals.resolve(message.nonce, undefined);
      case "not_forgotten":
        logger.warn("the folder of a server that is gone could not be removed", {
          server: message.nonce,
          reason: message.reason,
        });
        return this.#removals.resolve(message.nonce, undefined);
      case "inspected": {
        const { id, path, bytes, lines } = message;
        return this.#inspections.resolve(id, { path, bytes, lines });
      }
      case "not_inspected":
        return this.#inspections.reject(message.id, message.reason);
      case "tool_added":
        return this.#additions.resolve(message.tool, undefined) || this.#isClosing;
      case "tool_not_added":
        return this.#additions.reject(message.tool, message.reason) || this.#isClosing;
      case "file":
      case "folder":
      case "looked":
      case "watching":
        return this.#reading.answered(message) || this.#isClosing;
      case "not_read":
        return this.#reading.notRead(message.id, message.reason) || this.#isClosing;
      case "changed":
        this.#reading.changed(message.paths);
        return true;
      case "measured":
        return this.#readings.resolve(READING, message.reading) || this.#isClosing;
      case "log_failed":
        logger.error("the log file cannot be written", { reason: message.reason });
        return true;
      case "logged":
        return this.#log.answered();
      case "closed":
        if (!this.#isClosing) return false;
        this.#end("it was closed");
        return true;
      case "broken":
        this.#die(message.reason);
        return true;
    }
  }

  #die(reason: string): void {
    if (this.#death !== null) return;
    this.#end(`the scribe is gone: ${reason}`);
    logger.error("the scribe is gone", { reason });
    this.#options.onDeath?.(this.#death!);
  }

  #end(reason: string): void {
    this.#death = reason;
    this.#cancelTimer();
    this.#worker.terminate();
    this.#opening.reject(new Error(reason));
    const fail = ({ reject }: { readonly reject: (error: Error) => void }) => reject(new Error(reason));
    this.#additions.settleAll(fail);
    this.#makings.settleAll(fail);
    this.#reading.fail(reason);
    this.runs.fail(reason);
    this.#inspections.settleAll(fail);
    this.#readings.settleAll(fail);
    this.#removals.settleAll(({ resolve }) => resolve());
    this.#closed.resolve();
  }
}
