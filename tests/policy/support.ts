/**
 * Generators and oracles that share nothing with the code under test: addresses are text, and what holds what is
 * asked of `node:net`.
 *
 * @module
 */
import fc from "fast-check";
import { BlockList, isIPv4 } from "node:net";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import type { ValueSpec } from "../../src/policy/value.ts";

/** A policy under which no target matters. */
export const noTargets = new TargetPolicy([], []);

/** Any dotted IPv4 address. */
export const ipv4 = fc.nat(0xffffffff).map(dotted);

/** IPv6 addresses as text in several spellings; none is IPv4-mapped. */
export const ipv6 = fc.ipV6().filter((text) => !/^[0:]*:ffff:[0-9a-f.:]+$/i.test(text));

/** The dotted form of a number. */
export function dotted(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** The number of a dotted form. */
export function numberOf(text: string): number {
  return text.split(".").reduce((value, octet) => value * 256 + Number(octet), 0);
}

/** `address/prefix` with the host bits cleared, for IPv4. */
export function cidr4(value: number, prefix: number): string {
  const size = 2 ** (32 - prefix);
  return `${dotted(Math.floor(value / size) * size)}/${prefix}`;
}

/** Whether `network` (`address/prefix`, or an address) holds `address`, by node:net. */
export function holds(network: string, address: string): boolean {
  const [base, prefix] = network.split("/") as [string, string | undefined];
  const family = isIPv4(base) ? "ipv4" : "ipv6";
  if (isIPv4(address) !== (family === "ipv4")) return false;
  const list = new BlockList();
  list.addSubnet(base, Number(prefix ?? (family === "ipv4" ? 32 : 128)), family);
  return list.check(address, family);
}

/** Whether all of the network `inner` lies in the network `outer`; both as `address/prefix`, or an address. */
export function liesWithin(inner: string, outer: string): boolean {
  const [base, prefix = "128"] = inner.split("/") as [string, string | undefined];
  const [, outerPrefix = "128"] = outer.split("/");
  return holds(outer, base) && Number(prefix) >= Number(outerPrefix);
}

/** The few keywords of JSON Schema that values are described with, checked in the plainest way. */
export function schemaTakes(schema: Readonly<Record<string, unknown>>, value: unknown): boolean {
  return Object.entries(schema).every(([keyword, wanted]) => {
    switch (keyword) {
      case "type": {
        const type = Array.isArray(value) ? "array" : typeof value;
        return wanted === type || (wanted === "integer" && Number.isInteger(value));
      }
      case "minimum":
        return (value as number) >= (wanted as number);
      case "maximum":
        return (value as number) <= (wanted as number);
      case "enum":
        return (wanted as unknown[]).includes(value);
      case "pattern":
        return new RegExp(wanted as string, "u").test(value as string);
      case "maxLength":
        return [...(value as string)].length <= (wanted as number);
      case "items":
        return (value as unknown[]).every((item) => schemaTakes(wanted as Record<string, unknown>, item));
      case "minItems":
        return (value as unknown[]).length >= (wanted as number);
      case "uniqueItems":
        return new Set(value as unknown[]).size === (value as unknown[]).length;
      case "anyOf":
        return (wanted as Record<string, unknown>[]).some((branch) => schemaTakes(branch, value));
      default:
        throw new Error(`the schema has a keyword that is not checked: ${keyword}`);
    }
  });
}

/**
 * Whether `text` keeps to `spec`: said a second time, in integers and plain loops, without the regular expressions of
 * the code under test.
 */
export function keepsTo(text: string, spec: ValueSpec): boolean {
  if (text === "" || text.startsWith("-") || [...text].some((c) => c < " " || (c >= "\x7f" && c < "\xa0"))) {
    return false;
  }
  switch (spec.type) {
    case "boolean":
      return text === "true" || text === "false";
    case "integer":
      return onlyDigits(text) && BigInt(text) >= BigInt(spec.min) && BigInt(text) <= BigInt(spec.max);
    case "number": {
      const [whole = "", part, ...more] = text.split(".");
      if (more.length > 0 || !onlyDigits(whole) || (part !== undefined && !/^\d+$/.test(part))) return false;
      return compareDecimals(text, String(spec.min)) >= 0 && compareDecimals(text, String(spec.max)) <= 0;
    }
    case "duration": {
      const unit = ["ms", "s", "m", "h"].find((unit) => text.endsWith(unit)) ?? "";
      const amount = text.slice(0, text.length - unit.length);
      const thousandths = { "": 1000n, ms: 1n, s: 1000n, m: 60_000n, h: 3_600_000n }[unit]!;
      return onlyDigits(amount) && BigInt(amount) * thousandths <= BigInt(Math.round(spec.max_sec * 1000));
    }
    case "enum":
      return spec.values.some((value) => value === text) || spec.intrusive_values?.includes(text) === true;
    case "list": {
      const items = text.split(",");
      return items.every((item, at) =>
        [...spec.values, ...spec.intrusive_values ?? []].includes(item) && items.indexOf(item) === at
      );
    }
    case "port_list": {
      const ranges = text.split(",").map((range) => range.split("-"));
      return ranges.length <= spec.max_ranges &&
        ranges.every((ends) =>
          ends.length <= 2 && ends.every((end) => onlyDigits(end) && +end >= 1 && +end <= 65535) &&
          +ends[0]! <= +ends.at(-1)!
        );
    }
    case "file":
      // Which files there are is not known here.
      return false;
    case "pattern": {
      // Leftmost and longest: the match of a sticky expression must reach the end.
      const match = new RegExp(`(?:${spec.pattern})(?![^])`, "uy").exec(text);
      return match !== null && match[0] === text && text.length <= spec.max_length;
    }
    case "target":
      return true;
  }
}

function onlyDigits(text: string): boolean {
  return /^\d+$/.test(text) && (text === "0" || !text.startsWith("0"));
}

/** Compares two decimals that are written without an exponent, digit by digit. */
function compareDecimals(a: string, b: string): number {
  const scaled = (text: string) => {
    const [whole, part = ""] = text.split(".") as [string, string?];
    return BigInt(whole + part.padEnd(40, "0"));
  };
  return scaled(a) < scaled(b) ? -1 : scaled(a) > scaled(b) ? 1 : 0;
}
