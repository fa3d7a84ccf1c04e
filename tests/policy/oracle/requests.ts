/**
 * Requests for a tool, most of them near what its manifest allows, in every spelling.
 *
 * @module
 */
import type { Manifest } from "../../../src/catalog/manifest.ts";
import type { ValueSpec } from "../../../src/policy/value.ts";
import type { Request } from "./arguments.ts";
import { target } from "./generate.ts";
import type { Random } from "./random.ts";

/** Names of word lists: good, too large, hidden, outside. */
export const FILE_NAMES = [
  ...["words.txt", "deep/words.txt", "large.txt", "long.txt", "none.txt", "../words.txt", "/etc/passwd"],
  ...[".hidden", "deep/../words.txt", "deep//words.txt", "a\\b", "@/etc/passwd", "-", "file:///etc/passwd"],
];

/** Words that are in no grammar, or that a shell would make something of. */
const NOISE = [
  ...[
    "8.8.8.8",
    "10.0.0.9",
    "/etc/shadow",
    "@file",
    "--",
    "-",
    "'",
    '"',
    "\\",
    "",
    "-oN /tmp/x",
    "-A",
    "-v",
    "-h",
  ],
  ...[
    "--proxy=http://8.8.8.8",
    "-u http://8.8.8.8",
    "-iL /etc/passwd",
    "$(id)",
    "`id`",
    ";id",
    "|id",
    "&&",
    ">x",
  ],
  ...[
    "--script-args-file=x",
    "-sVx",
    "-sVsn",
    "--rate=",
    "--rate",
    "-p",
    "@8.8.8.8",
    "+trace",
    "-x",
    "x=1",
    "\n",
  ],
  ...[
    "http://8.8.8.8/",
    "--config=x",
    "-K x",
    "--output x",
    "-T",
    "-T9",
    "-T45",
    "--open=1",
    "#",
    "~",
    "\u202e",
  ],
];

/** A value near `spec`, as text. */
function valueText(random: Random, spec: ValueSpec): string {
  if (random.once(12)) {
    return random.pick(["", "-1", "-oN", "8.8.8.8", "a\nb", "\ud800", "0x10", "1e3", "010", "1 2"]);
  }
  switch (spec.type) {
    case "boolean":
      return random.pick(["true", "false", "1"]);
    case "integer": {
      const above = "intrusive_above" in spec && spec.intrusive_above !== undefined
        ? spec.intrusive_above
        : spec.min;
      const edges = [spec.min - 1, spec.min, spec.max, spec.max + 1, above, above + 1];
      const number = random.once(2) ? random.pick(edges) : spec.min + random.below(spec.max - spec.min + 1);
      return random.once(10) ? `0${number}` : String(number);
    }
    case "number": {
      const steps = Math.round((spec.max - spec.min) * 10);
      const number = spec.min + random.below(steps + 3) / 10 - 0.1;
      return random.pick([
        number.toFixed(1),
        number.toFixed(2),
        number.toFixed(0),
        String(spec.max),
        `${spec.min}`,
      ]);
    }
    case "duration":
      return `${random.pick([0, 1, 10, spec.max_sec, spec.max_sec + 1])}${
        random.pick(["", "s", "ms", "m", "h", "d"])
      }`;
    case "enum":
      return random.pick([
        ...spec.values,
        ...spec.intrusive_values ?? [],
        spec.values[0]!.toLowerCase(),
        "other",
      ]);
    case "list": {
      const items = random.list(
        4,
        () =>
          random.pick(
            random.once(5) ? [...spec.intrusive_values ?? [], "vuln", "all"] : spec.values,
          ),
      );
      return items.join(",");
    }
    case "port_list": {
      const port = () => random.pick([1, 22, 80, 443, 8000, 65535, ...(random.once(9) ? [0, 65536] : [])]);
      const range = () => random.once(4) ? `${port()}-${port()}` : String(port());
      if (random.once(15)) return Array<string>(spec.max_ranges + random.below(2)).fill("22-80").join(",");
      const text = Array.from({ length: 1 + random.below(4) }, range).join(",");
      return random.once(10)
        ? random.pick([`T:${text}`, `${text},`, `-${text}`, `${text} `, "1-", "-"])
        : text;
    }
    case "pattern":
      return random.pick(PATTERN_TEXTS);
    case "file":
      return random.pick(random.once(2) ? FILE_NAMES : FILE_NAMES.slice(0, 2));
    case "target":
      return random.once(2) ? random.pick(["10.0.0.53", "10.0.1.53", "8.8.8.8"]) : target(random, spec.kinds);
  }
}

