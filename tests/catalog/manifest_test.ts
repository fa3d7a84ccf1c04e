import assert from "node:assert/strict";
import { manifestSchema } from "../../src/catalog/manifest.ts";
import { parserNames } from "../../src/catalog/parsers/registry.ts";
import { parseDocument } from "../../src/documents/parse_document.ts";
import { HEAD, manifestMistakes } from "../support/manifests.ts";

/** The manifest that the documentation shows. */
const EXAMPLE = `
name: nmap                       # [a-z][a-z0-9_]*; the MCP tool's name
title: Network scanner
description: Find hosts, open ports and services on a lab network.
command: nmap                    # a name looked for in the fixed folders, or an absolute path
first: ["-n", "-oX", "-"]        # put in by us before everything else, never by the caller
target: { kinds: [host, cidr], max_addresses: 1024, place: last, pin: address }
parameters:                      # typed; they become the MCP input schema
  ports: { type: port_list, flag: "-p", max_ranges: 100, description: "Ports, such as 22,80,8000-8100" }
  timing: { type: integer, flag: "-T", join: true, min: 0, max: 5, default: 4 }
flags:                           # the grammar of extra_args: anything else is refused
  "-sV": {}
  "--max-retries": { value: { type: integer, min: 0, max: 10 } }
  "-A": { intrusive: true }
output: { parser: nmap_xml }
limits: { timeout_sec: 600, memory_mb: 512, open_files: 256 }
concurrency: 1
max_queue: 8
breaker: { failure_threshold: 5, recovery_timeout_sec: 120 }
success_exit_codes: [0]
capabilities: []                 # net_raw
helpers: []                      # other programs that it may execute
intrusive: false
annotations: { read_only: true, open_world: true }
`;

Deno.test("manifest: the documentation's example loads", () => {
  assert.deepEqual(manifestMistakes(EXAMPLE), []);
});

Deno.test("manifest: what is left out has these defaults", () => {
  const document = parseDocument(HEAD, "t.yaml");
  assert(document.ok);
  assert.deepEqual(manifestSchema.parse(document.value), {
    name: "t",
    title: "T",
    description: "D",
    command: "t",
    first: [],
    target: { kinds: ["none"], max_addresses: 1, place: "last", pin: "none" },
    parameters: {},
    flags: {},
    modes: {},
    limits: {},
    breaker: {},
    success_exit_codes: [0],
    target_exit_codes: [],
    capabilities: [],
    optional_capabilities: [],
    forbidden_files: [],
    helpers: [],
    intrusive: false,
    annotations: {},
  });
});

/** Manifests that load, by what follows the head. */
const GOOD: readonly string[] = [
  "target: { kinds: [host], place: { flag: '-u' } }",
  "target: { kinds: [host_port], place: { flag: '-connect', template: '{host}:{port}' } }",
  "target: { kinds: [host], place: { template: '@{host}' } }",
  "target: { kinds: [url], pin: { flag: '--resolve', template: '{host}:{port}:{address}' } }",
  "target: { kinds: [host, none] }",
  "parameters: { n: { type: number, flag: '-n', min: 0.5, max: 0.5, default: 0.5 } }",
  "parameters: { d: { type: duration, flag: '-d', default: 10s } }",
  "parameters: { l: { type: list, flag: '-l', values: [a, b], default: [b] } }",
  "parameters: { e: { type: enum, flag: '-e', values: [a, b], default: a } }",
  "parameters: { p: { type: port_list, flag: '-p', default: '22,80' } }",
  "parameters: { r: { type: pattern, flag: '-r', pattern: 'a+', default: aaa } }",
  "parameters: { b: { type: boolean, flag: '-b', default: true } }",
  "parameters: { t: { type: target, flag: '-t', kinds: [host], default: 10.0.0.5 } }",
  "flags: { '-h': { value: { type: target, kinds: [host] }, repeat: true } }",
  "success_exit_codes: [0, 1, 255]",
  "capabilities: [net_raw]",
  "helpers: [bash, /usr/bin/perl]",
];

for (const rest of GOOD) {
  Deno.test(`manifest: ${rest} loads`, () => assert.deepEqual(manifestMistakes(HEAD + rest), []));
}

