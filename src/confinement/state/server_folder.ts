/**
 * A server's own folder in the folder of all servers' state, held by a lock for as long as the server lives:
 * so that the next one can tell what was left behind by a server that is gone, and remove it.
 *
 * @module
 */
import {
  MAX_DEAD,
  MAX_TOOLS,
  NONCE_PATTERN,
  scratchRoot,
  type ScribeOrder,
  serverFolder,
  serversFolder,
} from "../scribe_protocol.ts";
import { tryLockFile } from "./file_lock.ts";
import { ownFolder, PRIVATE_FILE_MODE, regain } from "./own_folder.ts";
import { ToolScratch } from "./tool_scratch.ts";
import { LeftBehind, PRIVATE_FOLDER_MODE, Trash } from "./trash.ts";

/** A folder without a lock is in the making for this long, then it counts as left behind. */
const MAKING_MS = 60_000;

/**
 * To be written only: whoever can open a file can lock it, and a program, which may write nothing here, could otherwise
 * take the lock of its dead server and pass for a living one.
 */
const LOCK_MODE = 0o200;

/** The folder of this server, open. */
export class ServerFolder {
  readonly #order: ScribeOrder;
  readonly #path: string;
  readonly #trash: Trash;
  readonly #lock: Deno.FsFile;
  readonly #tools = new Map<string, ToolScratch>();
  /**
   * The servers that are gone, and the locks on their folders, so that only this one cleans up after them.
   */
  readonly #dead = new Map<string, Deno.FsFile | null>();

  private constructor(order: ScribeOrder) {
    this.#order = order;
    this.#path = serverFolder(order.stateFolder, order.server);
    const own = { mode: PRIVATE_FOLDER_MODE };
    Deno.mkdirSync(this.#path, own);
    this.#lock = makeLock(this.#path);
    const about = { pid: Deno.pid, started: new Date().toISOString() };
    Deno.writeTextFileSync(`${this.#path}/server.json`, `${JSON.stringify(about)}\n`, {
      mode: PRIVATE_FILE_MODE,
    });
    Deno.mkdirSync(`${this.#path}/trash`, own);
    this.#trash = new Trash(`${this.#path}/trash`, `${order.stateFolder}/unremovable`);
    Deno.mkdirSync(`${this.#path}/scratch`, own);
    for (const tool of order.tools) this.#makeRoot(tool);
  }

  /**
   * Makes the folder of all servers' state when it is not there, and this server's in it.
   *
   * @throws {Error} when state cannot be kept there, with a reason to show
   */
  static async open(order: ScribeOrder): Promise<ServerFolder> {
    for (const path of [order.stateFolder, serversFolder(order.stateFolder)]) ownFolder(path, order.uid);
    const folder = new ServerFolder(order);
    await folder.#findDead();
    return folder;
  }

  /** The servers that are gone and that this one, alone, is to clean up after. */
  get dead(): string[] {
    return [...this.#dead.keys()];
  }

  /** Whether there are scratch folders for `tool`. */
  hasTool(tool: string): boolean {
    return this.#tools.has(tool);
  }

  /**
   * Makes the scratch folder of a tool that was not known before; of one that was, does nothing.
   *
   * @throws {Error} with a reason to show, and what to do
   */
  addTool(tool: string): void {
    if (this.hasTool(tool)) return;
    const cannotMake = (reason: string) => {
      return new Error(`cannot make the folder "${this.#scratchRoot(tool)}": ${reason}`);
    };
    if (this.#tools.size >= MAX_TOOLS) {
      throw cannotMake(`there are ${MAX_TOOLS} already since the start. Start the server again`);
    }
    try {
      this.#regain();
      this.#makeRoot(tool);
    } catch (error) {
      throw cannotMake(`${(error as Error).message}. ${adviceOn(error, this.#order.stateFolder)}`);
    }
  }

  /**
   * Makes an empty folder for a run of `tool`, which is one of the tools.
   *
   * @param id not to be guessed, and never used before
   * @throws {Error} with a reason to show, and what to do
   */
  async makeScratch(tool: string, id: string): Promise<void> {
    try {
      this.#regain(this.#scratchRoot(tool));
      await this.#tools.get(tool)!.make(id);
    } catch (error) {
      const { stateFolder } = this.#order;
      const what = `a folder for the run in "${this.#scratchRoot(tool)}"`;
      throw new Error(`cannot make ${what}: ${(error as Error).message}. ${adviceOn(error, stateFolder)}`);
    }
  }

  /**
   * Removes what {@link makeScratch} made, once no process of the run is left, and everything that was put there.
   *
   * @throws {Error} for the first thing that could not be removed
   */
  async removeScratch(tool: string, id: string): Promise<void> {
    this.#regain(this.#scratchRoot(tool));
    await this.#tools.get(tool)!.remove(id);
  }

  /**
   * Removes the folder of a server that is gone.
   *
   * @throws {Error} when it, or something in it, could not be removed
   */
  async forget(nonce: string): Promise<void> {
    const lock = this.#dead.get(nonce);
    if (lock === undefined) throw new Error("it was not found dead");
    this.#regain();
    const place = this.#trash.take(serverFolder(this.#order.stateFolder, nonce));
    this.#dead.delete(nonce);
    try {
      if (place !== null) await this.#trash.removeTaken([place]);
    } finally {
      lock?.close();
    }
  }

  /** Removes the folder and lets go of the lock, which is the last thing to be removed. */
  async close(): Promise<void> {
    try {
      this.#regain();
      await this.#trash.remove(`${this.#path}/scratch`).catch((error) => {
        if (!(error instanceof LeftBehind)) throw error;
      });
      // Not recursively: what the trash could not remove it cannot either, and may be deep.
      for (const name of ["server.json", "trash", "lock", ""]) Deno.removeSync(`${this.#path}/${name}`);
    } finally {
      this.#lock.close();
      for (const lock of this.#dead.values()) lock?.close();
    }
  }

  #makeRoot(tool: string): void {
    const root = this.#scratchRoot(tool);
    Deno.mkdirSync(root, { mode: PRIVATE_FOLDER_MODE });
    this.#tools.set(tool, new ToolScratch(root, this.#trash));
  }

