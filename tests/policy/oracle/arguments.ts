/**
 * What a tool may be told, said a second time: a naive tokeniser, and a matcher that goes through a manifest flag by
 * flag. The manifest is data; of the code under test nothing is used.
 *
 * @module
 */
import type { Manifest } from "../../../src/catalog/manifest.ts";
import type { ValueSpec } from "../../../src/policy/value.ts";
import { keepsTo } from "../support.ts";
import { aimAt, type World } from "./targets.ts";

/** What a caller asks for. */
export interface Request {
  readonly target?: unknown;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly extra_args: string;
}

/** All that a plan may depend on. */
export interface Surroundings extends World {
  /** Files in the folders of word lists, by name. */
  readonly files: ReadonlyMap<
    string,
    { readonly path: string; readonly bytes: number; readonly lines: number }
  >;
}

/** The arguments of a run, and what in them needs leave. */
export interface Words {
  readonly args: readonly string[];
  readonly intrusive: readonly string[];
}

interface Flag {
  readonly flag: string;
  readonly value: ValueSpec | undefined;
  readonly join: boolean;
  readonly repeat: boolean;
  readonly intrusive: boolean;
}

interface Parameter extends Flag {
  readonly name: string;
  readonly required: boolean;
  readonly default: unknown;
}

interface Said {
  readonly flag: Flag;
  readonly value: string | null;
}

const MAX_BYTES = 2048;

/** The words of a line as a POSIX shell splits them, without expansions; null for an open quotation mark. */
export function wordsOf(line: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let at = 0; at < line.length; at++) {
    const one = line[at]!;
    if (one === " ") {
      if (word !== null) words.push(word);
      word = null;
    } else if (one === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) return null;
      word = (word ?? "") + line.slice(at + 1, end);
      at = end;
    } else if (one === '"') {
      word ??= "";
      for (at++; line[at] !== '"'; at++) {
        if (at >= line.length) return null;
        if (line[at] === "\\" && (line[at + 1] === '"' || line[at + 1] === "\\")) at++;
        word += line[at];
      }
    } else if (one === "\\") {
      at++;
      if (at >= line.length) return null;
      word = (word ?? "") + line[at];
    } else word = (word ?? "") + one;
  }
  if (word !== null) words.push(word);
  return words;
}

/** What a manifest makes of a request, or null. */
export function wordsFor(manifest: Manifest, request: Request, world: Surroundings): Words | null {
  const given = new Map(Object.entries(request.parameters));
  const modes = Object.keys(manifest.modes);
  let mode: Manifest["modes"][string] | undefined;
  if (modes.length > 0) {
    const asked = given.get("mode");
    if (typeof asked !== "string" || !modes.includes(asked)) return null;
    given.delete("mode");
    mode = manifest.modes[asked];
  }
  const parameters = [...Object.entries(manifest.parameters), ...Object.entries(mode?.parameters ?? {})].map(
    ([name, spec]): Parameter => ({ name, ...spec, value: spec as ValueSpec, default: spec.default }),
  );
  const flags = [
    ...[...Object.entries(manifest.flags), ...Object.entries(mode?.flags ?? {})].map(
      ([flag, spec]): Flag => ({ ...spec, flag, value: spec.value as ValueSpec | undefined }),
    ),
    ...parameters,
  ];
  const aim = aimOf(manifest, mode, request.target, world);
  if (aim === null) return null;
  const said: Said[] = [];
  for (const name of given.keys()) if (!parameters.some((parameter) => parameter.name === name)) return null;
  for (const parameter of parameters) {
    const value = given.get(parameter.name);
    if (value === undefined) {
      if (parameter.required) return null;
      continue;
    }
    const text = textOf(value, parameter.value!);
    const read = text === null ? null : valueOf(text, parameter.value!, world);
    if (read === null) return null;
    if (value === true) said.push({ flag: parameter, value: null });
    else if (value !== false) said.push({ flag: parameter, value: read });
  }
  const extra = saidIn(request.extra_args, flags, world);
  if (extra === null) return null;
  said.push(...extra);
  for (const [at, { flag }] of said.entries()) {
    if (!flag.repeat && said.findIndex((other) => other.flag.flag === flag.flag) !== at) return null;
    if (parameters.some((one) => one.flag === flag.flag && given.get(one.name) === false)) return null;
  }
  const defaults = parameters.filter((parameter) =>
    parameter.default !== undefined && !given.has(parameter.name) &&
    !said.some(({ flag }) => flag.flag === parameter.flag)
  ).map((flag): Said => ({
    flag,
    value: flag.value?.type === "boolean" ? null : textOf(flag.default, flag.value!),
  }));
  const all = [...defaults, ...said];
  return {
    args: [...manifest.first, ...mode?.first ?? [], ...all.flatMap(written), ...aim],
    intrusive: [
      ...(manifest.intrusive || mode?.intrusive ? [`the tool`] : []),
      ...all.filter(needsLeave).map(({ flag, value }) =>
        flag.intrusive || value === null ? flag.flag : `${flag.flag} ${value}`
      ),
    ],
  };
}

