/**
 * Reading `extra_args`: free text in, flags with checked values out. Every word is accounted for, or all is refused.
 *
 * @module
 */
import { split } from "shlex";
import { hasControls, quote } from "../core/text.ts";
import { nearest } from "../documents/nearest.ts";
import type { Facts } from "./facts.ts";
import {
  allFlags,
  type ArgumentGrammar,
  type FlagSpec,
  isLong,
  Lacking,
  type Occurrence,
  Refused,
  takesValue,
} from "./flags.ts";
import type { TargetPolicy } from "./target_policy.ts";
import { describeValue, readTextValue } from "./value.ts";

/**
 * Reads the words of `text`.
 *
 * @param maxBytes the longest text, in bytes of UTF-8
 * @throws {Refused} for a word that the grammar does not have
 * @throws {Lacking} when a value cannot be judged yet
 */
export function readExtraArgs(
  text: string,
  grammar: ArgumentGrammar,
  policy: TargetPolicy,
  maxBytes: number,
  facts: Facts,
): Occurrence[] {
  const field = "extra_args";
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > maxBytes) {
    throw new Refused(
      field,
      `extra_args is ${bytes} bytes long; at most ${maxBytes} are taken`,
      "Shorten it; a person may raise security.max_args_length.",
    );
  }
  if (hasControls(text)) {
    throw new Refused(
      field,
      "extra_args holds a control character or a newline",
      "Give it as one plain line.",
    );
  }
  const flags = allFlags(grammar);
  const tokens = tokenise(text);
  const occurrences: Occurrence[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    const match = matchFlag(token, flags);
    if (match === null) throw unknownToken(token, flags);
    let value = match.value;
    const { flag, spec } = match;
    if (takesValue(spec)) {
      if (value === null) {
        index++;
        value = tokens[index] ?? null;
      }
      if (value === null) {
        throw new Refused(
          field,
          `flag ${flag} needs a value`,
          `Give ${describeValue(spec.value)} after ${flag}.`,
        );
      }
      const reading = readTextValue(value, spec.value, policy, facts);
      if ("need" in reading) throw new Lacking(reading.need);
      if (!reading.ok) {
        throw new Refused(
          field,
          `the value of ${flag} is ${quote(value)}; expected ${reading.expected}`,
          `Give ${flag} ${describeValue(spec.value)}.`,
        );
      }
      value = reading.text;
    } else if (value !== null) {
      throw new Refused(field, `flag ${flag} takes no value`, `Write ${flag} alone.`);
    }
    occurrences.push({ flag, spec, value, field });
  }
  return occurrences;
}

function tokenise(text: string): string[] {
  try {
    return split(text);
  } catch (error) {
    throw new Refused(
      "extra_args",
      `extra_args cannot be split into words: ${(error as Error).message}`,
      "Close every quotation mark.",
    );
  }
}

/**
 * Finds the flag that `token` is: the exact name, `--name=value` (or `+name=value`), or, for a flag declared joined, the name with its
 * value right behind it. No other prefix counts, so `-proxy` is never `-p` with the value `roxy` (D5).
 */
function matchFlag(
  token: string,
  flags: ReadonlyMap<string, FlagSpec>,
): { flag: string; spec: FlagSpec; value: string | null } | null {
  const exact = flags.get(token);
  if (exact !== undefined) return { flag: token, spec: exact, value: null };
  const equals = token.indexOf("=");
  if (isLong(token) && equals > 0) {
    const flag = token.slice(0, equals);
    const spec = flags.get(flag);
    return spec === undefined ? null : { flag, spec, value: token.slice(equals + 1) };
  }
  const short = token.slice(0, 2);
  const spec = /^-[A-Za-z0-9]/.test(short) ? flags.get(short) : undefined;
  return spec?.join === true ? { flag: short, spec, value: token.slice(2) } : null;
}

function unknownToken(token: string, flags: ReadonlyMap<string, FlagSpec>): Refused {
  const known = [...flags.keys()];
  const list = known.length === 0 ? "This tool takes no extra_args." : `Its flags are: ${known.join(" ")}.`;
  if (!/^[-+]./.test(token) || token === "--") {
    return new Refused(
      "extra_args",
      `extra_args holds ${quote(token)}, which is neither a flag nor a flag's value`,
      list,
    );
  }
  const near = nearest(token, known);
  const hint = near === null ? "" : `; did you mean ${near}?`;
  return new Refused("extra_args", `flag ${quote(token)} is not one that this tool takes${hint}`, list);
}
