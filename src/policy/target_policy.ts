/**
 * Which targets are allowed: the allowed entries, less the denied ones, less the guarded ranges that no entry names.
 *
 * @module
 */
import { plural, quote } from "../core/text.ts";
import { firstAddress, formatAddress, formatNetwork, type Network, singleton } from "./address.ts";
import { AddressSet } from "./address_set.ts";
import { type Facts, type Need, NOTHING_KNOWN } from "./facts.ts";
import { isBelow, LOCALHOST } from "./hostname.ts";
import { GUARDED_RANGES, parseTargetRule, type TargetRule } from "./target_rule.ts";
import { parseTarget, type Target, type TargetKind, targetSize } from "./target.ts";

/** What a tool asks of its target, from its manifest. */
export interface TargetRequirement {
  readonly kinds: readonly TargetKind[];
  /** The most addresses that one target may stand for. */
  readonly maxAddresses: number;
}

/** A target that may be used, or why not and what would allow it, or what must be known first. */
export type TargetDecision =
  | { readonly ok: true; readonly target: Target }
  | { readonly ok: false; readonly error: string; readonly remedy: string }
  | { readonly ok: false; readonly need: Need };

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

  /** Whether there is any name that may be aimed at and must be resolved first. */
  get allowsNames(): boolean {
    return this.#allowed.some(({ names, suffixes }) =>
      suffixes.length > 0 || names.some((name) => name !== LOCALHOST.name)
    );
  }

  /** What is allowed now, for a tool's description: `RFC1918, .lab.internal; never 10.0.0.1`. */
  describe(): string {
    const allowed = textsOf(this.#allowed).join(", ") || "nothing";
    const denied = textsOf(this.#denied).join(", ");
    return denied === "" ? allowed : `${allowed}; never ${denied}`;
  }

  /**
   * Reads `text` as one of the required kinds and decides whether it may be aimed at. A name that may be aimed at is
   * given the address that will stand for it: the first of IPv4, else the first. All of its addresses must be allowed,
   * as a program that looks the name up again may take any of them.
   *
   * @param facts what is known of names, and of the server itself
   */
  decide(text: string, requirement: TargetRequirement, facts: Facts = NOTHING_KNOWN): TargetDecision {
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
    // Of a name that is not allowed nobody is asked.
    const forName = this.#objectionToName(target);
    if (forName !== null) {
      return refused(forName, this.#remedy(target, target.network === null ? [] : [target.network]));
    }
    // A domain is asked about and not connected to, so that it need not have an address.
    if (target.kind === "domain" && target.named) return { ok: true, target };
    const networks = networksOf(target, facts);
    if (!networks.ok) return networks;
    const error = this.#objection(target, networks.all);
    if (error !== null) return refused(error, this.#remedy(target, networks.all));
    const own = facts.ownListener;
    if (
      own !== null && target.port === own.port &&
      networks.all.some((one) => overlap(one, singleton(own.address)))
    ) {
      return refused(
        `target ${quote(target.text)} is this server's own listener, which no tool may be aimed at`,
        "Give another port or host.",
      );
    }
    return { ok: true, target: { ...target, network: networks.all[0]! } };
  }

  /** Why the name of `target` may not be aimed at, whatever its addresses; null for an address too. */
  #objectionToName(target: Target): string | null {
    if (!target.named) return null;
    const shown = `target ${quote(target.text)}`;
    const denied = this.#denied.find((rule) => matchesName(rule, target.host));
    if (denied !== undefined) return `${shown} is denied by ${denied.text}`;
    return this.#opensName(target) ? null : this.#outside(`${shown} is not allowed: ${target.host}`);
  }

  /** Why `target` may not be aimed at, or null. */
  #objection(target: Target, networks: readonly Network[]): string | null {
    for (const network of networks) {
      const entry = addressEntry(target, network);
      // A name is refused for what it resolves to, so that is told.
      const shown = `target ${quote(target.text)}${target.named ? ` resolves to ${entry} and` : ""}`;
      const denied = this.#denied.find((rule) => rule.networks.some((other) => overlap(other, network)));
      if (denied !== undefined) return `${shown} is denied by ${denied.text}`;
      if (this.#opened.contains(network)) continue;
      const guarded = GUARDED_RANGES.find((range) =>
        overlap(range.network, network) && !this.#opened.contains(smaller(range.network, network))
      );
      return guarded === undefined
        ? this.#outside(`${shown} is not allowed: ${entry}`)
        : `${shown} is not allowed: it reaches ${guarded.name}, which only an entry of its own allows`;
    }
    return null;
  }

  /** Whether the name of `target`, if it has one, is allowed. */
  #opensName(target: Target): boolean {
    return !target.named || this.#allowed.some((rule) => matchesName(rule, target.host));
  }

  #outside(shown: string): string {
    return `${shown} is outside the allowed targets (${this.describe()})`;
  }

  /** What allows a refused target: all that it takes, so that whoever writes it is not refused a second time. */
  #remedy(target: Target, networks: readonly Network[]): string {
    const missing = this.#opensName(target)
      ? [...new Set(networks.flatMap((network) => this.#missing(target, network)))]
      : [target.host];
    const denied = this.#denied.filter((rule) => !touches(rule, target, networks));
    const lists = [
      ...(missing.length > 0 ? [list("allowed_targets", [...textsOf(this.#allowed), ...missing])] : []),
      ...(denied.length < this.#denied.length ? [list("denied_targets", textsOf(denied))] : []),
    ];
    const line = `writes this line in the configuration: security: { ${lists.join(", ")} }`;
    if (denied.length < this.#denied.length) return `To allow it, a person who may decide that ${line}`;
    const flags = missing.map((entry) => `--allow-target ${entry}`).join(" ");
    return `To allow it, a person who may decide that starts Bulkhead with ${flags} or ${line}`;
  }

  /** The entries that are still needed to open `network`; a guarded range within it needs one of its own. */
  #missing(target: Target, network: Network): string[] {
    if (this.#opened.contains(network)) return [];
    const whole = AddressSet.of([network]);
    const guarded = GUARDED_RANGES.map((range) => range.network).filter((range) =>
      range.prefix > network.prefix && whole.contains(range) && !this.#opened.contains(range)
    );
    return [addressEntry(target, network), ...guarded.map(formatNetwork)];
  }
}

/** The addresses that a target stands for, the one that will be used first. */
function networksOf(target: Target, facts: Facts):
  | { readonly ok: true; readonly all: readonly Network[] }
  | Exclude<TargetDecision, { readonly ok: true }> {
  if (target.network !== null) return { ok: true, all: [target.network] };
  const fact = facts.names.get(target.host);
  if (fact === undefined) return { ok: false, need: { kind: "name", name: target.host } };
  if (!fact.ok) return refused(`target ${quote(target.text)}: ${fact.reason}`, fact.remedy);
  const used = fact.addresses.find(({ family }) => family === 4) ?? fact.addresses[0]!;
  const others = fact.addresses.filter((address) => address !== used);
  return { ok: true, all: [used, ...others].map(singleton) };
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

function refused(error: string, remedy: string) {
  return { ok: false, error, remedy } as const;
}

/** Whether a denied entry concerns a target: by its name, or by any of its addresses. */
function touches(rule: TargetRule, target: Target, networks: readonly Network[]): boolean {
  return (target.named && matchesName(rule, target.host)) ||
    networks.some((network) => rule.networks.some((other) => overlap(other, network)));
}

function matchesName(rule: TargetRule, name: string): boolean {
  return rule.names.includes(name) || rule.suffixes.some((suffix) => isBelow(name, suffix));
}

function mustParse(text: string): TargetRule {
  const rule = parseTargetRule(text);
  if (typeof rule === "string") throw new RangeError(rule);
  return rule;
}
