import fc from "fast-check";
import { hasPrototypeKey, toJson } from "./support.ts";
import type { Position } from "../../src/documents/text_positions.ts";

/** What the renderer can write. */
export type Tree = string | number | boolean | null | readonly Tree[] | { readonly [key: string]: Tree };

const text = fc.oneof(
  fc.constantFrom("word", "two words", "it's", "a: b", "- c", "# d", "", "é😀", "line\n", "two\nlines\n"),
  fc.string({ unit: "grapheme", maxLength: 8 }),
);

/** Nested mappings, lists and scalars. */
export const tree: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(text, tie("tree"), { maxKeys: 4, noNullPrototype: true }),
  ),
})).tree.filter((value) => !hasPrototypeKey(value));

/** Where a path's key and value were written. */
export interface Place {
  readonly path: readonly (string | number)[];
  readonly key: Position;
  readonly value: Position;
}

/** Writes a tree as block YAML, in a style that changes with its choices, and remembers where it put everything. */
export class BlockRenderer {
  text = "";
  readonly places: Place[] = [];
  readonly #choices: Iterator<number>;
  #line = 1;
  #column = 1;

  /** @param choices small numbers without end. */
  constructor(choices: Iterator<number>) {
    this.#choices = choices;
  }

  render(value: Tree): void {
    this.#filler(0);
    const at = this.#value(value, 0, []);
    this.places.push({ path: [], key: at, value: at });
    this.#write("\n");
  }

  #choose(oneIn: number): boolean {
    return this.#choices.next().value % oneIn === 0;
  }

  #here(): Position {
    return { line: this.#line, column: this.#column };
  }

  #write(text: string): Position {
    const start = this.#here();
    this.text += text;
    for (const character of text) {
      if (character === "\n") {
        this.#line++;
        this.#column = 1;
      } else {
        this.#column++;
      }
    }
    return start;
  }

  /** Begins a line, perhaps after an empty one or a comment. */
  #filler(indent: number): void {
    if (this.#choose(6)) this.#write("\n");
    if (this.#choose(6)) this.#write(`${" ".repeat(indent)}# | a "comment": - é😀\n`);
  }

  #value(value: Tree, indent: number, path: Place["path"]): Position {
    if (Array.isArray(value) && value.length > 0) return this.#list(value, indent, path);
    if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
      return this.#mapping(Object.entries(value), indent, path);
    }
    if (typeof value === "string") return this.#text(value, indent);
    return this.#write(JSON.stringify(value));
  }

  #text(value: string, indent: number): Position {
    if (/^[a-z]+( [a-z]+)*$/.test(value) && !/^(true|false|null)$/.test(value) && this.#choose(2)) {
      return this.#write(value);
    }
    if (/^([a-z]+\n)+$/.test(value) && this.#choose(2)) {
      const at = this.#write(this.#choose(2) ? "|" : "| # not > this");
      for (const line of value.trimEnd().split("\n")) this.#write(`\n${" ".repeat(indent + 1)}${line}`);
      return at;
    }
    if (/^[ -~é😀]*$/u.test(value) && this.#choose(2)) return this.#write(`'${value.replaceAll("'", "''")}'`);
    return this.#write(toJson(value));
  }

  #list(items: readonly Tree[], indent: number, path: Place["path"]): Position {
    const start = this.#here();
    items.forEach((item, index) => {
      if (index > 0) this.#nextLine(indent);
      this.#write("-");
      const at = this.#child(item, indent, [...path, index], true);
      this.places.push({ path: [...path, index], key: at, value: at });
    });
    return start;
  }

  #mapping(entries: readonly (readonly [string, Tree])[], indent: number, path: Place["path"]): Position {
    const start = this.#here();
    entries.forEach(([name, value], index) => {
      if (index > 0) this.#nextLine(indent);
      const key = /^[a-z]+$/.test(name) && this.#choose(2) ? this.#write(name) : this.#write(toJson(name));
      this.#write(this.#choose(6) ? " :" : ":");
      this.places.push({
        path: [...path, name],
        key,
        value: this.#child(value, indent, [...path, name], false),
      });
    });
    return start;
  }

  #nextLine(indent: number): void {
    this.#write("\n");
    this.#filler(indent);
    this.#write(" ".repeat(indent));
  }

  /** Writes a value behind `-` or `key:`, on the same line where that is allowed and chosen. */
  #child(value: Tree, indent: number, path: Place["path"], compact: boolean): Position {
    const isCollection = typeof value === "object" && value !== null && Object.keys(value).length > 0;
    const gap = 1 + (this.#choose(6) ? 2 : 0);
    if (!isCollection || (compact && this.#choose(2))) {
      this.#write(" ".repeat(gap));
      return this.#value(value, isCollection ? indent + 1 + gap : indent, path);
    }
    if (this.#choose(6)) this.#write(" # below");
    this.#nextLine(indent + gap);
    return this.#value(value, indent + gap, path);
  }
}
