import assert from "node:assert/strict";
import * as z from "zod";
import { checkDocument, checkValue } from "../../src/documents/check_document.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { mistakes, read } from "./support.ts";

/** The message alone for one value under the key `v`. */
function message(schema: z.ZodType, value: string): string {
  return mistakes(z.strictObject({ v: schema }), `v: ${value}`).map((line) =>
    line.replace(/^\d+:\d+: v[^:]*: /, "")
  ).join(
    " | ",
  );
}

Deno.test("a document that fits gives what the schema makes of it", () => {
  const schema = z.strictObject({ port: z.int(), mode: z.enum(["tcp", "udp"]).default("tcp") });
  const checked = checkDocument(schema, read("port: 1"));
  assert.deepEqual(checked, { ok: true, value: { port: 1, mode: "tcp" } });
});

Deno.test("a mistake is at the offending value", () => {
  const schema = z.strictObject({ a: z.array(z.strictObject({ port: z.int().min(1).max(65535) })) });
  assert.deepEqual(mistakes(schema, "a:\n  - port: 1\n  - port:   70000\n"), [
    "3:13: a[1].port: expected an integer from 1 to 65535, got 70000",
  ]);
});

Deno.test("an unknown key is at the key, with the nearest allowed one", () => {
  const schema = z.strictObject({ port: z.int().optional(), host: z.string().optional() });
  assert.deepEqual(mistakes(schema, "host: a\nprot: 1\n"), [
    '2:1: prot: unknown key "prot"; did you mean "port"?',
  ]);
});

Deno.test("each of several unknown keys is one mistake", () => {
  const schema = z.strictObject({ port: z.int().optional() });
  assert.deepEqual(mistakes(schema, 'prot: 1\n"a\\nb": 2\nprt: 3\n'), [
    '1:1: prot: unknown key "prot"; did you mean "port"?',
    '2:1: "a\\nb": unknown key "a\\nb"; expected "port"',
    '3:1: prt: unknown key "prt"; did you mean "port"?',
  ]);
});

Deno.test("the allowed keys are listed for an unknown one that is near to none, unless they are many", () => {
  const object = (count: number) =>
    z.strictObject(
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, z.int().optional()])),
    );
  assert.deepEqual(mistakes(object(2), "zzzz: 1"), [
    '1:1: zzzz: unknown key "zzzz"; expected one of "key0", "key1"',
  ]);
  assert.deepEqual(mistakes(object(13), "zzzz: 1"), ['1:1: zzzz: unknown key "zzzz"']);
  assert.deepEqual(mistakes(object(0), "zzzz: 1"), ['1:1: zzzz: unknown key "zzzz"']);
});

Deno.test("allowed keys are found through records, lists, defaults, unions and discriminated unions", () => {
  const inner = z.strictObject({ command: z.string().optional() });
  const near = 'unknown key "comand"; did you mean "command"?';
  assert.deepEqual(mistakes(z.record(z.string(), inner), "a: {comand: x}"), [`1:5: a.comand: ${near}`]);
  assert.deepEqual(mistakes(z.array(inner.default({})), "- {comand: x}"), [`1:4: [0].comand: ${near}`]);
  assert.deepEqual(mistakes(inner.nullable().optional(), "comand: x"), [`1:1: comand: ${near}`]);
  assert.deepEqual(mistakes(z.union([z.string(), inner]), "comand: x"), [`1:1: comand: ${near}`]);
  assert.deepEqual(mistakes(z.lazy(() => inner).readonly(), "comand: x"), [`1:1: comand: ${near}`]);
  const discriminated = z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("a"), comander: z.string().optional() }),
    inner.extend({ kind: z.literal("b") }),
  ]);
  assert.deepEqual(mistakes(discriminated, "kind: b\ncomand: x"), [`2:1: comand: ${near}`]);
});

Deno.test("the keys of a record with an enumeration of keys are allowed keys", () => {
  const schema = z.partialRecord(z.enum(["low", "high"]), z.int());
  assert.deepEqual(mistakes(schema, "hihg: 1"), ['1:1: hihg: unknown key "hihg"; did you mean "high"?']);
});

Deno.test("a missing key is at its parent", () => {
  const schema = z.strictObject({ tools: z.record(z.string(), z.strictObject({ command: z.string() })) });
  assert.deepEqual(mistakes(schema, "tools:\n  nmap: {}\n"), [
    '2:3: tools.nmap.command: missing key "command"',
  ]);
  assert.deepEqual(mistakes(schema, "\n{}"), ['2:1: tools: missing key "tools"']);
  assert.deepEqual(mistakes(z.array(z.strictObject({ a: z.int() })), "-  {}"), [
    '1:4: [0].a: missing key "a"',
  ]);
});