  #scratchRoot(tool: string): string {
    return scratchRoot(this.#order.stateFolder, this.#order.server, tool);
  }

  /** {@link regain} of our own folders. */
  #regain(...more: readonly string[]): void {
    const { stateFolder } = this.#order;
    const own = ["", "/trash", "/scratch"].map((name) => `${this.#path}${name}`);
    regain([stateFolder, serversFolder(stateFolder), ...own, ...more]);
  }

  async #findDead(): Promise<void> {
    const folder = serversFolder(this.#order.stateFolder);
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      if (!isDirectory || name === this.#order.server || !NONCE_PATTERN.test(name)) continue;
      const lock = await lockOfDead(`${folder}/${name}`);
      if (lock !== "alive") this.#dead.set(name, lock);
      if (this.#dead.size === MAX_DEAD) return;
    }
  }
}

/** What a person can do when a folder cannot be made. */
function adviceOn(error: unknown, stateFolder: string): string {
  const { code } = error as { readonly code?: string };
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return `The folder for state "${stateFolder}" was removed while the server ran: start the server again`;
    case "ENOSPC":
    case "EDQUOT":
      return `There is no room in the folder for state "${stateFolder}": make some there`;
    default:
      return `Check that the folder for state "${stateFolder}" can be written`;
  }
}

/** The lock has its name only once it is held: whoever finds it free knows that its server is gone. */
function makeLock(folder: string): Deno.FsFile {
  const lock = Deno.openSync(`${folder}/lock.new`, { createNew: true, write: true, mode: LOCK_MODE });
  lock.lockSync(true);
  Deno.renameSync(`${folder}/lock.new`, `${folder}/lock`);
  return lock;
}

/** The lock on the folder of a server that is gone, null when it has none. */
async function lockOfDead(folder: string): Promise<Deno.FsFile | null | "alive"> {
  try {
    return await tryLockFile(`${folder}/lock`) ?? "alive";
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return "alive";
  }
  try {
    const madeMs = Deno.lstatSync(folder).mtime?.getTime() ?? Infinity;
    return Date.now() - madeMs > MAKING_MS ? null : "alive";
  } catch {
    // It was removed in the meantime.
    return "alive";
  }
}
