/**
 * Files that are played, asked about as through the scribe, and setups made from them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Lookout } from "../../src/server/reloader.ts";
import { assembleSetup, type Setup } from "../../src/server/setup.ts";
import { type ConfigFlags, type ConfigWorld, loadConfig } from "../../src/config/load.ts";
import type { FileLook, FileRead, Looked, WatchedPaths } from "../../src/confinement/file_look.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import type { FileFacts } from "../../src/catalog/program.ts";
import type { MachineFiles } from "../../src/server/find_tools.ts";

/** What a path holds: text of mode 0644 that belongs to root, unless more is said. */
export interface PlayedFile {
  readonly text: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  /** Reading it fails with this. */
  readonly error?: Error;
  /** The real path, of a link. */
  readonly link?: string;
}

const TEXT = new TextEncoder();

/** A program without a loader: 64 bits, little endian, one program header that says nothing. */
export const STATIC_PROGRAM: PlayedFile = { text: staticElf(), mode: 0o755 };

function staticElf(): Uint8Array {
  const bytes = new Uint8Array(120);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint16(16, 2, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 1, true);
  return bytes;
}

/** A script of that interpreter. */
export function script(interpreter: string): PlayedFile {
  return { text: `#!${interpreter}\n`, mode: 0o755 };
}

/** A file system that a test changes, and the scribe that looks at it. */
export class PlayedFiles implements Lookout, MachineFiles {
  readonly files: Map<string, PlayedFile>;
  /** Why nothing is answered any more, or null. */
  death: string | null = null;
  /** Waited for before each answer. */
  gate: Promise<void> = Promise.resolve();
  /** Every path that was read or listed, in order. */
  readonly read: string[] = [];
  /** Called when a path is about to be read. */
  onRead: (path: string) => void = () => {};
  watched: WatchedPaths = { files: [], folders: [] };
  #onChange: (paths: readonly string[]) => void = () => {};

  constructor(files: Readonly<Record<string, PlayedFile | string>>) {
    this.files = new Map(
      Object.entries(files).map(([path, file]) => [path, typeof file === "string" ? { text: file } : file]),
    );
  }

  /** Puts a file there; null takes it away. */
  put(path: string, file: PlayedFile | string | null): void {
    if (file === null) this.files.delete(path);
    else this.files.set(path, typeof file === "string" ? { text: file } : file);
  }

  /** Says that these have changed, as the scribe does. */
  tell(...paths: readonly string[]): void {
    this.#onChange(paths);
  }

  async readFile(path: string): Promise<Uint8Array | null> {
    return (await this.readFileWithFacts(path))?.bytes ?? null;
  }

  async readFileWithFacts(path: string): Promise<FileRead | null> {
    await this.#answers(path);
    const file = this.#at(path);
    if (file === undefined) return null;
    if (file.error !== undefined) throw file.error;
    return { bytes: bytesOf(file), mode: file.mode ?? 0o644, uid: file.uid ?? 0 };
  }

  async listFolder(path: string): Promise<readonly string[] | null> {
    await this.#answers(path);
    if (!this.#isFolder(path)) return null;
    return [...this.files.keys()].filter((file) => file.startsWith(`${path}/`))
      .map((file) => file.slice(path.length + 1)).filter((name) => !name.includes("/"));
  }

  async look(path: string, headBytes: number): Promise<FileLook> {
    await this.#alive();
    return {
      stat: looked(() => this.stat(path)),
      realPath: looked(() => this.realPath(path)),
      head: looked(() => headBytes === 0 ? new Uint8Array() : this.readHead(path, headBytes)),
    };
  }

  async watch(paths: WatchedPaths, onChange: (paths: readonly string[]) => void): Promise<void> {
    await this.#alive();
    this.watched = paths;
    this.#onChange = onChange;
  }

  stat(path: string): FileFacts | null {
    const file = this.#at(path);
    if (file === undefined && !this.#isFolder(path)) return null;
    const mode = file === undefined ? 0o755 : file.mode ?? 0o644;
    return { isFile: file !== undefined, mode, uid: file?.uid ?? 0, gid: 0 };
  }

  realPath(path: string): string {
    const link = this.files.get(path)?.link;
    if (link !== undefined) return this.realPath(link);
    if (!this.files.has(path) && !this.#isFolder(path)) throw new Deno.errors.NotFound(path);
    return path;
  }

  readHead(path: string, bytes: number): Uint8Array {
    const file = this.#at(path);
    if (file === undefined) throw new Deno.errors.NotFound(path);
    if (file.error !== undefined) throw file.error;
    return bytesOf(file).subarray(0, bytes);
  }

  #at(path: string): PlayedFile | undefined {
    const file = this.files.get(path);
    return file?.link === undefined ? file : this.#at(file.link);
  }

  #isFolder(path: string): boolean {
    return [...this.files.keys()].some((file) => file.startsWith(`${path}/`));
  }

  async #answers(path: string): Promise<void> {
    this.onRead(path);
    this.read.push(path);
    await this.#alive();
  }

  async #alive(): Promise<void> {
    await this.gate;
    if (this.death !== null) throw new Error(this.death);
  }
}

function bytesOf({ text }: PlayedFile): Uint8Array {
  return typeof text === "string" ? TEXT.encode(text) : text.slice();
}

function looked<T>(look: () => T): Looked<T> {
  try {
    return { ok: true, value: look() };
  } catch (error) {
    const { name, message } = error as Error;
    return { ok: false, name: name === "NotFound" ? name : "Error", message };
  }
}

/** The configuration file of {@link setupOf}. */
export const CONFIG = "/etc/bulkhead/config.yaml";

/** What a start reads from played files: the configuration at {@link CONFIG}, and the manifests of its folders. */
export function setupOf(
  played: PlayedFiles,
  flags: Partial<ConfigFlags> = {},
  env: Readonly<Record<string, string>> = {},
): Setup {
  const all: ConfigFlags = { config: CONFIG, tools: [], allowTargets: [], ...flags };
  const world: ConfigWorld = {
    cwd: "/work",
    env: (name) => env[name],
    readFile: (path) => {
      const file = played.files.get(path);
      return file === undefined ? null : bytesOf(file);
    },
  };
  const loaded = loadConfig(all, world);
  assert(loaded.ok, loaded.ok ? "" : loaded.diagnostics.map(formatDiagnostic).join("\n"));
  const manifests = loaded.config.tools.dirs.flatMap((folder) =>
    [...played.files].filter(([path]) => path.startsWith(`${folder}/`))
      .map(([file, content]) => ({ file, bytes: bytesOf(content) }))
  );
  const assembled = assembleSetup(all, world, loaded, manifests);
  assert(assembled.ok, assembled.ok ? "" : assembled.diagnostics.map(formatDiagnostic).join("\n"));
  return assembled.setup;
}

/** A manifest of a tool without a target, with `more` lines at its end. */
export function manifestText(name: string, command: string, more = ""): string {
  return `name: ${name}\ntitle: T\ndescription: D\ncommand: ${command}\n${more}`;
}
