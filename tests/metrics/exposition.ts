/**
 * A second reading of the text format 0.0.4, made from its description and not from the renderer: a reader that goes
 * through the text character by character, and refuses what does not belong there.
 *
 * @see {@link https://prometheus.io/docs/instrumenting/exposition_formats/}
 * @module
 */

/** One line with a value. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric with its lines. */
export interface ParsedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: ParsedSample[];
}

/** Reads a whole exposition; throws where it is not as it must be. */
export function parseExposition(text: string): ParsedFamily[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new Error("the last line does not end");
  const families: ParsedFamily[] = [];
  let help: { name: string; help: string } | undefined;
  for (const line of lines) {
    if (line.startsWith("# HELP ")) {
      const reader = new LineReader(line.slice(7));
      const name = reader.word();
      reader.expect(" ");
      help = { name, help: reader.escaped("") };
      if (families.some((family) => family.name === name)) throw new Error(`${name} comes twice`);
    } else if (line.startsWith("# TYPE ")) {
      const [name, type, ...more] = line.slice(7).split(" ");
      if (name === undefined || type === undefined || more.length > 0) throw new Error(`not a type: ${line}`);
      if (help?.name !== name) throw new Error(`no help before the type of ${name}`);
      families.push({ ...help, type, samples: [] });
      help = undefined;
    } else {
      const family = families.at(-1);
      const sample = parseSample(line);
      const suffixes = family?.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      if (family === undefined || !suffixes.some((suffix) => sample.name === family.name + suffix)) {
        throw new Error(`a line outside its metric: ${line}`);
      }
      const id = JSON.stringify([sample.name, Object.entries(sample.labels).sort()]);
      const ids = family.samples.map(({ name, labels }) =>
        JSON.stringify([name, Object.entries(labels).sort()])
      );
      if (ids.includes(id)) throw new Error(`a series comes twice: ${line}`);
      family.samples.push(sample);
    }
  }
  return families;
}

function parseSample(line: string): ParsedSample {
  const reader = new LineReader(line);
  const name = reader.word();
  const labels: [string, string][] = [];
  if (reader.takes("{")) {
    do {
      const label = reader.word();
      reader.expect("=");
      reader.expect('"');
      labels.push([label, reader.escaped('"')]);
      reader.expect('"');
    } while (reader.takes(","));
    reader.expect("}");
  }
  reader.expect(" ");
  const value = reader.rest();
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(value)) throw new Error(`not a finite number: ${line}`);
  if (new Set(labels.map(([label]) => label)).size < labels.length) throw new Error(`a label twice: ${line}`);
  return { name, labels: Object.fromEntries(labels), value: Number(value) };
}

class LineReader {
  #at = 0;

  constructor(readonly line: string) {}

  takes(character: string): boolean {
    const isThere = this.line[this.#at] === character;
    if (isThere) this.#at++;
    return isThere;
  }

  expect(character: string): void {
    if (!this.takes(character)) throw new Error(`no ${character} at ${this.#at}: ${this.line}`);
  }

  /** A name of a metric or label. */
  word(): string {
    let word = "";
    while (/[a-zA-Z0-9_:]/.test(this.line[this.#at] ?? "")) word += this.line[this.#at++];
    if (word === "" || /\d/.test(word[0]!)) throw new Error(`no name at ${this.#at}: ${this.line}`);
    return word;
  }

  /** Text up to an unescaped `end`, or the end of the line; a help text escapes no quotation marks. */
  escaped(end: string): string {
    const meanings: Record<string, string> = { "\\": "\\", n: "\n", ...(end === '"' && { '"': '"' }) };
    let text = "";
    while (this.#at < this.line.length && this.line[this.#at] !== end) {
      const character = this.line[this.#at++]!;
      const meaning = character === "\\" ? meanings[this.line[this.#at++] ?? ""] : character;
      if (meaning === undefined) throw new Error(`an unknown escape at ${this.#at}: ${this.line}`);
      text += meaning;
    }
    return text;
  }

  rest(): string {
    return this.line.slice(this.#at);
  }
}
