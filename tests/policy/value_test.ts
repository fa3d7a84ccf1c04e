import assert from "node:assert/strict";
import fc from "fast-check";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import {
  describeValue,
  jsonFromText,
  readJsonValue,
  readTextValue,
  shownValue,
  valueJsonSchema,
  type ValueSpec,
} from "../../src/policy/value.ts";
import { keepsTo, noTargets, schemaTakes } from "./support.ts";

const BOOLEAN: ValueSpec = { type: "boolean" };
const INTEGER: ValueSpec = { type: "integer", min: 1, max: 100 };
const NUMBER: ValueSpec = { type: "number", min: 0, max: 1.5 };
const DURATION: ValueSpec = { type: "duration", max_sec: 600 };
const ENUM: ValueSpec = { type: "enum", values: ["GET", "HEAD", "-x"] };
const LIST: ValueSpec = { type: "list", values: ["a", "b", "-c"] };
const PORTS: ValueSpec = { type: "port_list", max_ranges: 3 };
const WORD: ValueSpec = { type: "pattern", pattern: "[a-z]+|[0-9]+", max_length: 8 };
/** A pattern that allows nearly everything, to see what is refused whatever a pattern allows. */
const LOOSE: ValueSpec = { type: "pattern", pattern: "[^]*", max_length: 20 };
const TARGET: ValueSpec = { type: "target", kinds: ["host", "cidr"], max_addresses: 4 };

/** Text that is taken as it stands. */
const TAKEN: readonly [ValueSpec, readonly string[]][] = [
  [BOOLEAN, ["true", "false"]],
  [INTEGER, ["1", "42", "100"]],
  [NUMBER, ["0", "1", "0.5", "1.5", "0.000001"]],
  [DURATION, ["0", "600", "10s", "600s", "600000ms", "500ms", "10m", "0h"]],
  [{ type: "duration", max_sec: 0.3 }, ["300ms", "0"]],
  [{ type: "duration", max_sec: 1.001 }, ["1001ms", "1s"]],
  [ENUM, ["GET", "HEAD"]],
  [LIST, ["a", "a,b", "b,a", "a,-c"]],
  [PORTS, ["1", "65535", "22,80,443", "1-65535", "80-80"]],
  [WORD, ["abc", "12345678"]],
  [LOOSE, ["a b", "é", "😀", "=x", "a-b"]],
];

for (const [spec, texts] of TAKEN) {
  for (const text of texts) {
    Deno.test(`${describeValue(spec)}: ${text} is taken`, () => {
      assert.deepEqual(readTextValue(text, spec, noTargets), { ok: true, text });
    });
  }
}

/** Text that is refused, by type. */
const REFUSED: readonly [ValueSpec, readonly string[]][] = [
  [BOOLEAN, ["", "True", "1", "yes", " true"]],
  [INTEGER, ["", "0", "101", "-1", "+1", "01", "1.0", "1e1", "0x1", " 1", "1 ", "1\n", "١", "９", "1_0"]],
  [{ type: "integer", min: 0, max: 2 ** 53 - 1 }, [
    "9007199254740992",
    "9007199254740993",
    "99999999999999999",
  ]],
  [{ type: "integer", min: -9, max: 9 }, ["-5", "-0"]],
  [NUMBER, ["", "1.51", "-0.1", ".5", "1.", "1e-1", "00.5", "01", "Infinity", "NaN", "0x1", "1,5", "0.5\n"]],
  [DURATION, [
    "",
    "601",
    "11m",
    "1h",
    "600001ms",
    "10 s",
    "10S",
    "1d",
    "1.5s",
    "-1s",
    "010",
    "s",
    "1e2",
    "10s\n",
  ]],
  [ENUM, ["", "get", "GET ", "GETHEAD", "-x", "POST", "GET\n"]],
  [LIST, ["", "c", "a,", ",a", "a,a", "a, b", "a;b", "-c", "-c,a", "a\n"]],
  [PORTS, [
    "",
    "0",
    "65536",
    "080",
    "80,",
    "80-",
    "-80",
    "90-80",
    "80,80-",
    "1,2,3,4",
    "1-2-3",
    "ssh",
    "80 ",
    "80\n",
  ]],
  [PORTS, ["0-80", "1-65536", "U:53", "T:80", "80,0", "*", "99999999"]],
  [WORD, ["", "abc1", "123456789", "-abc", "abc\n", "\nabc", "abc\u2028x", "ABC", "é"]],
  [LOOSE, ["", "-", "-x", "--", "a\n", "a\0", "\t", "\x7f", "\x85", "x".repeat(21), "\ud800", "a\udc00b"]],
];

