import assert from "node:assert/strict";
import { AjvJsonSchemaValidator } from "../../src/mcp/sdk_v1.ts";

/** A document as a client reads it: what is looked at here, and nothing of our own types. */
export interface ReadDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: unknown;
}

interface Operation {
  readonly responses: Readonly<Record<string, Described>>;
}

interface Described {
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: unknown }>>;
}

/** An answer as it came over the wire. */
export interface WireAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const PROBLEM = { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } };

/** Answers to what is nowhere, which no operation describes. */
const NOWHERE = [401, 403, 404, 405, 429, 500];

/** The least that each of these statuses must bring; RFC 9110, sections 11.6.1, 10.2.1 and 10.2.3. */
const NEEDED: Readonly<Record<number, string>> = {
  401: "www-authenticate",
  405: "allow",
  429: "retry-after",
};

const validator = new AjvJsonSchemaValidator();

/** Holds answers to what a document says of them. */
export class AnswerCheck {
  readonly #document: ReadDocument;
  readonly #validators = new Map<string, (value: unknown) => string | null>();
  /** What has been seen: `GET /tools 200`. */
  readonly seen = new Set<string>();

  constructor(document: ReadDocument) {
    this.#document = document;
  }

  /** @param target the path that was asked for, with its query */
  check(method: string, target: string, answer: WireAnswer): void {
    const path = decoded(new URL(target, "http://x").pathname);
    const { status, headers, text } = answer;
    const what = `${method} ${target} ${status} ${headers.get("content-type")}: ${text.slice(0, 500)}`;
    const template = this.#templateOf(path);
    const operation = template === null
      ? undefined
      : this.#document.paths[template]![method === "HEAD" ? "get" : method.toLowerCase()];
    const isNowhere = operation === undefined || (method === "HEAD" && status === 405);
    if (isNowhere) assert(NOWHERE.includes(status), `nothing describes ${what}`);
    const described: Described = isNowhere ? { content: PROBLEM } : operation.responses[status] ??
      assert.fail(`nothing describes ${what}`);
    if (!isNowhere) this.seen.add(`${method} ${template} ${status}`);
    const needed = NEEDED[status];
    if (needed !== undefined) assert(headers.has(needed), `${needed} is missing: ${what}`);
    for (const name of ["www-authenticate", "retry-after", "content-range"]) {
      const isSaid = isNowhere || described.headers?.[name] !== undefined;
      assert(!headers.has(name) || isSaid, `nothing describes ${name}: ${what}`);
    }
    if (method === "HEAD") return assert.equal(text, "", what);
    if (described.content === undefined) return assert.equal(text, "", what);
    const type = headers.get("content-type") ?? "";
    const content = described.content[type] ?? described.content[type.split(";")[0]!] ??
      assert.fail(`nothing describes the type of ${what}`);
    if (content.schema === undefined) return;
    assert.equal(this.#mistake(content.schema, JSON.parse(text)), null, what);
    if (type === "application/problem+json") assert.equal(JSON.parse(text).status, status, what);
  }

  #templateOf(path: string): string | null {
    const fits = (template: string) =>
      new RegExp(`^${template.replaceAll(".", "\\.").replace(/\{[a-z]+\}/g, "[^/]+")}$`).test(path);
    return Object.keys(this.#document.paths).find(fits) ?? null;
  }

  #mistake(schema: unknown, value: unknown): string | null {
    const key = JSON.stringify(schema);
    const known = this.#validators.get(key) ?? this.#compile(schema);
    this.#validators.set(key, known);
    return known(value);
  }

  #compile(schema: unknown): (value: unknown) => string | null {
    const whole = { allOf: [schema], components: this.#document.components };
    const check = validator.getValidator(structuredClone(whole) as never);
    return (value) => {
      const checked = check(value);
      return checked.valid ? null : checked.errorMessage ?? "not valid";
    };
  }
}

/** A path as it is meant, letters that need no escape being escaped or not. */
function decoded(path: string): string {
  return path.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : escape;
  });
}
