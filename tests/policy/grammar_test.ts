import assert from "node:assert/strict";
import fc from "fast-check";
import { type ArgumentDecision, decideArguments } from "../../src/policy/grammar.ts";
import type { ArgumentGrammar, FlagSpec, ParameterSpec } from "../../src/policy/flags.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import type { ValueSpec } from "../../src/policy/value.ts";
import { keepsTo, noTargets } from "./support.ts";

const PLAIN = { join: false, repeat: false, intrusive: false } as const;
const MAX_BYTES = 2048;

const GRAMMAR: ArgumentGrammar = {
  parameters: new Map<string, ParameterSpec>([
    ["ports", { ...PLAIN, flag: "-p", value: { type: "port_list", max_ranges: 3 }, required: false }],
    ["timing", {
      ...PLAIN,
      flag: "-T",
      join: true,
      value: { type: "integer", min: 0, max: 5 },
      default: 4,
      required: false,
    }],
    ["versions", { ...PLAIN, flag: "-sV", value: { type: "boolean" }, required: false }],
    ["reason", { ...PLAIN, flag: "--reason", value: { type: "boolean" }, default: true, required: false }],
  ]),
  flags: new Map<string, FlagSpec>([
    ["-sn", PLAIN],
    ["-F", PLAIN],
    ["-A", { ...PLAIN, intrusive: true }],
    ["--rate", { ...PLAIN, join: true, value: { type: "integer", min: 1, max: 100 } }],
    ["--retries", { ...PLAIN, value: { type: "integer", min: 0, max: 10 } }],
    ["--script", { ...PLAIN, value: { type: "enum", values: ["banner", "http-title"] } }],
    ["--header", {
      ...PLAIN,
      repeat: true,
      value: { type: "pattern", pattern: "[A-Za-z-]+: [ -~]*", max_length: 40 },
    }],
    ["--any", { ...PLAIN, value: { type: "pattern", pattern: "[^]*", max_length: 100 } }],
    ["--via", { ...PLAIN, value: { type: "target", kinds: ["host"], max_addresses: 1 } }],
  ]),
};

/** What stands in front when nothing is said. */
const DEFAULTS = ["-T4", "--reason"];

/** Lines of extra arguments and the arguments that come of them, behind the defaults. */
const ACCEPTED: readonly [string, string, readonly string[]][] = [
  ["nothing", "", DEFAULTS],
  ["only spaces", "   ", DEFAULTS],
  ["a switch", "-sn", [...DEFAULTS, "-sn"]],
  ["two switches in their order", "-F -sn", [...DEFAULTS, "-F", "-sn"]],
  ["spaces around and between", "  -F   -sn ", [...DEFAULTS, "-F", "-sn"]],
  ["a value of its own", "--retries 3", [...DEFAULTS, "--retries", "3"]],
  ["a value behind '='", "--retries=3", [...DEFAULTS, "--retries", "3"]],
  ["a joined value", "--rate=7", [...DEFAULTS, "--rate=7"]],
  ["a joined value, written apart", "--rate 7", [...DEFAULTS, "--rate=7"]],
  ["a parameter's flag, joined", "-T2", ["--reason", "-T2"]],
  ["a parameter's flag, written apart", "-T 2", ["--reason", "-T2"]],
  ["a parameter's switch", "--reason", ["-T4", "--reason"]],
  ["double quotes", '--header "A: b c"', [...DEFAULTS, "--header", "A: b c"]],
  ["single quotes", "--header 'A: b c'", [...DEFAULTS, "--header", "A: b c"]],
  ["a backslash", "--header A:\\ b", [...DEFAULTS, "--header", "A: b"]],
  ["quotes in the middle of a word", "--re\"tries\"='3'", [...DEFAULTS, "--retries", "3"]],
  ["a second '='", "--any=a=b", [...DEFAULTS, "--any", "a=b"]],
  ["a flag that repeats", "--header 'A: 1' --header 'B: 2'", [
    ...DEFAULTS,
    "--header",
    "A: 1",
    "--header",
    "B: 2",
  ]],
  ["a shell's characters, which mean nothing here", "--any '$(id);`id`|&'", [
    ...DEFAULTS,
    "--any",
    "$(id);`id`|&",
  ]],
  ["characters beyond ASCII", "--any é😀", [...DEFAULTS, "--any", "é😀"]],
];

