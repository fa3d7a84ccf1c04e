/**
 * Where each value of the configuration comes from.
 *
 * @module
 */
import type { Diagnostic, DocumentPath } from "../documents/diagnostics.ts";
import { configLeaves } from "./leaves.ts";
import type { Config } from "./schema.ts";

/** Where a value stands: in the file, or in a variable or flag, which has no lines. */
export type Place = Pick<Diagnostic, "file" | "line" | "column">;

/**
 * By the path of the leaf, in the schema's order: `default`, `/etc/bulkhead.yaml:3:5`, a variable's name, or a flag.
 * A list that a repeatable flag added to has two, `default, --allow-target`.
 */
export type ValueSources = ReadonlyMap<string, string>;

/** The source of what no source sets. */
export const DEFAULT_SOURCE = "default";

/**
 * Names the source of each leaf.
 *
 * @param setBy the place of the value in effect; null when no source sets it
 * @param added by path, the flag that a list grew by
 */
export function valueSources(
  config: Config,
  setBy: (path: DocumentPath) => Place | null,
  added: ReadonlyMap<string, string>,
): ValueSources {
  return new Map(
    configLeaves(config).map(({ path, name }) => {
      const place = setBy(path);
      const base = place === null ? DEFAULT_SOURCE : placeText(place);
      const flag = added.get(name);
      return [name, flag === undefined ? base : `${base}, ${flag}`];
    }),
  );
}

function placeText({ file, line, column }: Place): string {
  return line === null ? file : `${file}:${line}:${column}`;
}
