/**
 * The rules of a manifest that a schema alone cannot say: what can only be seen by looking at several keys together.
 *
 * @module
 */
import type { TargetKind } from "../policy/target.ts";
import { TargetPolicy } from "../policy/target_policy.ts";
import { readJsonValue, type ValueSpec } from "../policy/value.ts";

/** Where something stands in a manifest. */
export type Path = readonly (string | number)[];

/** Says that something is wrong, and where. */
export type Report = (path: Path, message: string) => void;

type DeclaredPlace =
  | "last"
  | { readonly flag: string; readonly template: string }
  | { readonly template: string };
type DeclaredPin = "address" | "none" | { readonly flag: string; readonly template: string };

/** The parts of a manifest that are looked at together. */
export interface DeclaredForm {
  readonly first: readonly string[];
  readonly target: {
    readonly kinds: readonly TargetKind[];
    readonly max_addresses: number;
    readonly place: DeclaredPlace;
    readonly pin: DeclaredPin;
  };
  readonly parameters: Readonly<
    Record<
      string,
      ValueSpec & {
        readonly flag: string;
        readonly join: boolean;
        readonly required: boolean;
        readonly default?: unknown;
      }
    >
  >;
  readonly flags: Readonly<
    Record<string, { readonly value?: ValueSpec | undefined; readonly join: boolean }>
  >;
}

/** For values that are no targets. */
const NO_TARGETS = new TargetPolicy([], []);

/**
 * Checks one form of use: a manifest without modes, or one of its modes with what is common to all.
 *
 * @param at where a key of the form stands in the document
 */
export function checkForm(form: DeclaredForm, at: (path: Path) => Path, report: Report): void {
  const say: Report = (path, message) => report(at(path), message);
  const owners = checkParameters(form, ownersOfTarget(form), say);
  checkFlags(form, owners, say);
  checkTarget(form, say);
  for (const [index, word] of form.first.entries()) {
    if (owners.has(word)) {
      say(["first", index], `${word} is in the grammar too; a caller must not repeat it`);
    }
  }
}

/** Who has a flag. A caller who may repeat the flag that carries the target could aim elsewhere. */
function ownersOfTarget({ target: { place, pin } }: DeclaredForm): Map<string, string> {
  const owners = new Map<string, string>();
  if (typeof place === "object" && "flag" in place) owners.set(place.flag, "the target's place");
  if (typeof pin === "object") owners.set(pin.flag, "the target's pin");
  return owners;
}

function checkParameters({ parameters }: DeclaredForm, owners: Map<string, string>, say: Report) {
  for (const [name, spec] of Object.entries(parameters)) {
    const path = ["parameters", name];
    const owner = owners.get(spec.flag);
    if (owner !== undefined) say([...path, "flag"], `${spec.flag} belongs to ${owner} already`);
    owners.set(spec.flag, `parameter ${name}`);
    checkValue(spec, path, say);
    if (spec.join && spec.type === "boolean") {
      say([...path, "join"], "a flag without a value has nothing to join");
    }
    if (spec.required && spec.default !== undefined) {
      say([...path, "default"], "a required parameter has no default");
    }
    // Which targets and files are allowed is the configuration's to say, and not known here.
    if (spec.default !== undefined && spec.type !== "target" && spec.type !== "file") {
      const reading = readJsonValue(spec.default, spec, NO_TARGETS);
      if (!reading.ok && "expected" in reading) say([...path, "default"], `expected ${reading.expected}`);
    }
  }
  return owners;
}

function checkFlags({ flags }: DeclaredForm, owners: Map<string, string>, say: Report): void {
  for (const [name, spec] of Object.entries(flags)) {
    const owner = owners.get(name);
    if (owner !== undefined) say(["flags", name], `${name} belongs to ${owner} already`);
    owners.set(name, "the flags");
    if (spec.value !== undefined) checkValue(spec.value, ["flags", name, "value"], say);
    if (spec.join && (spec.value === undefined || spec.value.type === "boolean")) {
      say(["flags", name, "join"], "a flag without a value has nothing to join");
    }
  }
}

function checkValue(spec: ValueSpec, path: Path, say: Report): void {
  if ("min" in spec) {
    if (spec.min > spec.max) say([...path, "min"], "min is greater than max");
    const above = spec.intrusive_above;
    if (above !== undefined && (above < spec.min || above >= spec.max)) {
      say([...path, "intrusive_above"], "expected a number from min up to, and less than, max");
    }
  }
  if ("values" in spec) {
    const both = spec.intrusive_values?.find((value) => spec.values.includes(value));
    if (both !== undefined) say([...path, "intrusive_values"], `${both} is in values too`);
  }
}

function checkTarget(
  { target: { kinds, max_addresses: most, place, pin } }: DeclaredForm,
  say: Report,
): void {
  if (kinds.includes("cidr") && most === 1) {
    say(["target"], "kind cidr needs max_addresses: the most addresses that one run may reach");
  }
  if (kinds.includes("domain") && pin !== "none") {
    say(["target"], "kind domain needs pin: none: a domain is asked about, its addresses are not looked up");
  }
  const portless = kinds.filter((kind) => kind !== "none" && kind !== "url" && kind !== "host_port");
  for (const [key, part] of [["place", place], ["pin", pin]] as const) {
    if (typeof part !== "object") continue;
    if (part.template.includes("{port}") && portless.length > 0) {
      say(["target", key, "template"], `{port} has no meaning for kind ${portless.join(", ")}`);
    }
    if (part.template.startsWith("-") && !("flag" in part)) {
      say(["target", key, "template"], "an argument made of the target must not begin with '-'");
    }
  }
}