Deno.test("a key is missing whatever its value would be", () => {
  const schema = z.strictObject({
    a: z.enum(["x", "y"]),
    b: z.literal(1),
    c: z.union([z.string(), z.int()]),
    d: z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("k") })]),
    e: z.unknown().refine((value) => value !== undefined).nonoptional(),
  });
  assert.deepEqual(
    mistakes(schema, "{}").slice(0, 4),
    ["a", "b", "c", "d"].map((key) => `1:1: ${key}: missing key "${key}"`),
  );
  assert.deepEqual(mistakes(schema.shape.d, "{}"), ['1:1: kind: missing key "kind"']);
});

Deno.test("kinds of values are named as in YAML", () => {
  assert.equal(message(z.string(), "[]"), "expected a string, got a list");
  assert.equal(message(z.boolean(), "yes"), 'expected true or false, got "yes"');
  assert.equal(message(z.array(z.string()), "{}"), "expected a list, got a mapping");
  assert.equal(message(z.strictObject({}), "5"), "expected a mapping, got 5");
  assert.equal(message(z.record(z.string(), z.string()), "x"), 'expected a mapping, got "x"');
  assert.equal(message(z.number(), ""), "expected a number, got null");
  assert.equal(message(z.int(), "1.5"), "expected an integer, got 1.5");
  assert.equal(message(z.null(), "1"), "expected null, got 1");
  assert.equal(message(z.tuple([z.string()]), "1"), "expected a list, got 1");
});

Deno.test("numbers say both bounds, whichever is violated", () => {
  const port = z.int().min(1).max(65535);
  for (const value of ["0", "65536", "1.5", '"80"', "12345678901234567890"]) {
    const shown = value === "12345678901234567890" ? "12345678901234567000" : value;
    assert.equal(message(port, value), `expected an integer from 1 to 65535, got ${shown}`);
  }
  assert.equal(message(port.optional().default(1), "0"), "expected an integer from 1 to 65535, got 0");
  assert.equal(message(z.number().min(0.5).max(1), "2"), "expected a number from 0.5 to 1, got 2");
  assert.equal(message(z.int().min(1), "0"), "expected an integer of at least 1, got 0");
  assert.equal(message(z.number().max(1), "2"), "expected a number of at most 1, got 2");
  assert.equal(
    message(z.number().gt(0).lte(1), "0"),
    "expected a number greater than 0 and at most 1, got 0",
  );
  assert.equal(
    message(z.number().gte(0).lt(1), "1"),
    "expected a number of at least 0 and less than 1, got 1",
  );
  assert.equal(
    message(z.number().gt(0).lt(1), "1"),
    "expected a number greater than 0 and less than 1, got 1",
  );
  assert.equal(message(z.number().min(2).max(2), "1"), "expected a number equal to 2, got 1");
  assert.equal(
    message(z.int(), "1e300"),
    "expected an integer from -9007199254740991 to 9007199254740991, got 1e+300",
  );
  assert.equal(message(z.number().multipleOf(5), "7"), "expected a multiple of 5, got 7");
});

Deno.test("lengths of strings and lists say both bounds", () => {
  assert.equal(message(z.string().min(1), '""'), 'expected a non-empty string, got ""');
  assert.equal(
    message(z.string().min(2).max(3), "abcd"),
    'expected a string of 2 to 3 characters, got "abcd"',
  );
  assert.equal(message(z.string().min(1).max(3), '""'), 'expected a string of 1 to 3 characters, got ""');
  assert.equal(message(z.string().max(1), "ab"), 'expected a string of at most 1 character, got "ab"');
  assert.equal(message(z.string().length(3), "ab"), 'expected a string of exactly 3 characters, got "ab"');
  assert.equal(message(z.string().min(2).max(3), "5"), "expected a string of 2 to 3 characters, got 5");
  assert.equal(message(z.array(z.int()).min(2), "[1]"), "expected a list of at least 2 items, got 1 item");
  assert.equal(message(z.array(z.int()).max(1), "[1, 2]"), "expected a list of at most 1 item, got 2 items");
  assert.equal(message(z.array(z.int()).nonempty(), "[]"), "expected a non-empty list, got 0 items");
});

Deno.test("a bound on a schema that has none of its own is said alone", () => {
  const schema = z.union([z.int(), z.number()]);
  assert.equal(message(schema.check(z.gte(5)), "1"), "expected a number of at least 5, got 1");
  assert.equal(message(schema.check(z.gt(5)), "5"), "expected a number greater than 5, got 5");
  assert.equal(message(schema.check(z.lte(9)), "10"), "expected a number of at most 9, got 10");
  assert.equal(message(schema.check(z.lt(9)), "9"), "expected a number less than 9, got 9");
});

