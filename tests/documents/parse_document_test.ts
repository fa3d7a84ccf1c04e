import assert from "node:assert/strict";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { MAX_BYTES, parseDocumentBytes } from "../../src/documents/parse_document.ts";
import { read, refusals } from "./support.ts";

Deno.test("an empty document is an empty mapping", () => {
  for (const text of ["", "\n", "# a comment\n", "---\n", "--- # nothing\n...\n", "\uFEFF"]) {
    assert.deepEqual(read(text).value, {}, JSON.stringify(text));
  }
  assert.deepEqual(read("").locate(["a"]), { line: 1, column: 1 });
});

Deno.test("a document that says null is not empty", () => {
  assert.equal(read("null").value, null);
  assert.equal(read("~").value, null);
});

Deno.test("scalars are those of the YAML 1.2 core schema", () => {
  const text = `
date: 2024-01-31
time: 2024-01-31T12:00:00Z
sexagesimal: 1:30
yes: yes
no: No
on: on
grouped: 1_000
binary: 0b11
octal: 0o17
zeros: 017
hexadecimal: 0x1F
signed: +12
float: 6.5e-1
infinity: -.inf
true: True
null: ~
nothing:
text: "12"
`;
  assert.deepEqual(read(text).value, {
    date: "2024-01-31",
    time: "2024-01-31T12:00:00Z",
    sexagesimal: "1:30",
    yes: "yes",
    no: "No",
    on: "on",
    grouped: "1_000",
    binary: "0b11",
    octal: 15,
    zeros: 17,
    hexadecimal: 31,
    signed: 12,
    float: 0.65,
    infinity: -Infinity,
    true: true,
    null: null,
    nothing: null,
    text: "12",
  });
});

Deno.test("keys are strings as they are written", () => {
  assert.deepEqual(read("0o17: a\n1.0: b\nTrue: c\n'80': d\n").value, {
    "0o17": "a",
    "1.0": "b",
    True: "c",
    80: "d",
  });
});

Deno.test("JSON is read: tabs, numbers and escapes", () => {
  const text =
    '{\n\t"a":\t[1e3,-0.5E-2,0,12345678901234567890],\n\t"b":"\\u00e9\\/\\ud83d\\ude00\\b\\f\\n\\r\\t\\"\\\\"}';
  assert.deepEqual(read(text).value, JSON.parse(text));
});

Deno.test("block text, quoted text and plain text are read", () => {
  const text = "literal: |\n  a\n   b\nfolded: >-\n  a\n  b\nsingle: 'it''s'\nplain: a\n  b\n";
  assert.deepEqual(read(text).value, { literal: "a\n b\n", folded: "a b", single: "it's", plain: "a b" });
});

Deno.test("a byte order mark is tolerated and takes no column", () => {
  assert.deepEqual(read("\uFEFFa: 1").locate(["a"]), { line: 1, column: 4 });
  const parsed = parseDocumentBytes(new TextEncoder().encode("\uFEFFa: 1"), "f");
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.value, { a: 1 });
  assert.deepEqual(parsed.locate(["a"], "key"), { line: 1, column: 1 });
});

Deno.test("lines end with a line feed, a carriage return or both", () => {
  const document = read("a: 1\r\nb: 2\rc: 3\nd: 4");
  assert.deepEqual(["a", "b", "c", "d"].map((key) => document.locate([key]).line), [1, 2, 3, 4]);
});

Deno.test("columns count characters, not UTF-16 units", () => {
  assert.deepEqual(read('{"😀é": "😀", b: 1}').locate(["b"]), { line: 1, column: 16 });
});

Deno.test("every style of value is located at its first character", () => {
  const text = [
    "plain: a",
    "single: 'a'",
    'double: "a"',
    "literal: | # not | this",
    "  a",
    "folded:   >-2",
    "    a",
    "anchored: &x  [a]",
    "alias: *x",
    "flow: {k: [1]}",
    "mapping:",
    "  # about it",
    "  inner: 1",
    "list:",
    "- a",
    "-   - b",
    "nothing:",
    "below: # |",
    "  |",
    "    a",
    "'| # x': |",
    "  a",
  ].join("\n");
  const document = read(text);
  const at = (...path: (string | number)[]) => {
    const { line, column } = document.locate(path);
    return `${line}:${column}`;
  };
  assert.equal(at("plain"), "1:8");
  assert.equal(at("single"), "2:9");
  assert.equal(at("double"), "3:9");
  assert.equal(at("literal"), "4:10");
  assert.equal(at("folded"), "6:11");
  assert.equal(at("anchored"), "8:15");
  assert.equal(at("anchored", 0), "8:16");
  assert.equal(at("alias"), "9:8");
  assert.equal(at("alias", 0), "8:16");
  assert.equal(at("flow", "k", 0), "10:12");
  assert.equal(at("mapping"), "13:3");
  assert.equal(at("list"), "15:1");
  assert.equal(at("list", 0), "15:3");
  assert.equal(at("list", 1, 0), "16:7");
  assert.equal(at("nothing"), "17:1");
  assert.equal(at("below"), "19:3");
  assert.equal(at("| # x"), "21:10");
});