const FLAG = "expected a flag such as -p, --rate or +tcp, without its value";
const WORD = "expected a lower-case letter followed by lower-case letters, digits and underscores";

/** What follows the head, and how its one mistake is told: line 5 is the first after the head. */
const BAD: readonly (readonly [string, string, string])[] = [
  ["an unknown key", "comand: x", '5:1: comand: unknown key "comand"; did you mean "command"?'],
  [
    "an unknown key deep inside",
    "target: { kinds: [host], plase: last }",
    '5:26: target.plase: unknown key "plase"; did you mean "place"?',
  ],
  [
    "an unknown key of a parameter",
    "parameters: { n: { type: integer, flag: '-n', min: 0, max: 1, mni: 0 } }",
    '5:63: parameters.n.mni: unknown key "mni"; did you mean "min"?',
  ],
  [
    "a key of another type",
    "parameters: { n: { type: boolean, flag: '-n', min: 0 } }",
    '5:47: parameters.n.min: unknown key "min"',
  ],
  ["a bad flag name", "flags: { 'rate': {} }", `5:10: flags.rate: bad key "rate": ${FLAG}`],
  [
    "a flag with its value",
    "flags: { '--rate=5': {} }",
    `5:10: flags."--rate=5": bad key "--rate=5": ${FLAG}`,
  ],
  ["a flag with a space", "flags: { '-a b': {} }", `5:10: flags."-a b": bad key "-a b": ${FLAG}`],
  ["a flag of dashes alone", "flags: { '--': {} }", `5:10: flags."--": bad key "--": ${FLAG}`],
  [
    "a bad flag of a parameter",
    "parameters: { n: { type: boolean, flag: n } }",
    `5:41: parameters.n.flag: ${FLAG}, got "n"`,
  ],
  [
    "a bad parameter name",
    "parameters: { No: { type: boolean, flag: '-n' } }",
    `5:15: parameters.No: bad key "No": ${WORD}`,
  ],
  ...["target", "extra_args", "timeout_sec", "correlation_id", "mode"].map((name) =>
    [
      `the reserved parameter ${name}`,
      `parameters: { ${name}: { type: boolean, flag: '-n' } }`,
      `5:15: parameters.${name}: bad key "${name}": every tool has a parameter of this name already`,
    ] as const
  ),
  [
    "the place's flag in the grammar",
    "target: { kinds: [host], place: { flag: '-u' } }\nflags: { '-u': {} }",
    '6:16: flags."-u": -u belongs to the target\'s place already',
  ],
  [
    "the pin's flag in the grammar",
    "target: { kinds: [url], pin: { flag: '--resolve', template: '{host}:{port}:{address}' } }\n" +
    "flags: { '--resolve': {} }",
    '6:23: flags."--resolve": --resolve belongs to the target\'s pin already',
  ],
  [
    "the place's flag for a parameter",
    "target: { kinds: [host], place: { flag: '-u' } }\nparameters: { n: { type: boolean, flag: '-u' } }",
    "6:41: parameters.n.flag: -u belongs to the target's place already",
  ],
  [
    "a flag of two parameters",
    "parameters: { a: { type: boolean, flag: '-n' }, b: { type: boolean, flag: '-n' } }",
    "5:75: parameters.b.flag: -n belongs to parameter a already",
  ],
  [
    "a parameter's flag in the flags",
    "parameters: { a: { type: boolean, flag: '-n' } }\nflags: { '-n': {} }",
    '6:16: flags."-n": -n belongs to parameter a already',
  ],
  [
    "a first argument that the caller may repeat",
    "first: ['-q', '-n']\nflags: { '-n': {} }",
    "5:15: first[1]: -n is in the grammar too; a caller must not repeat it",
  ],
  [
    "a minimum above the maximum",
    "parameters: { n: { type: integer, flag: '-n', min: 5, max: 1 } }",
    "5:52: parameters.n.min: min is greater than max",
  ],
  [
    "the same for a flag",
    "flags: { '-n': { value: { type: number, min: 5, max: 1 } } }",
    '5:46: flags."-n".value.min: min is greater than max',
  ],
  [
    "cidr without max_addresses",
    "target: { kinds: [host, cidr] }",
    "5:9: target: kind cidr needs max_addresses: the most addresses that one run may reach",
  ],
  [
    "an unknown word in a template",
    "target: { kinds: [host], place: { template: '@{hosts}' } }",
    '5:45: target.place.template: expected text with {target}, {host}, {port} or {address}, got "@{hosts}"',
  ],
  [
    "a template with an open brace",
    "target: { kinds: [host], place: { template: '@{host' } }",
    '5:45: target.place.template: expected text with {target}, {host}, {port} or {address}, got "@{host"',
  ],
  [
    "a template that makes a flag of the target",
    "target: { kinds: [host], place: { template: '-u{host}' } }",
    "5:45: target.place.template: an argument made of the target must not begin with '-'",
  ],
  [
    "a port where there is none",
    "target: { kinds: [host], place: { flag: '-u', template: '{host}:{port}' } }",
    "5:57: target.place.template: {port} has no meaning for kind host",
  ],
  [
    "join without a value",
    "flags: { '-n': { join: true } }",
    '5:24: flags."-n".join: a flag without a value has nothing to join',
  ],
  [
    "join of a switch",
    "flags: { '-n': { join: true, value: { type: boolean } } }",
    '5:24: flags."-n".join: a flag without a value has nothing to join',
  ],
  [
    "join of a parameter that is a switch",
    "parameters: { n: { type: boolean, flag: '-n', join: true } }",
    "5:53: parameters.n.join: a flag without a value has nothing to join",
  ],
  [
    "a required parameter with a default",
    "parameters: { n: { type: boolean, flag: '-n', required: true, default: true } }",
    "5:72: parameters.n.default: a required parameter has no default",
  ],
  [
    "a default out of its range",
    "parameters: { n: { type: integer, flag: '-n', min: 0, max: 5, default: 6 } }",
    "5:72: parameters.n.default: expected an integer from 0 to 5",
  ],
  [
    "a default of another type",
    "parameters: { n: { type: integer, flag: '-n', min: 0, max: 5, default: '4' } }",
    "5:72: parameters.n.default: expected an integer from 0 to 5",
  ],
  [
    "a default that is not among the values",
    "parameters: { e: { type: enum, flag: '-e', values: [a, b], default: c } }",
    "5:69: parameters.e.default: expected one of a, b",
  ],
  [
    "a default that could be taken for a flag",
    "parameters: { r: { type: pattern, flag: '-r', pattern: '.*', default: '-x' } }",
    "5:71: parameters.r.default: expected text of at most 256 characters that matches .*, not beginning with '-'",
  ],
  [
    "a default of ports that are none",
    "parameters: { p: { type: port_list, flag: '-p', default: '0' } }",
    "5:58: parameters.p.default: expected ports from 1 to 65535 such as 22,80,8000-8100, at most 100 ranges",
  ],
  [
    "a pattern that is none",
    "flags: { '-r': { value: { type: pattern, pattern: '[' } } }",
    '5:51: flags."-r".value.pattern: expected a regular expression (ECMAScript, flag u)',
  ],
  [
    "an item with a comma",
    "flags: { '-l': { value: { type: list, values: ['a,b'] } } }",
    '5:48: flags."-l".value.values[0]: no item of a list holds a comma',
  ],
  [
    "a control character in a first argument",
    'first: ["a\\nb"]',
    "5:9: first[0]: expected text without control characters",
  ],
  [
    "an unknown parser",
    "output: { parser: nmap_xlm }",
    `5:19: output.parser: expected one of ${
      parserNames.map((name) => `"${name}"`).join(", ")
    }, got "nmap_xlm"; ` +
    'did you mean "nmap_xml"?',
  ],
  ["a limit out of range", "limits: { timeout_sec: 0 }", "5:24: limits.timeout_sec: "],
  ["an exit code that cannot be", "success_exit_codes: [256]", "5:22: success_exit_codes[0]: "],
  ["no exit code at all", "success_exit_codes: []", "5:21: success_exit_codes: "],
  ["an unknown capability", "capabilities: [root]", "5:16: capabilities[0]: "],
  ["a helper with a path that is not absolute", "helpers: [./x]", "5:11: helpers[0]: "],
  [
    "a mode that declares a parameter again",
    "parameters: { n: { type: boolean, flag: '-n' } }\n" +
    "modes: { a: { description: A, parameters: { n: { type: boolean, flag: '-m' } } } }",
    "6:48: modes.a.parameters.n: n is declared for all modes already",
  ],
  [
    "a mode's flag that another owns",
    "parameters: { n: { type: boolean, flag: '-n' } }\nmodes: { a: { description: A, flags: { '-n': {} } } }",
    '6:46: modes.a.flags."-n": -n belongs to parameter n already',
  ],
  [
    "a mode's word that a caller could repeat",
    "flags: { '-n': {} }\nmodes: { a: { description: A, first: [a, '-n'] } }",
    "6:42: modes.a.first[1]: -n is in the grammar too; a caller must not repeat it",
  ],
  [
    "what is common and wrong in every mode, once",
    "flags: { '-n': { value: { type: integer, min: 2, max: 1 } } }\n" +
    "modes: { a: { description: A }, b: { description: B } }",
    '5:47: flags."-n".value.min: min is greater than max',
  ],
  [
    "a mode's target with a port that it has not",
    "modes: { a: { description: A, target: { kinds: [host], place: { template: '{host}:{port}' } } } }",
    "5:75: modes.a.target.place.template: {port} has no meaning for kind host",
  ],
  [
    "a limit of leave that nothing is above",
    "flags: { '-n': { value: { type: integer, min: 1, max: 9, intrusive_above: 9 } } }",
    '5:75: flags."-n".value.intrusive_above: expected a number from min up to, and less than, max',
  ],
  [
    "a value that is both",
    "flags: { '-n': { value: { type: enum, values: [a, b], intrusive_values: [b] } } }",
    '5:73: flags."-n".value.intrusive_values: b is in values too',
  ],
];

