/**
 * A kept run as JSON, in pieces: an output of a megabyte may be six as JSON, and whoever asks for it on many connections
 * and reads none must not have all of that made, and kept, at once.
 *
 * @module
 */
import type { StreamName } from "../confinement/protocol.ts";
import type { RunResult } from "../core/result.ts";
import type { EndedRun } from "./kept_run.ts";
import type { RunStore } from "./run_store.ts";

/** Bytes of output that become one piece. */
export const PIECE_BYTES = 65_536;

/**
 * The JSON of a record, a piece at a time; together it is what `JSON.stringify` makes of {@link RunStore.record}.
 *
 * @returns null when the run is not there any more; when it goes later, the pieces end with an error
 */
export async function recordInPieces(store: RunStore, run: EndedRun): Promise<AsyncGenerator<string> | null> {
  const { run_id: id, started_at, client } = run.summary;
  const result = await store.text(id, "result", run.bytes.result);
  if (result === null) return null;
  // What was written here, by us.
  return pieces(store, run, { ...JSON.parse(result) as RunResult, started_at, client });
}

async function* pieces(store: RunStore, run: EndedRun, fields: object): AsyncGenerator<string> {
  let text = "{";
  for (const [name, value] of Object.entries(fields)) {
    if (text !== "{") text += ",";
    text += `${JSON.stringify(name)}:`;
    if (name !== "stdout" && name !== "stderr") {
      text += JSON.stringify(value);
      continue;
    }
    yield `${text}"`;
    yield* output(store, run, name);
    text = '"';
  }
  yield `${text}}`;
}

/** What stands between the quotation marks. */
async function* output(store: RunStore, run: EndedRun, stream: StreamName): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const length = run.bytes[stream];
  for (let offset = 0; offset < length; offset += PIECE_BYTES) {
    const bytes = await store.read(
      run.summary.run_id,
      stream,
      offset,
      Math.min(PIECE_BYTES, length - offset),
    );
    if (bytes === null) throw new Error("the run is not kept any more");
    yield JSON.stringify(decoder.decode(bytes, { stream: true })).slice(1, -1);
  }
  yield JSON.stringify(decoder.decode()).slice(1, -1);
}
