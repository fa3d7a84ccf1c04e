/**
 * Which targets are allowed: the allowed entries, less the denied ones, less the guarded ranges that no entry names.
 *
 * @module
 */
import { plural, quote } from "../core/text.ts";
import { firstAddress, formatAddress, type Network } from "./address.ts";
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
  readonly #permitted: AddressSet;

  /**
   * @param allowed entries of `security.allowed_targets`; none allows nothing
   * @param denied entries of `security.barredtargets`; they win
   * @throws {RangeError} for an entry that {@link parseTargetRule} refuses; configuration is checked before this
   */
  constructor(allowed: readonly string[], denied: readonly string[]) {
    this.#allowed = allowed.map(mustParse);
    this.#denied = denied.map(mustParse);
    const barred = AddressSet.of(this.#denied.flatMap((rule) => rule.networks));
    this.#permitted = AddressSet.union(this.#allowed.flatMap((rule) => rule.networks).map(opened))
      .without(barred);
  }

  /** What is allowed now, for a tool's description: `RFC1918, .lab.internal; never 10.0.0.1`. */
  describe(): string {
    const allowed = this.#allowed.map((rule) => rule.text).join(", ") || "nothing";
    const denied = this.#denied.map((rule) => rule.text).join(", ");
    return denied === "" ? allowed : `${allowed}; never ${denied}`;
  }

  /** Reads `text` as one of the required kinds and decides whether it may be aimed at. */
  decide(text: string, requirement: TargetRequirement): TargetDecision {
    const target = parseTarget(text, requirement.kinds);
    if (typeof target === "string") {
      return { ok: false, error: target, remedy: `Give a target that is allowed: ${this.describe()}.` };
    }
    const decision = this.#decideHost(target);
    if (!decision.ok || targetSize(target) <= BigInt(requirement.maxAddresses)) return decision;
    const most = plural(requirement.maxAddresses, "address", "addresses");
    return refused(
      `target ${quote(text)} stands for ${targetSize(target)} addresses; this tool takes at most ${most}`,
      "Give a smaller network, or several runs.",
    );
  }

  #decideHost(target: Target): TargetDecision {
    const shown = quote(target.text);
    if (target.named) {
      const denied = this.#denied.find((rule) => matchesName(rule, target.host));
      if (denied !== undefined) {
        return refused(`target ${shown} is denied by ${denied.text}`, this.#undeny(denied));
      }
      if (!this.#allowed.some((rule) => matchesName(rule, target.host))) {
        return refused(this.#outside(shown, target.host), this.#allow(target.host));
      }
      if (target.network === null) {
        return refused(
          `target ${shown} is a host name, and this version does not resolve names`,
          `Give the host's address instead; allowed are ${this.describe()}.`,
        );
      }
    }
    const network = target.network;
    if (network === null) throw new Error("an address target without addresses");
    if (this.#permitted.contains(network)) return { ok: true, target };
    return this.#explain(target, network, shown);
  }

  /** The address is not permitted: which rule is it that refuses? */
  #explain(target: Target, network: Network, shown: string): TargetDecision {
    const overlaps = (other: readonly Network[]) => AddressSet.of(other).overlaps(network);
    const denied = this.#denied.find((rule) => overlaps(rule.networks));
    if (denied !== undefined) {
      return refused(`target ${shown} is denied by ${denied.text}`, this.#undeny(denied));
    }
    const entry = target.kind === "cidr" ? target.text : formatAddress(firstAddress(network));
    const guarded = GUARDED_RANGES.find((range) =>
      overlaps([range.network]) && !this.#permitted.contains(smaller(range.network, network))
    );
    if (guarded !== undefined) {
      return refused(
        `target ${shown} is not allowed: it reaches ${guarded.name}, which only an entry of its own allows`,
        this.#allow(entry),
      );
    }
    return refused(this.#outside(shown, entry), this.#allow(entry));
  }

  #outside(shown: string, entry: string): string {
    return `target ${shown} is not allowed: ${entry} is outside the allowed targets (${this.describe()})`;
  }

  #allow(entry: string): string {
    const list = [...this.#allowed.map((rule) => rule.text), entry];
    return `To allow it, a person who may decide that starts Bulkhead with --allow-target ${entry} ` +
      `or writes this line in the configuration: ${settingLine("allowed_targets", list)}`;
  }

  #undeny(rule: TargetRule): string {
    const list = this.#denied.filter((other) => other !== rule).map((other) => other.text);
    return `To allow it, a person who may decide that writes this line in the configuration: ` +
      settingLine("barredtargets", list);
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

/** One line of YAML that sets a list of the `security` section. */
function settingLine(key: string, entries: readonly string[]): string {
  const quoted = entries.map((entry) => /^[A-Za-z0-9./][A-Za-z0-9./-]*$/.test(entry) ? entry : `"${entry}"`);
  return `security: { ${key}: [${quoted.join(", ")}] }`;
}

function refused(error: string, remedy: string): TargetDecision {
  return { ok: false, error, remedy };
}

function matchesName(rule: TargetRule, name: string): boolean {
  return rule.names.includes(name) || rule.suffixes.some((suffix) => isBelow(name, suffix));
}

function mustParse(text: string): TargetRule {
  const rule = parseTargetRule(text);
  if (typeof rule === "string") throw new RangeError(rule);
  return rule;
}