Deno.test("enumerations list the allowed values and the nearest one", () => {
  const schema = z.enum(["tcp", "udp"]);
  assert.equal(message(schema, "tpc"), 'expected one of "tcp", "udp", got "tpc"; did you mean "tcp"?');
  assert.equal(message(schema, "icmp"), 'expected one of "tcp", "udp", got "icmp"');
  assert.equal(message(schema, "5"), 'expected one of "tcp", "udp", got 5');
  assert.equal(message(z.literal("auto"), "auot"), 'expected "auto", got "auot"; did you mean "auto"?');
  assert.equal(message(z.literal([1, 2, null]), "3"), "expected one of 1, 2, null, got 3");
});

Deno.test("formats are named", () => {
  assert.equal(message(z.ipv4(), "1.2.3"), 'expected an IPv4 address, got "1.2.3"');
  assert.equal(
    message(z.string().regex(/^[a-z]+$/), "A"),
    'expected a string that matches /^[a-z]+$/, got "A"',
  );
  assert.equal(message(z.string().startsWith("a"), "b"), 'expected a string that begins with "a", got "b"');
  assert.equal(message(z.string().endsWith("a"), "b"), 'expected a string that ends with "a", got "b"');
  assert.equal(message(z.string().includes("a"), "b"), 'expected a string that contains "a", got "b"');
  assert.equal(message(z.nanoid(), "b"), 'expected a string in the format nanoid, got "b"');
});

Deno.test("a key that its record does not allow is at the key", () => {
  const schema = z.record(z.string().regex(/^[a-z]+$/), z.int());
  assert.deepEqual(mistakes(schema, "a: 1\nB: 2"), [
    '2:1: B: bad key "B": expected a string that matches /^[a-z]+$/',
  ]);
});

Deno.test("values in messages are cut and their control characters escaped", () => {
  assert.equal(message(z.int(), `"${"x".repeat(100)}"`), `expected an integer, got "${"x".repeat(60)}…"`);
  assert.equal(message(z.int(), '"\\e[31m"'), 'expected an integer, got "\\u001b[31m"');
});

Deno.test("a value of no branch's kind is told all that a union expects", () => {
  const schema = z.union([z.literal("auto"), z.int().min(1).max(9), z.array(z.string())]);
  assert.equal(message(schema, "true"), 'expected "auto", an integer from 1 to 9 or a list, got true');
  assert.equal(
    message(schema, "atuo"),
    'expected "auto", an integer from 1 to 9 or a list, got "atuo"; did you mean "auto"?',
  );
  assert.equal(
    message(z.union([z.string(), z.union([z.string(), z.int()])]), "{}"),
    "expected a string or an integer, got a mapping",
  );
});

Deno.test("a value of one branch's kind is told what that branch expects", () => {
  const schema = z.union([
    z.string(),
    z.strictObject({ command: z.string(), args: z.array(z.string()).optional() }),
  ]);
  assert.equal(
    message(schema, "{comand: x}"),
    'missing key "command" | unknown key "comand"; did you mean "command"?',
  );
  assert.deepEqual(mistakes(z.strictObject({ v: schema }), "v:\n  command: x\n  args: [a, 5]"), [
    "3:13: v.args[1]: expected a string, got 5",
  ]);
});

Deno.test("of several branches of the same kind, the one with the right constants is reported", () => {
  const schema = z.union([
    z.strictObject({ kind: z.literal("a"), x: z.strictObject({ deep: z.int() }) }),
    z.strictObject({ kind: z.literal("b"), x: z.int(), y: z.int() }),
  ]);
  assert.equal(
    message(schema, "{kind: b, x: {deep: no}}"),
    'missing key "y" | expected an integer, got a mapping',
  );
  assert.equal(message(schema, "{kind: a, x: {deep: no}}"), 'expected an integer, got "no"');
});

Deno.test("of several branches of the same kind, the one that fails deepest is reported", () => {
  const schema = z.union([
    z.strictObject({ x: z.int() }),
    z.strictObject({ x: z.strictObject({ deep: z.int() }) }),
  ]);
  assert.equal(message(schema, "{x: {deep: no}}"), 'expected an integer, got "no"');
});

Deno.test("a branch of the right kind is preferred even where both fail at the value itself", () => {
  const schema = z.union([
    z.string(),
    z.strictObject({ alpha: z.int().optional() }),
    z.strictObject({ omega: z.int().optional() }),
  ]);
  assert.equal(message(schema, "{alhpa: 1}"), 'unknown key "alhpa"; did you mean "alpha"?');
});