/** Texts of which each pattern of the catalog takes some. */
const PATTERN_TEXTS = [
  ...[
    "web.lab.internal",
    "example",
    "lab.internal.",
    ".",
    "a..b",
    "GET",
    "X-Lab: yes",
    "Host: www.lab.internal",
  ],
  ...[
    "10s",
    "500ms",
    "31s",
    "1h",
    "php,txt",
    "404,403",
    "200-299",
    "0-499",
    "a b",
    "bulkhead/1.0",
    "http/1.1",
    "h2",
  ],
  ...[
    "ECDHE+AESGCM:!aNULL",
    "TLS_AES_128_GCM_SHA256",
    "10.0.0.0/24",
    "1/4",
    "00:11:22:33:44:55",
    "eth0",
    "@/etc/x",
  ],
  ...[
    "x".repeat(300),
    "é",
    "$(id)",
    "1,2,3",
    "-",
    "A: ",
    "10.0.0.1-10.0.0.9",
    "*",
    "_ldap._tcp.lab.internal",
  ],
];

/** A word as it is written in a line: bare, quoted, or escaped. */
function quoted(random: Random, word: string): string {
  const single = `'${word.replaceAll("'", `'\\''`)}'`;
  if (random.once(6)) return single;
  if (random.once(10)) return `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  return /[\s'"\\]/.test(word) || word === "" ? (random.once(20) ? word : single) : word;
}

/** A flag with its value in one of the spellings, right for it or not. */
function spelled(random: Random, flag: string, spec: ValueSpec | undefined): string {
  if (spec === undefined || spec.type === "boolean") {
    return random.once(15) ? `${flag}${random.pick(["=1", " 1", "x", "="])}` : quoted(random, flag);
  }
  const value = valueText(random, spec);
  if (random.once(25)) return flag;
  const joint = random.once(4) ? random.pick(["=", ""]) : flag.startsWith("+") ? "=" : " ";
  return joint === " " ? `${flag} ${quoted(random, value)}` : quoted(random, `${flag}${joint}${value}`);
}

/** A JSON value near `spec`: mostly of its type. */
function json(random: Random, spec: ValueSpec): unknown {
  if (random.once(25)) return random.pick([null, "", 1, -1, true, ["x"], {}, Number.NaN, 1e21, "1", [], [1]]);
  const text = valueText(random, spec);
  if (spec.type === "boolean") return random.once(2);
  if (spec.type === "integer" || spec.type === "number") return Number(text);
  if (spec.type === "list") return text.split(",");
  return text;
}

/** A request for a tool. */
export function requestFor(random: Random, manifest: Manifest): Request {
  const modes = Object.entries(manifest.modes);
  const [name, mode] = modes.length === 0 ? [undefined, undefined] : random.pick(modes);
  const declared = { ...manifest.parameters, ...mode?.parameters };
  const flags = { ...manifest.flags, ...mode?.flags };
  const parameters: Record<string, unknown> = {};
  if (name !== undefined && !random.once(30)) parameters.mode = random.once(30) ? "constructor" : name;
  for (const [parameter, spec] of Object.entries(declared)) {
    if (random.once(spec.required ? 20 : 2) !== spec.required) {
      parameters[parameter] = json(random, spec as ValueSpec);
    }
  }
  if (random.once(40)) parameters[random.pick(["constructor", "__proto", "prots", "mode", "target"])] = 1;
  const names = Object.keys(flags);
  const words = random.list(3, () => {
    if (names.length > 0 && !random.once(6)) {
      const flag = random.pick(names);
      return spelled(random, flag, flags[flag]!.value as ValueSpec | undefined);
    }
    if (random.once(2)) {
      const spec = random.pick(Object.values(declared));
      return spelled(random, spec.flag, spec as ValueSpec);
    }
    return random.pick(NOISE);
  });
  const { kinds } = mode?.target ?? manifest.target;
  const easy = { host: "10.0.0.5", cidr: "10.0.0.0/28", url: "http://10.0.0.5/", host_port: "10.0.0.5:443" };
  const kind = random.pick(kinds);
  const plain = kind === "domain" ? "web.lab.internal" : easy[kind as keyof typeof easy];
  return {
    target: random.once(3) ? target(random, kinds) : plain,
    parameters,
    extra_args: words.join(random.once(20) ? "  " : " "),
  };
}