/** The arguments that name the target, or null. */
function aimOf(
  manifest: Manifest,
  mode: Manifest["modes"][string] | undefined,
  asked: unknown,
  world: World,
): string[] | null {
  const { kinds, max_addresses: most, place, pin } = mode?.target ?? manifest.target;
  if (typeof asked !== "string") return null;
  const aim = aimAt(asked, kinds, most, world);
  if (aim === null) return null;
  const pinned = pin === "address";
  const fill = (template: string) =>
    template
      .replaceAll("{target}", () => pinned ? aim.pinned : aim.text)
      .replaceAll("{host}", () => pinned ? aim.pinnedHost : aim.host)
      .replaceAll("{port}", () => aim.port)
      .replaceAll("{address}", () => aim.address);
  const before = typeof pin === "object" && aim.named ? [pin.flag, fill(pin.template)] : [];
  if (place === "last") return [...before, fill("{target}")];
  return [...before, ...("flag" in place ? [place.flag] : []), fill(place.template)];
}

/** What a line says, or null for a word too many or one that is not known. */
function saidIn(line: string, flags: readonly Flag[], world: Surroundings): Said[] | null {
  if (new TextEncoder().encode(line).length > MAX_BYTES || hasControl(line)) return null;
  const words = wordsOf(line);
  if (words === null) return null;
  const said: Said[] = [];
  while (words.length > 0) {
    const word = words.shift()!;
    let text: string | undefined;
    let flag = flags.find((one) => one.flag === word);
    const alone = flag !== undefined && (flag.value === undefined || flag.value.type === "boolean");
    if (alone) {
      said.push({ flag: flag!, value: null });
      continue;
    }
    if (flag !== undefined) text = words.shift();
    else {
      // A value in the same word: behind "=" for what begins with "--" or "+", right behind a letter that is joined.
      const long = word.startsWith("--") || word.startsWith("+");
      flag = flags.find((one) =>
        long
          ? word.startsWith(`${one.flag}=`)
          : one.join && one.flag.length === 2 && word.startsWith(one.flag)
      );
      if (flag === undefined || flag.value === undefined || flag.value.type === "boolean") return null;
      text = word.slice(flag.flag.length + (long ? 1 : 0));
    }
    const value = text === undefined ? null : valueOf(text, flag.value!, world);
    if (value === null) return null;
    said.push({ flag, value });
  }
  return said;
}

const hasControl = (text: string) => [...text].some((one) => one < " " || (one >= "\x7f" && one < "\xa0"));

/** The text of a JSON value, or null when it has the wrong type. */
function textOf(value: unknown, spec: ValueSpec): string | null {
  switch (spec.type) {
    case "boolean":
      return typeof value === "boolean" ? String(value) : null;
    case "integer":
      return typeof value === "number" && Number.isInteger(value) ? String(value) : null;
    case "number":
      return typeof value === "number" ? String(value) : null;
    case "list":
      return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string")
        ? value.join(",")
        : null;
    case "port_list":
      return typeof value === "number" && Number.isInteger(value) ? String(value) : plain(value);
    default:
      return plain(value);
  }
}

const plain = (value: unknown) => typeof value === "string" ? value : null;

/** The value as it is passed on, or null. */
function valueOf(text: string, spec: ValueSpec, world: Surroundings): string | null {
  if (text === "" || text.startsWith("-") || hasControl(text) || /\p{Cs}/u.test(text)) return null;
  if (spec.type === "target") return aimAt(text, spec.kinds, spec.max_addresses, world)?.pinned ?? null;
  if (spec.type === "file") {
    const parts = text.split("/");
    if (text.length > 255 || text.includes("\\") || parts.some((part) => part === "" || part[0] === ".")) {
      return null;
    }
    const file = world.files.get(text);
    if (file === undefined || file.bytes > spec.max_mb * 1e6 || file.lines > spec.max_lines) return null;
    return file.path;
  }
  if (!keepsTo(text, spec)) return null;
  // Trailing zeros say nothing.
  return spec.type === "number" && text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function written({ flag, value }: Said): string[] {
  if (value === null) return [flag.flag];
  if (!flag.join) return [flag.flag, value];
  return [
    flag.flag.startsWith("--") || flag.flag.startsWith("+") ? `${flag.flag}=${value}` : flag.flag + value,
  ];
}

function needsLeave({ flag, value }: Said): boolean {
  if (flag.intrusive) return true;
  const spec = flag.value;
  if (value === null || spec === undefined) return false;
  if ("min" in spec) return spec.intrusive_above !== undefined && Number(value) > spec.intrusive_above;
  if (!("values" in spec)) return false;
  const items = spec.type === "list" ? value.split(",") : [value];
  return items.some((item) => spec.intrusive_values?.includes(item) === true);
}