for (const [name, rest, expected] of BAD) {
  Deno.test(`manifest: ${name} is told with its line, column and path`, () => {
    const [first, ...others] = manifestMistakes(HEAD + rest);
    assert(first?.startsWith(`t.yaml:${expected}`), first ?? "it loads");
    assert.deepEqual(others, []);
  });
}

for (
  const [name, text] of [
    ["an upper-case name", HEAD.replace("name: t", "name: Nmap")],
    ["a name with a dash", HEAD.replace("name: t", "name: a-b")],
    ["a name of 65 characters", HEAD.replace("name: t", `name: ${"a".repeat(65)}`)],
    ["the server's own tool run_wait", HEAD.replace("name: t", "name: run_wait")],
    ["the compartment of names", HEAD.replace("name: t", "name: resolver")],
    ["the server's own tool run_output", HEAD.replace("name: t", "name: run_output")],
    ["no description", HEAD.replace("description: D\n", "")],
    ["a command with a path that is not absolute", HEAD.replace("command: t", "command: bin/t")],
    ["a command with arguments", HEAD.replace("command: t", "command: t -x")],
    ["a command with a comma", HEAD.replace("command: t", "command: /opt/a,b")],
    ["a command that is a flag", HEAD.replace("command: t", "command: -t")],
  ] as const
) {
  Deno.test(`manifest: ${name} is refused`, () => assert.equal(manifestMistakes(text).length, 1));
}

Deno.test("manifest: no more helpers, files and capabilities than a compartment can be told of", () => {
  const list = (key: string, count: number, item: (index: number) => string) =>
    manifestMistakes(
      `${HEAD}${key}: [${Array.from({ length: count }, (_, index) => item(index)).join(", ")}]\n`,
    );
  for (
    const [key, most, item] of [
      ["helpers", 32, (index: number) => `h${index}`],
      ["forbidden_files", 64, (index: number) => `/etc/f${index}`],
      ["capabilities", 4, () => "net_raw"],
      ["optional_capabilities", 4, () => "net_raw"],
    ] as const
  ) {
    assert.deepEqual(list(key, most, item), []);
    assert.match(
      list(key, most + 1, item)[0] ?? "",
      new RegExp(`^t\\.yaml:5:\\d+: ${key}: .*at most ${most}`),
    );
  }
});
