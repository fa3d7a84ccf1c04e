/**
 * The server's side of what the scribe reads for it: questions, each with its answer, and word of what has changed.
 *
 * @module
 */
import { newId } from "../core/ids.ts";
import {
  type FileLook,
  type FileRead,
  isAbsolutePath,
  MAX_HEAD_BYTES,
  MAX_WATCHED,
  type WatchedPaths,
} from "./file_look.ts";
import type { FromScribe, ToScribe } from "./scribe_protocol.ts";

/** What may answer a question. */
type Answer = Extract<FromScribe, { type: "file" | "folder" | "looked" | "watching" }>;

/** What is asked: without its id, which is given here. */
type Question =
  | { readonly type: "read_file"; readonly path: string }
  | { readonly type: "list_folder"; readonly path: string }
  | { readonly type: "look"; readonly path: string; readonly headBytes: number }
  | ({ readonly type: "watch" } & WatchedPaths);

interface Asked {
  readonly type: Answer["type"];
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** Told of paths that have changed, as they were given. */
export type ChangeListener = (paths: readonly string[]) => void;

/** Questions to a scribe. They reject with the reason when there is no answer. */
export class ScribeReading {
  readonly #send: (order: ToScribe) => void;
  readonly #asked = new Map<string, Asked>();
  #watch: { readonly paths: ReadonlySet<string>; readonly onChange: ChangeListener } = {
    paths: new Set(),
    onChange: () => {},
  };

  /** @param send throws when no order is taken any more */
  constructor(send: (order: ToScribe) => void) {
    this.#send = send;
  }

  async readFile(path: string): Promise<FileRead | null> {
    return (await this.#ask("file", { type: "read_file", path }, [path])).file;
  }

  async listFolder(path: string): Promise<readonly string[] | null> {
    return (await this.#ask("folder", { type: "list_folder", path }, [path])).names;
  }

  async look(path: string, headBytes: number): Promise<FileLook> {
    const bytes = Math.min(headBytes, MAX_HEAD_BYTES);
    return (await this.#ask("looked", { type: "look", path, headBytes: bytes }, [path])).look;
  }

  async watch({ files, folders }: WatchedPaths, onChange: ChangeListener): Promise<void> {
    for (const paths of [files, folders]) {
      if (paths.length > MAX_WATCHED) throw new Error(`more than ${MAX_WATCHED} paths cannot be watched`);
    }
    const paths = [...files, ...folders];
    const before = this.#watch;
    const watch = { paths: new Set(paths), onChange };
    try {
      // From the moment of asking: the first change may be told together with the answer.
      await this.#ask("watching", { type: "watch", files, folders }, paths, () => this.#watch = watch);
    } catch (error) {
      if (this.#watch === watch) this.#watch = before;
      throw error;
    }
  }

  /** Takes an answer. @returns false when nobody has asked for it */
  answered(answer: Answer): boolean {
    const asked = this.#asked.get(answer.id);
    if (asked === undefined || asked.type !== answer.type) return false;
    this.#asked.delete(answer.id);
    asked.resolve(answer);
    return true;
  }

  /** Takes the word that there is no answer. @returns false when nobody has asked */
  notRead(id: string, reason: string): boolean {
    this.#asked.get(id)?.reject(new Error(reason));
    return this.#asked.delete(id);
  }

  /** Takes word of changes, which may still be about what was watched before. */
  changed(paths: readonly string[]): void {
    const watched = paths.filter((path) => this.#watch.paths.has(path));
    if (watched.length > 0) this.#watch.onChange(watched);
  }

  /** No more answers come. */
  fail(reason: string): void {
    for (const { reject } of this.#asked.values()) reject(new Error(reason));
    this.#asked.clear();
  }

  #ask<Type extends Answer["type"]>(
    type: Type,
    question: Question,
    paths: readonly string[],
    whenSent = () => {},
  ): Promise<Extract<Answer, { readonly type: Type }>> {
    return new Promise((resolve, reject) => {
      // An order that is not in the table would end the scribe, and such names come from files: a script's first line.
      const bad = paths.find((path) => !isAbsolutePath(path));
      if (bad !== undefined) throw new Error(`${JSON.stringify(bad)} is not an absolute path`);
      const id = newId();
      this.#send({ ...question, id });
      this.#asked.set(id, {
        type,
        // It is of this type, or it is not taken.
        resolve: (answer) => resolve(answer as Extract<Answer, { readonly type: Type }>),
        reject,
      });
      whenSent();
    });
  }
}