for (const [spec, texts] of REFUSED) {
  for (const text of texts) {
    Deno.test(`${describeValue(spec)}: ${JSON.stringify(text)} is refused (D3)`, () => {
      const reading = readTextValue(text, spec, noTargets);
      assert.ok("expected" in reading);
      assert.ok(reading.expected.startsWith(describeValue(spec)), reading.expected);
    });
  }
}

Deno.test("whatever the pattern allows, a value that begins with '-' is refused, and the message says so (D6)", () => {
  const reading = readTextValue("-oN=x", LOOSE, noTargets);
  assert.match("expected" in reading ? reading.expected : "", /, not beginning with '-'$/);
});

Deno.test("a pattern is anchored as a whole: no alternative of it escapes (D3)", () => {
  const spec: ValueSpec = { type: "pattern", pattern: "a|b", max_length: 9 };
  for (const text of ["ax", "xb", "a\nb", "ab"]) assert.ok(!readTextValue(text, spec, noTargets).ok, text);
});

Deno.test("a number is passed as the number that was compared: digits beyond its precision do not pass a cap", () => {
  const spec: ValueSpec = { type: "number", min: 0, max: 100 };
  assert.deepEqual(readTextValue("100.000000000000001", spec, noTargets), { ok: true, text: "100" });
  assert.deepEqual(readTextValue("4.50", spec, noTargets), { ok: true, text: "4.5" });
  // JavaScript would write this one with an exponent.
  assert.ok(!readTextValue("0.0000001", spec, noTargets).ok);
  assert.ok(!readJsonValue(1e-7, spec, noTargets).ok);
});

/** JSON values that become text. */
const FROM_JSON: readonly [ValueSpec, unknown, string][] = [
  [BOOLEAN, true, "true"],
  [BOOLEAN, false, "false"],
  [INTEGER, 42, "42"],
  [INTEGER, 42.0, "42"],
  [{ type: "integer", min: 0, max: 1 }, -0, "0"],
  [NUMBER, 0.5, "0.5"],
  [DURATION, "10s", "10s"],
  [ENUM, "GET", "GET"],
  [LIST, ["b", "a"], "b,a"],
  [PORTS, "22,80", "22,80"],
  [PORTS, 80, "80"],
  [WORD, "abc", "abc"],
];

for (const [spec, value, text] of FROM_JSON) {
  Deno.test(`the JSON value ${JSON.stringify(value)} of ${spec.type} is ${text}`, () => {
    assert.deepEqual(readJsonValue(value, spec, noTargets), { ok: true, text });
  });
}

/** JSON values of the wrong type, which nothing turns into the right one. */
const NOT_FROM_JSON: readonly [ValueSpec, readonly unknown[]][] = [
  [BOOLEAN, ["true", 1, 0, null, [true]]],
  [INTEGER, ["42", 4.2, NaN, Infinity, 1e21, true, null, [42], { valueOf: 42 }]],
  [NUMBER, ["0.5", NaN, Infinity, -Infinity, null, [0.5], 1e-300, -0.5]],
  [DURATION, [10, null, ["10s"]]],
  [ENUM, [0, null, ["GET"], { toString: "GET" }]],
  [LIST, ["a,b", [], [""], ["a,b"], ["a", "a"], ["a", 1], [["a"]], { 0: "a", length: 1 }, null, ["-c"]]],
  [PORTS, [0, 65536, -1, 80.5, null, [80], true]],
  [WORD, [1, null, ["abc"], true]],
  [TARGET, [1, null, ["10.0.0.1"]]],
];