Deno.test("a path that is not in the document is located at its nearest ancestor", () => {
  const document = read("a:\n  b: [1]\n");
  assert.deepEqual(document.locate(["a", "x", "y"]), { line: 2, column: 3 });
  assert.deepEqual(document.locate(["a", "x", "y"], "key"), { line: 1, column: 1 });
  assert.deepEqual(document.locate(["a", "b", 7]), { line: 2, column: 6 });
  assert.deepEqual(document.locate(["a", "b", "0"]), { line: 2, column: 6 });
  assert.deepEqual(document.locate(["x"]), { line: 1, column: 1 });
});

Deno.test("text that is not YAML is refused where the parser stopped", () => {
  assert.deepEqual(refusals("a: [1, 2"), [
    "f.yaml:1:9: not valid YAML: unexpected end of the stream within a flow collection",
  ]);
  assert.deepEqual(refusals("a:\n\tb: 1"), [
    "f.yaml:2:1: not valid YAML: tab characters must not be used in indentation",
  ]);
});

Deno.test("the two commonest slips of quoting are named", () => {
  const message = (text: string) => refusals(text)[0]?.replace("f.yaml:", "");
  assert.equal(message("a: @b"), '1:4: a value that begins with "@" must be in quotes');
  assert.equal(message("- `b`"), '1:3: a value that begins with "`" must be in quotes');
  assert.equal(message("a: %b"), '1:4: a value that begins with "%" must be in quotes');
  assert.equal(message("a: b: c"), '1:5: a value that contains ": " must be in quotes');
});

Deno.test("duplicate keys are refused, each at its own place", () => {
  assert.deepEqual(refusals("a: 1\nb:\n  c: 1\n  'c': 2\na: 3\n"), [
    'f.yaml:4:3: b.c: duplicate key "c"',
    'f.yaml:5:1: a: duplicate key "a"',
  ]);
});

Deno.test("a second document is refused where it begins", () => {
  const message = "expected one document, but a second one begins here";
  assert.deepEqual(refusals("a: 1\n---\nb: 2\n"), [`f.yaml:2:1: ${message}`]);
  assert.deepEqual(refusals("---\na: 1\n---\n"), [`f.yaml:3:1: ${message}`]);
  assert.deepEqual(refusals("a: 1\n...\nb: 2\n"), [`f.yaml:2:1: ${message}`]);
  assert.deepEqual(refusals("a: 1\n\uFEFF---\nb: 2\n"), [`f.yaml:2:1: ${message}`]);
  assert.deepEqual(read("---\na: 1\n...\n").value, { a: 1 });
});

Deno.test("directives are refused", () => {
  assert.deepEqual(refusals("# about\n%YAML 1.1\n---\na: yes\n"), [
    "f.yaml:2:1: directives (%YAML, %TAG) are not supported",
  ]);
  assert.deepEqual(refusals("%TAG !x! tag:x,2000:\n---\na: 1\n"), [
    "f.yaml:1:1: directives (%YAML, %TAG) are not supported",
  ]);
});

Deno.test("tags are refused on every kind of value and key", () => {
  const refusal = (tag: string) => `tags are not supported, got "${tag}"; quote a value to make it a string`;
  assert.deepEqual(refusals("a: !!str 5"), [`f.yaml:1:4: a: ${refusal("!!str")}`]);
  assert.deepEqual(refusals("a: !<tag:x> [1]"), [`f.yaml:1:4: a: ${refusal("!<tag:x>")}`]);
  assert.deepEqual(refusals("!include {a: 1}"), [`f.yaml:1:1: ${refusal("!include")}`]);
  assert.deepEqual(refusals("a:\n  - ! b"), [`f.yaml:2:5: a[0]: ${refusal("!")}`]);
  assert.deepEqual(refusals("!!str a: 1"), [`f.yaml:1:1: ${refusal("!!str")}`]);
});

