/**
 * Which targets are allowed: the allowed entries, less the denied ones, less the guarded ranges that no entry names.
 *
 * @module
 */
import { plural, quote } from "../core/text.ts";
import { firstAddress, formatAddress, formatNetwork, type Network } from "./address.ts";
import { AddressSet } from "./address_set.ts";
import { isBelow } from "./hostname.ts";
import { GUARDED_RANGES, parseTargetRule, type TargetRule } from "./target_rule.ts";
import { parseTarget, type Target, type TargetKind, targetSize } from "./target.ts";

/** What a tool asks of its target, from its manifest. */
export interface TargetRequirement {
  readonly kinds: readonly TargetKind[];
  /** The most addresses that one target may stand for. */
  readonly maxAddresses: number;
}

/** A target that may be used, or why not and what would allow it. */
export type TargetDecision =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly error: string; readonly remedy: string };

/** The decision maker. Immutable: a changed configuration makes a new one. */
export class TargetPolicy {
  readonly #allowed: readonly TargetRule[];
  readonly #denied: readonly TargetRule[];
  readonly #opened: AddressSet;

  /**
   * @param allowed entries of `security.allowed_targets`; none allows nothing
   * @param denied entries of `security.denied_targets`; they win
   * @throws {RangeError} for an entry that {@link parseTargetRule} refuses; configuration is checked before this
   */
  constructor(allowed: readonly string[], denied: readonly string[]) {
    this.#allowed = allowed.map(mustParse);
    this.#denied = denied.map(mustParse);
    this.#opened = AddressSet.union(this.#allowed.flatMap((rule) => rule.networks).map(opened));
  }

  /** What is allowed now, for a tool's description: `RFC1918, .lab.internal; never 10.0.0.1`. */
  describe(): string {
    const allowed = textsOf(this.#allowed).join(", ") || "nothing";
    const denied = textsOf(this.#denied).join(", ");
    return denied === "" ? allowed : `${allowed}; never ${denied}`;
  }

  /** Reads `text` as one of the required kinds and decides whether it may be aimed at. */
  decide(text: string, requirement: TargetRequirement): TargetDecision {
    const target = parseTarget(text, requirement.kinds);
    if (typeof target === "string") {
      return { ok: false, error: target, remedy: `Give a target that is allowed: ${this.describe()}.` };
    }
    // Size comes before leave: no entry makes a tool take more.
    const size = targetSize(target);
    if (size > BigInt(requirement.maxAddresses)) {
      const most = plural(requirement.maxAddresses, "address", "addresses");
      return refused(
        `target ${quote(text)} stands for ${size} addresses; this tool takes at most ${most}`,
        "Give a smaller network, or several runs.",
      );
    }
    const error = this.#objection(target);
    return error === null ? { ok: true, target } : refused(error, this.#remedy(target));
  }

  /** Why `target` may not be aimed at, or null. */
  #objection(target: Target): string | null {
    const shown = `target ${quote(target.text)}`;
    const denied = this.#denied.find((rule) => touches(rule, target));
    if (denied !== undefined) return `${shown} is denied by ${denied.text}`;
    const { network } = target;
    if (!this.#opensName(target)) return this.#outside(shown, target.host);
    if (network === null) return `${shown} is a host name, and this version does not resolve names`;
    if (this.#opened.contains(network)) return null;
    const guarded = GUARDED_RANGES.find((range) =>
      overlap(range.network, network) && !this.#opened.contains(smaller(range.network, network))
    );
    return guarded === undefined
      ? this.#outside(shown, addressEntry(target, network))
      : `${shown} is not allowed: it reaches ${guarded.name}, which only an entry of its own allows`;
  }

  /** Whether the name of `target`, if it has one, is allowed. */
  #opensName(target: Target): boolean {
    return !target.named || this.#allowed.some((rule) => matchesName(rule, target.host));
  }

  #outside(shown: string, entry: string): string {
    return `${shown} is not allowed: ${entry} is outside the allowed targets (${this.describe()})`;
  }

  /** What allows a refused target: all that it takes, so that whoever writes it is not refused a second time. */
  #remedy(target: Target): string {
    const { network } = target;
    if (network === null) return `Give the host's address instead; allowed are ${this.describe()}.`;
    const missing = this.#missing(target, network);
    const denied = this.#denied.filter((rule) => !touches(rule, target));
    const lists = [
      ...(missing.length > 0 ? [list("allowed_targets", [...textsOf(this.#allowed), ...missing])] : []),
      ...(denied.length < this.#denied.length ? [list("denied_targets", textsOf(denied))] : []),
    ];
    const line = `writes this line in the configuration: security: { ${lists.join(", ")} }`;
    if (denied.length < this.#denied.length) return `To allow it, a person who may decide that ${line}`;
    const flags = missing.map((entry) => `--allow-target ${entry}`).join(" ");
    return `To allow it, a person who may decide that starts Bulkhead with ${flags} or ${line}`;
  }

  /** The entries that are still needed to open `target`; a guarded range within a network needs one of its own. */
  #missing(target: Target, network: Network): string[] {
    if (this.#opensName(target) && this.#opened.contains(network)) return [];
    if (target.named) return [target.host];
    const whole = AddressSet.of([network]);
    const guarded = GUARDED_RANGES.map((range) => range.network).filter((range) =>
      range.prefix > network.prefix && whole.contains(range) && !this.#opened.contains(range)
    );
    return [addressEntry(target, network), ...guarded.map(formatNetwork)];
  }
}

/** What an entry opens: all of it but the guarded ranges that it does not lie wholly inside. */
function opened(entry: Network): AddressSet {
  const closed = GUARDED_RANGES.map((range) => range.network)
    .filter((network) => !AddressSet.of([network]).contains(entry));
  return AddressSet.of([entry]).without(AddressSet.of(closed));
}

/** What two overlapping networks share: the longer prefix. */
function smaller(a: Network, b: Network): Network {
  return a.prefix >= b.prefix ? a : b;
}

function overlap(a: Network, b: Network): boolean {
  return AddressSet.of([a]).overlaps(b);
}

/** The entry that allows the addresses of a target. */
function addressEntry(target: Target, network: Network): string {
  return target.kind === "cidr" ? target.text : formatAddress(firstAddress(network));
}

/** What YAML reads as a string without quotation marks; `true`, `.inf` and `1e5` are names that it does not. */
const PLAIN = /^(?:RFC1918|ULA|loopback|localhost|[A-Za-z0-9.-]*(?:\.[A-Za-z0-9-]*\.|\/)[A-Za-z0-9.-]*)$/;

/** One list of the `security` section, in YAML. */
function list(key: string, entries: readonly string[]): string {
  return `${key}: [${entries.map((entry) => PLAIN.test(entry) ? entry : `"${entry}"`).join(", ")}]`;
}

function textsOf(rules: readonly TargetRule[]): string[] {
  return rules.map((rule) => rule.text);
}

function refused(error: string, remedy: string): TargetDecision {
  return { ok: false, error, remedy };
}

/** Whether a denied entry concerns a target: by its name, or by any of its addresses. */
function touches(rule: TargetRule, target: Target): boolean {
  const { network } = target;
  return (target.named && matchesName(rule, target.host)) ||
    (network !== null && rule.networks.some((other) => overlap(other, network)));
}

function matchesName(rule: TargetRule, name: string): boolean {
  return rule.names.includes(name) || rule.suffixes.some((suffix) => isBelow(name, suffix));
}

function mustParse(text: string): TargetRule {
  const rule = parseTargetRule(text);
  if (typeof rule === "string") throw new RangeError(rule);
  return rule;
}