for (const [spec, values] of NOT_FROM_JSON) {
  for (const value of values) {
    const shown = typeof value === "number" ? String(value) : JSON.stringify(value);
    Deno.test(`the JSON value ${shown} is no ${spec.type}`, () => {
      assert.equal(readJsonValue(value, spec, noTargets).ok, false);
    });
  }
}

Deno.test("a target among the values is decided by the policy, normalised and pinned (D4, D8)", () => {
  const policy = new TargetPolicy(["RFC1918", "loopback"], ["10.0.0.9"]);
  assert.deepEqual(readTextValue("10.0.0.7/30", TARGET, policy), { ok: true, text: "10.0.0.4/30" });
  assert.deepEqual(readTextValue("LOCALHOST", TARGET, policy), { ok: true, text: "127.0.0.1" });
  assert.deepEqual(readTextValue("::ffff:10.0.0.1", TARGET, policy), { ok: true, text: "10.0.0.1" });
  for (
    const text of [
      "8.8.8.8",
      "10.0.0.9",
      "10.0.0.0/29",
      "10.0.0.1-9",
      "10.1",
      " 10.0.0.1",
      "http://10.0.0.1/",
    ]
  ) {
    const reading = readTextValue(text, TARGET, policy);
    assert.match("expected" in reading ? reading.expected : "", /^an allowed target: /, text);
  }
});

const specs: fc.Arbitrary<ValueSpec> = fc.oneof(
  fc.constant(BOOLEAN),
  fc.tuple(fc.integer({ min: -5, max: 20 }), fc.nat(100))
    .map(([min, size]): ValueSpec => ({ type: "integer", min, max: min + size })),
  fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(100))
    .map(([min, size]): ValueSpec => ({ type: "number", min: min / 8, max: (min + size) / 8 })),
  fc.integer({ min: 1, max: 700_000 }).map((ms): ValueSpec => ({ type: "duration", max_sec: ms / 1000 })),
  fc.subarray(["GET", "HEAD", "-x", "é", "a b"], { minLength: 1 })
    .map((values): ValueSpec => ({ type: "enum", values })),
  fc.subarray(["a", "b", "-c", "d"], { minLength: 1 }).map((values): ValueSpec => ({ type: "list", values })),
  fc.integer({ min: 1, max: 3 }).map((max_ranges): ValueSpec => ({ type: "port_list", max_ranges })),
  fc.tuple(fc.constantFrom("[a-z]+", "[^]*", "a|b", "[0-9]{1,3}", ".?"), fc.integer({ min: 1, max: 6 }))
    .map(([pattern, max_length]): ValueSpec => ({ type: "pattern", pattern, max_length })),
);

const digits = fc.oneof(fc.nat(110), fc.nat(70_000), fc.nat(700_001)).map(String);
const texts = fc.oneof(
  digits,
  fc.tuple(digits, fc.constantFrom("ms", "s", "m", "h", ".5", ".125", ".0", "e1")).map((parts) =>
    parts.join("")
  ),
  fc.array(digits, { maxLength: 4 }).map((parts) => parts.join(",")),
  fc.array(digits, { maxLength: 3 }).map((parts) => parts.join("-")),
  fc.subarray(["a", "b", "-c", "d"]).map((parts) => parts.join(",")),
  fc.constantFrom("true", "false", "GET", "HEAD", "-x", "é", "a b", "", "-1", "007", "a\n", "\ud800", "😀"),
  fc.string({ unit: "binary", maxLength: 5 }),
);