Deno.test("merge keys are refused, but a quoted << is a key like any other", () => {
  assert.deepEqual(refusals("a: &a {x: 1}\nb:\n  <<: *a\n"), [
    'f.yaml:3:3: b."<<": merge keys (<<) are not supported; write the keys out',
  ]);
  assert.deepEqual(read('{"<<": 1}').value, { "<<": 1 });
});

Deno.test("keys that are not strings are refused", () => {
  assert.deepEqual(refusals("? [a]\n: 1"), ["f.yaml:1:3: expected a key that is a string, got a list"]);
  assert.deepEqual(refusals("{{a: 1}: 1}"), ["f.yaml:1:2: expected a key that is a string, got a mapping"]);
  assert.deepEqual(refusals("a: &a b\n*a : 1"), [
    "f.yaml:2:1: expected a key that is a string, got an alias",
  ]);
  assert.deepEqual(refusals(": 1"), ['f.yaml:1:1: expected a key before ":"']);
  assert.deepEqual(read('"": 1').value, { "": 1 });
});

Deno.test("several mistakes are listed in the order of the text", () => {
  assert.deepEqual(refusals("? [*x]\n: !t 1"), [
    "f.yaml:1:3: expected a key that is a string, got a list",
    'f.yaml:1:4: [0]: no finished value before this is anchored as "&x"',
    'f.yaml:2:3: "": tags are not supported, got "!t"; quote a value to make it a string',
  ]);
});

Deno.test("aliases give the anchored value", () => {
  assert.deepEqual(read("a: &x [1, 2]\nb: *x\nc: &x 3\nd: *x\n").value, { a: [1, 2], b: [1, 2], c: 3, d: 3 });
  assert.deepEqual(read("&k key: *k").value, { key: "key" });
});

Deno.test("an alias of nothing is refused", () => {
  assert.deepEqual(refusals("a: *b"), ['f.yaml:1:4: a: no finished value before this is anchored as "&b"']);
});

Deno.test("characters that YAML does not allow are refused wherever they stand", () => {
  const message = (code: string) =>
    `the character U+${code} is not allowed here; in double quotes it may be written as \\u${code}`;
  assert.deepEqual(refusals("a: 1\nb\0: 2"), [`f.yaml:2:2: ${message("0000")}`]);
  assert.deepEqual(refusals("# \x1b[31m\na: 1"), [`f.yaml:1:3: ${message("001B")}`]);
  assert.deepEqual(refusals('a: "😀\x7f"'), [`f.yaml:1:6: ${message("007F")}`]);
  assert.deepEqual(refusals("a: '\x9b'"), [`f.yaml:1:5: ${message("009B")}`]);
  assert.deepEqual(refusals('a: "\uD800"'), [`f.yaml:1:5: ${message("D800")}`]);
  assert.deepEqual(read('a: "\\0\\u001b\\u009b"').value, { a: "\0\x1b\x9b" });
});

Deno.test("bytes that are not UTF-8 are refused where the valid text ends", () => {
  const bytes = (...parts: (string | number[])[]) =>
    new Uint8Array(
      parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part),
    );
  const refusal = (data: Uint8Array) => {
    const parsed = parseDocumentBytes(data, "f.yaml");
    return parsed.ok ? [] : parsed.diagnostics.map(formatDiagnostic);
  };
  assert.deepEqual(refusal(bytes("a: 1\né😀: ", [0xff], "x")), ["f.yaml:2:5: not valid UTF-8"]);
  assert.deepEqual(refusal(bytes("a: ", [0xc3])), ["f.yaml:1:4: not valid UTF-8"]);
  assert.deepEqual(refusal(bytes([0xff, 0xfe, 0x61, 0])), ["f.yaml:1:1: not valid UTF-8"]);
  assert.deepEqual(refusal(bytes("a: ", [0xed, 0xa0, 0x80])), ["f.yaml:1:4: not valid UTF-8"]);
  assert.deepEqual(refusal(bytes("a: é\n")), []);
});

Deno.test("a document may have 1 MiB, counted in bytes", () => {
  const message = `f.yaml:1:1: expected at most ${MAX_BYTES} bytes in a document, got ${MAX_BYTES + 1}`;
  assert.equal(read("x".repeat(MAX_BYTES)).value, "x".repeat(MAX_BYTES));
  assert.deepEqual(refusals("x".repeat(MAX_BYTES + 1)), [message]);
  assert.deepEqual(refusals("é".repeat(MAX_BYTES / 2) + "x"), [message]);
  const parsed = parseDocumentBytes(new Uint8Array(MAX_BYTES + 1).fill(0xff), "f.yaml");
  assert.ok(!parsed.ok);
  assert.deepEqual(parsed.diagnostics.map(formatDiagnostic), [message]);
});
