import assert from "node:assert/strict";
import { MAX_PIECE_BYTES, readAttributes, readText } from "../../../src/catalog/parsers/xml_text.ts";

const encoder = new TextEncoder();
const attributes = (tag: string) => {
  const read = readAttributes(encoder.encode(tag));
  return read && { ...read };
};
const text = (source: string, literal = false) => readText(encoder.encode(source), literal);

Deno.test("a start tag has attributes, with their references replaced", () => {
  assert.deepEqual(attributes("<a>"), {});
  assert.deepEqual(attributes(`<a b="1" c='"&lt;&#x41;&#10;' />`), { b: "1", c: '"<A\n' });
  assert.deepEqual(attributes('<a b="é\u{1f600}">'), { b: "é\u{1f600}" });
});

Deno.test("a malformed tag has none", () => {
  for (
    const tag of ["<>", "<a b>", "<a b=c>", '<a b="1" b="2">', '<a b="&c;">', '<a b="<">', '<a b="&#;">']
  ) {
    assert.equal(attributes(tag), null, tag);
  }
});

Deno.test("what XML forbids is replaced and hides nothing", () => {
  assert.deepEqual(attributes('<a b="1\u0001&#1;&#xFFFF;&#55296;2" c="3">'), {
    b: "1\ufffd\ufffd\ufffd\ufffd2",
    c: "3",
  });
  assert.deepEqual({ ...readAttributes(Uint8Array.from([...encoder.encode('<a b="'), 0xff, 0x22, 0x3e])) }, {
    b: "\ufffd",
  });
});

Deno.test("a text has its references replaced, unless it is the inside of a CDATA section", () => {
  assert.equal(text("a &lt;b&gt; &#x2d;"), "a <b> -");
  assert.equal(text("a &lt;\u0000", true), "a &lt;\ufffd");
  assert.equal(text("a &b; c"), null);
  assert.equal(text("a & c"), null);
});

Deno.test("a long text is cut, but not through a reference", () => {
  for (const reference of ["&#x2d;", "&amp;"]) {
    for (let shift = 0; shift < reference.length; shift++) {
      const read = text("x".repeat(shift) + reference.repeat(MAX_PIECE_BYTES)) ?? "";
      assert.match(read, /^x*[-&]+$/);
      assert.ok(read.length >= Math.floor(MAX_PIECE_BYTES / reference.length) - 1);
    }
  }
});