Deno.test("no text that is taken breaks what its type says", () => {
  fc.assert(
    fc.property(specs, texts, (spec, text) => {
      const reading = readTextValue(text, spec, noTargets);
      if (reading.ok) assert.ok(keepsTo(reading.text, spec), `${reading.text} as ${JSON.stringify(spec)}`);
      if (reading.ok) assert.deepEqual(readTextValue(reading.text, spec, noTargets), reading);
      // And nothing that is right is refused, but for text that no program could be given as it is.
      else if (text.isWellFormed()) assert.ok(!keepsTo(text, spec), `${text} as ${JSON.stringify(spec)}`);
    }),
    { numRuns: 5000 },
  );
});

const jsonValues = fc.oneof(
  texts,
  fc.boolean(),
  fc.integer({ min: -10, max: 130 }),
  fc.integer({ min: -400, max: 1000 }).map((value) => value / 8),
  fc.array(fc.constantFrom("a", "b", "-c", "d"), { maxLength: 3 }),
  fc.jsonValue(),
);

Deno.test("every JSON value that is taken, the JSON Schema takes too", () => {
  let taken = 0;
  fc.assert(
    fc.property(specs, jsonValues, (spec, value) => {
      const reading = readJsonValue(value, spec, noTargets);
      if (!reading.ok) return;
      taken++;
      assert.ok(
        schemaTakes(valueJsonSchema(spec), value),
        `${JSON.stringify(value)} as ${JSON.stringify(spec)}`,
      );
      assert.ok(keepsTo(reading.text, spec));
    }),
    { numRuns: 5000 },
  );
  assert.ok(taken > 200, `only ${taken} values were taken: the property says little`);
});

Deno.test("the JSON Schema refuses what is out of range", () => {
  assert.ok(!schemaTakes(valueJsonSchema(INTEGER), 101));
  assert.ok(!schemaTakes(valueJsonSchema(INTEGER), 1.5));
  assert.ok(!schemaTakes(valueJsonSchema(NUMBER), 1.6));
  assert.ok(!schemaTakes(valueJsonSchema(ENUM), "POST"));
  assert.ok(!schemaTakes(valueJsonSchema(LIST), ["a", "a"]));
  assert.ok(!schemaTakes(valueJsonSchema(LIST), []));
  assert.ok(!schemaTakes(valueJsonSchema(PORTS), "22;80"));
  assert.ok(!schemaTakes(valueJsonSchema(PORTS), 65536));
  assert.ok(!schemaTakes(valueJsonSchema(DURATION), "10 s"));
  assert.ok(!schemaTakes(valueJsonSchema(WORD), "abc1"));
  assert.ok(!schemaTakes(valueJsonSchema(BOOLEAN), "true"));
});

Deno.test("--param's text means the JSON value of the parameter's type", () => {
  assert.equal(jsonFromText("true", BOOLEAN), true);
  assert.equal(jsonFromText("yes", BOOLEAN), "yes");
  assert.equal(jsonFromText("42", INTEGER), 42);
  assert.equal(jsonFromText("0.5", NUMBER), 0.5);
  assert.equal(jsonFromText("1e3", NUMBER), "1e3");
  assert.equal(jsonFromText("", INTEGER), "");
  assert.equal(jsonFromText(" 1", INTEGER), " 1");
  assert.deepEqual(jsonFromText("a,b", LIST), ["a", "b"]);
  assert.equal(jsonFromText("22", PORTS), "22");
  assert.equal(jsonFromText("10", WORD), "10");
});

Deno.test("what --param's text means is read as the flag's text is, or refused", () => {
  fc.assert(
    fc.property(specs, texts, (spec, text) => {
      const reading = readJsonValue(jsonFromText(text, spec), spec, noTargets);
      if (reading.ok) assert.ok(keepsTo(reading.text, spec));
      const said = readTextValue(text, spec, noTargets);
      if (said.ok) assert.deepEqual(reading, said);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a value is shown quoted, escaped and cut", () => {
  assert.equal(shownValue("a\n"), '"a\\n"');
  assert.equal(shownValue({ a: 1 }), '"{\\"a\\":1}"');
  assert.equal(shownValue(undefined), '"undefined"');
  assert.ok(shownValue("x".repeat(1000)).length < 70);
});