for (const [what, line, args] of ACCEPTED) {
  Deno.test(`extra_args: ${what}`, () => assert.deepEqual(accepted(line).args, args));
}

/** Lines that are refused. */
const REFUSED: readonly [string, string, RegExp][] = [
  ["a bare word (D4)", "8.8.8.8", /"8\.8\.8\.8", which is neither a flag nor a flag's value/],
  ["a bare word behind a switch (D4)", "-sn 8.8.8.8", /"8\.8\.8\.8", which is neither/],
  ["a bare word behind a value (D4)", "--retries 3 10.0.0.1", /"10\.0\.0\.1", which is neither/],
  ["a file (D4)", "/etc/shadow", /"\/etc\/shadow", which is neither/],
  ["a file for curl (D4)", "@/etc/shadow", /neither/],
  ["an empty word (D4)", "''", /"", which is neither/],
  ["a quoted word with a space (D4)", "'-sn 8.8.8.8'", /not one that this tool takes/],
  ["a hyphen (D4)", "-", /"-", which is neither/],
  ["two hyphens (D4)", "--", /"--", which is neither/],
  ["words behind two hyphens (D4)", "-- 8.8.8.8", /"--", which is neither/],
  ["a longer flag that begins like -p (D5)", "-proxy-anything", /flag "-proxy-anything" is not one/],
  ["-p with its value stuck to it, which is not declared joined (D5)", "-p80", /flag "-p80" is not one/],
  ["a longer flag that begins like --script (D5)", "--script-args-file=/etc/passwd", /is not one/],
  ["a longer flag with a value (D5)", "--script-args x=y", /flag "--script-args" is not one/],
  ["an abbreviated flag (D5)", "--scr=banner", /is not one/],
  ["a flag in another case (D5)", "--Script banner", /is not one/],
  [
    "a joined flag with more behind it (D5)",
    "-T4A",
    /the value of -T is "4A"; expected an integer from 0 to 5/,
  ],
  ["an equals sign behind a joined short flag", "-T=4", /the value of -T is "=4"/],
  ["an equals sign behind a short flag", "-p=80", /is not one/],
  ["a trailing flag without its value (D6)", "-sn -p", /flag -p needs a value/],
  ["a trailing joined flag without its value (D6)", "-T", /flag -T needs a value/],
  ["a flag in a value's place (D6)", "-p -sn", /the value of -p is "-sn"; expected .*not beginning with '-'/],
  ["a flag for a value behind '=' (D6)", "--any=-oN", /not beginning with '-'/],
  ["a joined flag for a value", "-T -sn", /not beginning with '-'/],
  ["an empty value (D6)", "-T ''", /the value of -T is ""/],
  ["an empty value behind '=' (D6)", "--any=", /the value of --any is ""/],
  ["bundled switches", "-Fr", /flag "-Fr" is not one/],
  ["bundled switches, the second intrusive", "-FA", /flag "-FA" is not one/],
  ["a value for a switch", "--reason=no", /flag --reason takes no value/],
  ["a value out of range", "--rate=101", /expected an integer from 1 to 100/],
  ["a switch twice", "-sn -sn", /flag -sn is given twice/],
  ["a flag twice in two spellings", "--rate=1 --rate 2", /flag --rate is given twice/],
  ["a joined flag twice in two spellings", "-T4 -T 3", /flag -T is given twice/],
  ["an open double quote", '--any "x', /cannot be split/],
  ["an open single quote", "--any 'x", /cannot be split/],
  ["a trailing backslash", "--any x\\", /cannot be split/],
  ["a newline (D3)", "-sn\n", /control character or a newline/],
  ["a newline between flags (D3)", "-sn\n-A", /control character or a newline/],
  ["a tab", "-sn\t-F", /control character or a newline/],
  ["a null character", "--any a\0", /control character or a newline/],
  ["a delete character", "--any a\x7f", /control character or a newline/],
  ["a C1 control", "--any a\x85", /control character or a newline/],
  ["a newline written as an ANSI C escape (D3)", "--any $'a\\nb'", /without control characters/],
  ["a null written as an ANSI C escape (D3)", "--any $'a\\x00'", /without control characters/],
  ["a lone surrogate (D8)", "--any a\ud800", /the value of --any/],
  ["a lone surrogate written as an ANSI C escape (D8)", "--any $'\\ud800'", /the value of --any/],
  ["a Unicode hyphen", "‐sn", /neither/],
  ["a flag that every object has", "--constructor", /is not one/],
  ["a flag that every object has, with a value", "--__proto__=1", /is not one/],
];

for (const [what, line, error] of REFUSED) {
  Deno.test(`extra_args: ${what} is refused`, () => {
    const refusal = refused(line);
    assert.equal(refusal.field, "extra_args");
    assert.match(refusal.error, error);
    assert.notEqual(refusal.remedy, "");
  });
}

Deno.test("an unknown flag's refusal suggests the nearest and lists all", () => {
  const { error, remedy } = refused("--retires 3");
  assert.match(error, /did you mean --retries\?$/);
  assert.match(remedy, /^Its flags are: .*--retries.*-p/);
  const none = decide("-x", {}, { parameters: new Map(), flags: new Map() });
  assert.equal("remedy" in none ? none.remedy : "", "This tool takes no extra_args.");
});

Deno.test("a target in a flag's value is decided like any other", () => {
  const policy = new TargetPolicy(["RFC1918"], []);
  const decision = (line: string) => decide(line, {}, GRAMMAR, policy);
  const allowed = decision("--via ::ffff:10.0.0.1");
  assert.deepEqual(allowed.ok && allowed.args, [...DEFAULTS, "--via", "10.0.0.1"]);
  const outside = decision("--via 8.8.8.8");
  assert.match(
    "error" in outside ? outside.error : "",
    /an allowed target: target "8\.8\.8\.8" is not allowed/,
  );
});

Deno.test("the length of extra_args is measured in bytes", () => {
  const limit = (line: string, maxBytes: number) =>
    decideArguments({ parameters: {}, extraArgs: line }, GRAMMAR, noTargets, maxBytes);
  assert.ok(limit("--any éé", 10).ok);
  const { ok } = limit("--any éé", 9);
  assert.ok(!ok);
  const refusal = limit("-sn", 2);
  assert.match("error" in refusal ? refusal.error : "", /is 3 bytes long; at most 2 are taken/);
  assert.ok(limit("", 0).ok);
});

/** Parameters and the arguments that come of them. */
const PARAMETERS: readonly [string, Record<string, unknown>, string, readonly string[]][] = [
  ["a value", { ports: "22,80" }, "", [...DEFAULTS, "-p", "22,80"]],
  ["a value in a default's place", { timing: 2 }, "", ["--reason", "-T2"]],
  ["true", { versions: true }, "", [...DEFAULTS, "-sV"]],
  ["false", { versions: false }, "", DEFAULTS],
  ["false against a default of true", { reason: false }, "", ["-T4"]],
  ["true and a default of true", { reason: true }, "", ["-T4", "--reason"]],
  ["undefined, which is absent", { timing: undefined }, "", DEFAULTS],
  ["the grammar's order, not the caller's", { versions: true, ports: "1" }, "", [
    ...DEFAULTS,
    "-p",
    "1",
    "-sV",
  ]],
  ["together with extra_args", { ports: "1" }, "-sn", [...DEFAULTS, "-p", "1", "-sn"]],
];

for (const [what, parameters, line, args] of PARAMETERS) {
  Deno.test(`parameters: ${what}`, () => assert.deepEqual(accepted(line, parameters).args, args));
}

/** Parameters that are refused, and where. */
const REFUSED_PARAMETERS: readonly [string, Record<string, unknown>, string, string, RegExp][] = [
  [
    "an unknown one",
    { prots: "1" },
    "",
    "parameters.prots",
    /unknown parameter "prots"; did you mean "ports"\?/,
  ],
  ["a flag for a name", { "-p": "1" }, "", "parameters.-p", /unknown parameter "-p"/],
  ["what every object has", { toString: "1" }, "", "parameters.toString", /unknown parameter/],
  ["a value out of range", { timing: 6 }, "", "parameters.timing", /expected an integer from 0 to 5/],
  ["a value of the wrong type", { timing: "4" }, "", "parameters.timing", /expected an integer/],
  ["null", { timing: null }, "", "parameters.timing", /expected an integer/],
  ["a value that begins with '-' (D6)", { ports: "-sn" }, "", "parameters.ports", /not beginning with '-'/],
  ["a newline (D3)", { ports: "80\n" }, "", "parameters.ports", /without control characters/],
  [
    "one that extra_args says again",
    { ports: "80" },
    "-p 81",
    "extra_args",
    /in parameters\.ports and in extra_args/,
  ],
  [
    "one that extra_args says again, joined",
    { timing: 1 },
    "-T5",
    "extra_args",
    /flag -T is given in parameters/,
  ],
  ["true and its switch again", { versions: true }, "-sV", "extra_args", /flag -sV is given in/],
  [
    "false and its switch all the same",
    { versions: false },
    "-sV",
    "extra_args",
    /although parameter "versions" is false/,
  ],
];

for (const [what, parameters, line, field, error] of REFUSED_PARAMETERS) {
  Deno.test(`parameters: ${what} is refused at ${field}`, () => {
    const refusal = refused(line, parameters);
    assert.equal(refusal.field, field);
    assert.match(refusal.error, error);
  });
}

Deno.test("a parameter that is required must be given, and its flag in extra_args is not that", () => {
  const grammar: ArgumentGrammar = {
    parameters: new Map([["n", {
      ...PLAIN,
      flag: "-n",
      value: { type: "integer", min: 0, max: 9 },
      required: true,
    }]]),
    flags: new Map(),
  };
  const missing = decide("", {}, grammar);
  assert.equal("error" in missing ? missing.error : "", 'parameter "n" is missing');
  assert.ok(decide("", { n: 1 }, grammar).ok);
});

Deno.test("a parameter by the name of what every object has keeps its default", () => {
  const grammar: ArgumentGrammar = {
    parameters: new Map([["constructor", {
      ...PLAIN,
      flag: "--cap",
      value: { type: "integer", min: 0, max: 9 },
      default: 5,
      required: false,
    }]]),
    flags: new Map(),
  };
  const decision = decide("", {}, grammar);
  assert.deepEqual(decision.ok && decision.args, ["--cap", "5"]);
});

Deno.test("what needs leave is listed: flags, parameters and defaults", () => {
  assert.deepEqual(accepted("-A").intrusive, ["-A"]);
  assert.deepEqual(accepted("-sn").intrusive, []);
  const grammar: ArgumentGrammar = {
    parameters: new Map([["os", {
      ...PLAIN,
      flag: "-O",
      intrusive: true,
      value: { type: "boolean" },
      default: true,
      required: false,
    }]]),
    flags: new Map(),
  };
  for (const parameters of [{}, { os: true }]) {
    const decision = decide("", parameters, grammar);
    assert.deepEqual(decision.ok && decision.intrusive, ["-O"]);
  }
  const off = decide("", { os: false }, grammar);
  assert.deepEqual(off.ok && off.intrusive, []);
});

Deno.test("a joined value never makes a longer flag: -s with V is not -sV, nor -o with X9 a joined -oX", () => {
  const word: ValueSpec = { type: "pattern", pattern: "[A-Za-z0-9]*", max_length: 9 };
  const grammar: ArgumentGrammar = {
    parameters: new Map([["s", { ...PLAIN, flag: "-s", join: true, value: word, required: false }]]),
    flags: new Map<string, FlagSpec>([
      ["-sV", { ...PLAIN, intrusive: true }],
      ["-o", { ...PLAIN, join: true, value: word }],
      ["-oX", { ...PLAIN, join: true, value: { type: "integer", min: 0, max: 5 } }],
    ]),
  };
  const cases: [string, Record<string, unknown>][] = [["-s V", {}], ["", { s: "V" }], ["", { s: "Vx" }], [
    "-o X9",
    {},
  ], ["-oX9", {}]];
  for (const [line, parameters] of cases) {
    const decision = decide(line, parameters, grammar);
    assert.match("error" in decision ? decision.error : "", /would read as the flag/, line);
  }
  const plain = decide("-sV -o Y -oX 5", { s: "n" }, grammar);
  assert.deepEqual(plain.ok && plain.args, ["-sn", "-sV", "-oY", "-oX5"]);
  assert.deepEqual(plain.ok && plain.intrusive, ["-sV"]);
});

/** A flag with a numeric cap, and one value of it within or beyond. */
const capped = fc.tuple(
  fc.constantFrom<ValueSpec>(
    { type: "integer", min: 0, max: 100 },
    { type: "number", min: 0, max: 100 },
    { type: "duration", max_sec: 100 },
    { type: "port_list", max_ranges: 1 },
    { type: "enum", values: ["1", "100"] },
    { type: "list", values: ["1", "100"] },
    { type: "pattern", pattern: "[0-9]{1,2}|100", max_length: 3 },
  ),
  fc.oneof(
    fc.integer({ min: -2, max: 103 }).map(String),
    fc.nat(70_000).map(String),
    fc.constantFrom("1", "100", "101", "100s", "101s", "100.0", "100.5", "2m", "1,100", "1,1", "1-2", "0100"),
    fc.string({ unit: "grapheme-ascii", maxLength: 4 }),
  ),
);

Deno.test("caps hold in every spelling: what one spelling refuses, all do (D5)", () => {
  fc.assert(
    fc.property(capped, fc.boolean(), ([value, text], join) => {
      const spec: FlagSpec = { ...PLAIN, join, value };
      const grammar: ArgumentGrammar = {
        parameters: new Map(),
        flags: new Map([["-T", spec], ["--rate", spec]]),
      };
      const word = shellQuoted(text);
      const spellings = [
        `--rate ${word}`,
        `--rate=${word}`,
        `-T ${word}`,
        `--rate='${text.replaceAll("'", `'\\''`)}'`,
      ];
      // A joined short flag; elsewhere, this spelling is refused whatever the value.
      if (join && text !== "") spellings.push(`-T${word}`);
      const decisions = spellings.map((line) => decide(line, {}, grammar));
      for (const decision of decisions) {
        assert.equal(decision.ok, decisions[0]!.ok, spellings.join(" | "));
        if (!decision.ok) continue;
        const passed = decision.args.join(" ").replace(/^(?:--rate[= ]|-T ?)/, "");
        assert.ok(keepsTo(passed, value), `${passed} as ${JSON.stringify(value)}`);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("caps hold for parameters as for flags", () => {
  fc.assert(fc.property(fc.integer({ min: -10, max: 200 }), fc.boolean(), (number, join) => {
    const value: ValueSpec = { type: "integer", min: 0, max: 100 };
    const grammar: ArgumentGrammar = {
      parameters: new Map([["n", { ...PLAIN, join, flag: "-n", value, required: false }]]),
      flags: new Map(),
    };
    const typed = decide("", { n: number }, grammar);
    const spelt = decide(`-n ${number}`, {}, grammar);
    assert.equal(typed.ok, 0 <= number && number <= 100);
    assert.equal(spelt.ok, typed.ok);
    if (typed.ok) assert.deepEqual(spelt, typed);
  }));
});

const VALUES: readonly ValueSpec[] = [
  { type: "boolean" },
  { type: "integer", min: 0, max: 50 },
  { type: "number", min: 0, max: 2.5 },
  { type: "duration", max_sec: 60 },
  { type: "enum", values: ["x", "V", "Vx"] },
  { type: "list", values: ["x", "y"] },
  { type: "port_list", max_ranges: 2 },
  { type: "pattern", pattern: "[^]*", max_length: 12 },
];

const NAMES = ["-s", "-sV", "-p", "-o", "-oX", "-x", "--rate", "--rate-max", "--x"] as const;

const flagSpecs: fc.Arbitrary<FlagSpec> = fc.record({
  value: fc.option(fc.constantFrom(...VALUES), { nil: undefined }),
  join: fc.boolean(),
  repeat: fc.boolean(),
  intrusive: fc.boolean(),
}).map(({ value, join, repeat, intrusive }) => ({
  // As manifests are: a flag without a value has nothing to join.
  join: join && value !== undefined && value.type !== "boolean",
  repeat,
  intrusive,
  ...(value !== undefined && { value }),
}));

const grammars: fc.Arbitrary<ArgumentGrammar> = fc.tuple(
  fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 6 }),
  fc.array(flagSpecs, { minLength: 6, maxLength: 6 }),
  fc.nat(3),
).map(([names, specs, parameterCount]) => {
  const parameters = new Map<string, ParameterSpec>();
  const flags = new Map<string, FlagSpec>();
  for (const [index, flag] of names.entries()) {
    const spec = specs[index]!;
    if (index >= parameterCount || spec.value === undefined) flags.set(flag, spec);
    else parameters.set(`p${index}`, { ...spec, value: spec.value, repeat: false, flag, required: false });
  }
  return { parameters, flags };
});

const pieces = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<string>(...NAMES) },
  {
    weight: 4,
    arbitrary: fc.constantFrom("1", "50", "51", "2.5", "60s", "2m", "x", "V", "x,y", "80-90", "true"),
  },
  fc.constantFrom(
    "",
    "-",
    "--",
    "=",
    "8.8.8.8",
    "/etc/shadow",
    "@f",
    "-T",
    "--raten=1",
    "-sVx",
    "x y",
    "'",
    '"',
    "\\",
  ),
);
const words = fc.oneof(
  { weight: 3, arbitrary: pieces },
  fc.tuple(pieces, fc.constantFrom("", "="), pieces).map((parts) => parts.join("")),
);

Deno.test("soundness: every argument that comes out is accounted for by the grammar alone (D3 to D6)", () => {
  let taken = 0;
  fc.assert(
    fc.property(
      grammars,
      fc.array(words, { maxLength: 5 }),
      fc.boolean(),
      fc.dictionary(
        fc.constantFrom("p0", "p1", "p2"),
        fc.oneof(
          fc.boolean(),
          fc.nat(60),
          fc.constantFrom("x", "V", "80", "10s", "-x", ""),
          fc.constant(["x"]),
        ),
        { maxKeys: 2 },
      ),
      (grammar, tokens, raw, parameters) => {
        const line = tokens.map(raw ? String : shellQuoted).join(" ");
        const decision = decide(line, parameters, grammar);
        if (!decision.ok) return;
        taken++;
        assert.deepEqual(recognise(decision.args, grammar), decision.intrusive);
      },
    ),
    { numRuns: 20_000 },
  );
  assert.ok(taken > 500, `only ${taken} lines were taken: the property says little`);
});

Deno.test("the recogniser of the soundness property does refuse", () => {
  const grammar: ArgumentGrammar = {
    parameters: new Map(),
    flags: new Map<string, FlagSpec>([["-a", PLAIN], ["-n", { ...PLAIN, value: VALUES[1]! }]]),
  };
  for (
    const args of [["x"], ["-a", "x"], ["-b"], ["-n"], ["-n", "51"], ["-n", "-a"], ["-n50"], ["-a", "-a"]]
  ) {
    assert.throws(() => recognise(args, grammar), args.join(" "));
  }
  assert.deepEqual(recognise(["-n", "50", "-a"], grammar), []);
});

/**
 * Reads an argument list as a program does: the longest flag that a word is or begins with, and its value in the same
 * word or the next. Throws for whatever is left over; returns the flags that need leave.
 */
function recognise(args: readonly string[], grammar: ArgumentGrammar): string[] {
  const specs = new Map<string, FlagSpec>(grammar.flags);
  for (const parameter of grammar.parameters.values()) specs.set(parameter.flag, parameter);
  const longestFirst = [...specs].toSorted(([a], [b]) => b.length - a.length);
  const seen = new Set<string>();
  const intrusive: string[] = [];
  const rest = [...args];
  while (rest.length > 0) {
    const word = rest.shift()!;
    const found = longestFirst.find(([flag, { join }]) =>
      word === flag || (join && word.startsWith(flag.startsWith("--") ? `${flag}=` : flag))
    );
    assert.ok(found, `${word} is left over in ${args.join(" ")}`);
    const [flag, spec] = found;
    const alone = spec.value === undefined || spec.value.type === "boolean";
    if (alone) assert.equal(word, flag);
    else {
      const value = spec.join ? word.slice(flag.length + (flag.startsWith("--") ? 1 : 0)) : rest.shift();
      assert.ok(
        value !== undefined && keepsTo(value, spec.value!),
        `${value} as ${JSON.stringify(spec.value)}`,
      );
      assert.ok(!value.startsWith("-"));
    }
    assert.ok(spec.repeat || !seen.has(flag), `${flag} twice`);
    seen.add(flag);
    if (spec.intrusive) intrusive.push(flag);
  }
  return intrusive;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function decide(
  extraArgs: string,
  parameters: Record<string, unknown> = {},
  grammar = GRAMMAR,
  policy = noTargets,
): ArgumentDecision {
  return decideArguments({ parameters, extraArgs }, grammar, policy, MAX_BYTES);
}

function accepted(extraArgs: string, parameters: Record<string, unknown> = {}) {
  const decision = decide(extraArgs, parameters);
  assert.ok(decision.ok, JSON.stringify(decision));
  return decision;
}

function refused(extraArgs: string, parameters: Record<string, unknown> = {}) {
  const decision = decide(extraArgs, parameters);
  assert.ok("error" in decision, `${extraArgs} is accepted`);
  return decision;
}
