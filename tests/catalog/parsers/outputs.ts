import assert from "node:assert/strict";
import fc from "fast-check";
import type { OutputParser, ProgramOutput } from "../../../src/catalog/parsers/parser.ts";
import type { ParsedData } from "../../../src/catalog/parsers/registry.ts";

const FOLDER = new URL("../../fixtures/outputs/", import.meta.url);
const encoder = new TextEncoder();

/** How long the reading of 1 MiB may take, in milliseconds: far more than it does, for slow machines. */
const PATIENCE_MS = 2000;

/** @returns an output made of the texts. */
export function outputOf(stdout: string, stderr = "", partial = false): ProgramOutput {
  return { stdout: encoder.encode(stdout), stderr: encoder.encode(stderr), partial };
}

/** @returns a recorded output, such as "curl_ok"; one that was recorded without standard error has an empty one. */
export function recorded(name: string): ProgramOutput {
  const stdout = Deno.readFileSync(new URL(`${name}.stdout.txt`, FOLDER));
  let stderr = new Uint8Array();
  try {
    stderr = Deno.readFileSync(new URL(`${name}.stderr.txt`, FOLDER));
  } catch (error) {
    assert.ok(error instanceof Deno.errors.NotFound);
  }
  return { stdout, stderr, partial: false };
}

/** Parses and checks what every answer of a parser has to satisfy. */
export async function parsed<Data extends ParsedData>(
  parser: OutputParser<Data>,
  output: ProgramOutput,
): Promise<Data | null> {
  const data = await parser.parse(output);
  if (data === null) return null;
  assert.deepEqual(parser.schema.parse(data), data);
  const summary = parser.summarize(data);
  assert.notEqual(summary, "");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(summary, /[\x00-\x09\x0b-\x1f\x7f-\x9f]|undefined|NaN/);
  return data;
}

/** Like {@linkcode parsed}, for an output that can be read. */
export async function parsedWhole<Data extends ParsedData>(
  parser: OutputParser<Data>,
  output: ProgramOutput,
): Promise<Data> {
  const data = await parsed(parser, output);
  assert.ok(data !== null);
  return data;
}

/** @returns the output cut after each possible number of bytes of one of its streams. */
export function* truncations(output: ProgramOutput, stream: "stdout" | "stderr"): Generator<ProgramOutput> {
  for (let length = 0; length < output[stream].length; length++) {
    yield { ...output, [stream]: output[stream].subarray(0, length), partial: true };
  }
}

/** Feeds random bytes, and recorded outputs with random changes, to a parser. */
export async function fuzz<Data extends ParsedData>(
  parser: OutputParser<Data>,
  names: readonly string[],
): Promise<void> {
  const bytes = fc.uint8Array({ maxLength: 400 });
  await fc.assert(fc.asyncProperty(bytes, bytes, fc.boolean(), async (stdout, stderr, partial) => {
    await parsed(parser, { stdout, stderr, partial });
  }));
  const outputs = names.map(recorded);
  const change = fc.record({
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    position: fc.double({ min: 0, max: 1, noNaN: true }),
    removed: fc.nat({ max: 40 }),
    inserted: fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.string({ unit: "binary" }).map((s) => encoder.encode(s)),
    ),
  });
  const changes = fc.array(change, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...outputs), changes, fc.boolean(), async (output, edits, partial) => {
      const streams = { stdout: output.stdout, stderr: output.stderr };
      for (const { stream, position, removed, inserted } of edits) {
        const old = streams[stream];
        const start = Math.floor(position * old.length);
        streams[stream] = Uint8Array.from([
          ...old.subarray(0, start),
          ...inserted,
          ...old.subarray(start + removed),
        ]);
      }
      await parsed(parser, { ...streams, partial });
    }),
    { numRuns: 400 },
  );
}

/** Gives a parser 1 MiB of each text, repeated, and checks that it takes no longer than linear work does. */
export async function flood<Data extends ParsedData>(
  parser: OutputParser<Data>,
  texts: readonly { before?: string; repeated: string; after?: string; stderr?: boolean }[],
): Promise<void> {
  for (const { before = "", repeated, after = "", stderr = false } of texts) {
    const text = before + repeated.repeat(Math.ceil(2 ** 20 / repeated.length)) + after;
    const start = performance.now();
    await parsed(parser, stderr ? outputOf("", text) : outputOf(text));
    const took = performance.now() - start;
    assert.ok(took < PATIENCE_MS, `${JSON.stringify(before + repeated.slice(0, 40))} took ${took} ms`);
  }
}