Deno.test("of branches that fail alike, the one with the fewest mistakes is reported, then the first", () => {
  const schema = z.union([z.strictObject({ x: z.int(), y: z.int() }), z.strictObject({ x: z.int() })]);
  assert.equal(message(schema, "{x: no}"), 'expected an integer, got "no"');
  const refined = (text: string) => z.string().refine(() => false, text);
  assert.equal(message(z.union([refined("expected luck"), refined("expected love")]), "x"), "expected luck");
});

Deno.test("a discriminator names its values", () => {
  const schema = z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("ip"), address: z.ipv4() }),
    z.strictObject({ kind: z.literal("host"), name: z.string() }),
  ]);
  assert.equal(
    message(schema, "{kind: hots}"),
    'expected one of "ip", "host", got "hots"; did you mean "host"?',
  );
  assert.equal(message(schema, "5"), "expected a mapping, got 5");
  assert.deepEqual(mistakes(schema, "kind: host\nname: 5"), ["2:7: name: expected a string, got 5"]);
});

Deno.test("a value that exactly one of several forms may match says so when it matches more", () => {
  assert.equal(message(z.xor([z.string(), z.literal("a")]), "a"), "fits more than one of the allowed forms");
});

Deno.test("refinements keep their message, at the path they name", () => {
  const range = z.strictObject({ low: z.int(), high: z.int() }).superRefine((_, context) => {
    context.addIssue({ code: "custom", path: ["high"], message: "must not be less than low" });
    context.addIssue({ code: "custom", path: ["step"], message: "is needed here" });
    context.addIssue({ code: "custom", message: "does not fit" });
  });
  assert.deepEqual(mistakes(z.strictObject({ range }), "range:\n  low: 2\n  high: 1\n"), [
    "1:1: range.step: is needed here",
    "2:3: range: does not fit",
    "3:9: range.high: must not be less than low",
  ]);
  assert.equal(message(z.string().refine(() => false, "expected luck"), "x"), "expected luck");
});

Deno.test("a message of the schema's own is kept, and gets the value if it says what was expected", () => {
  assert.equal(message(z.string().regex(/^a/, "expected a name"), "b"), 'expected a name, got "b"');
  assert.equal(message(z.string().regex(/^a/, "names begin with a"), "b"), "names begin with a");
  assert.equal(message(z.union([z.int(), z.null()], "a number or nothing"), "b"), "a number or nothing");
  assert.equal(
    message(z.strictObject({}, { error: "takes no keys" }), "{a: 1, b: 2}"),
    "takes no keys | takes no keys",
  );
});

Deno.test("a refinement without a message still says something", () => {
  assert.equal(message(z.string().refine(() => false), "b"), "not a valid value");
});

Deno.test("mistakes are sorted by position, and the same one is said once", () => {
  const schema = z.strictObject({ a: z.int(), b: z.int().min(1).max(9) });
  assert.deepEqual(mistakes(schema, "b: -1e300\nc: 1\na: x"), [
    "1:4: b: expected an integer from 1 to 9, got -1e+300",
    '2:1: c: unknown key "c"; did you mean "a"?',
    '3:4: a: expected an integer, got "x"',
  ]);
});

Deno.test("a mistake in an aliased value is where the value is written", () => {
  const schema = z.record(z.string(), z.array(z.int()));
  assert.deepEqual(mistakes(schema, "a: &a [1, x]\nb: *a"), [
    '1:11: a[1]: expected an integer, got "x"',
    '1:11: b[1]: expected an integer, got "x"',
  ]);
});

Deno.test("the whole document has no path", () => {
  assert.deepEqual(mistakes(z.strictObject({}), "- 1"), ["1:1: expected a mapping, got a list"]);
});

Deno.test("a value from elsewhere is checked without positions", () => {
  const print = (schema: z.ZodType, value: unknown) => {
    const checked = checkValue(schema, value, "BULKHEAD_PORT");
    return checked.ok ? checked.value : checked.diagnostics.map(formatDiagnostic);
  };
  assert.equal(print(z.coerce.number().int(), "80"), 80);
  assert.deepEqual(print(z.coerce.number().int().min(1).max(65535), "0"), [
    'BULKHEAD_PORT: expected an integer from 1 to 65535, got "0"',
  ]);
  assert.deepEqual(print(z.string(), undefined), ["BULKHEAD_PORT: expected a string, got nothing"]);
  assert.deepEqual(print(z.strictObject({ a: z.strictObject({ b: z.int() }) }), { a: { b: "x" } }), [
    'BULKHEAD_PORT: a.b: expected an integer, got "x"',
  ]);
  assert.deepEqual(print(z.strictObject({ port: z.int() }), { prot: 1 }), [
    'BULKHEAD_PORT: port: missing key "port"',
    'BULKHEAD_PORT: prot: unknown key "prot"; did you mean "port"?',
  ]);
});
