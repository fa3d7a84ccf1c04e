import assert from "node:assert/strict";
import fc from "fast-check";
import { type XmlEvent, xmlEvents } from "../../../src/catalog/parsers/xml_events.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The events of a text, without steps, each as its kind, its name and its source. */
function eventsOf(text: string): string[] {
  const bytes = encoder.encode(text);
  return [...xmlEvents(bytes)].filter((event) => event.kind !== "step").map((event) => {
    const name = "name" in event ? ` ${event.name}${"empty" in event && event.empty ? "/" : ""}` : "";
    return `${event.kind}${name}: ${decoder.decode(bytes.subarray(event.from, event.to))}`;
  });
}

Deno.test("a document is a row of tags and texts", () => {
  assert.deepEqual(eventsOf('<?xml version="1.0"?><!DOCTYPE r><!-- <x> --><r a=">"><b\n/> text </r >'), [
    "declaration: <!DOCTYPE r>",
    'start r: <r a=">">',
    "start b/: <b\n/>",
    "text:  text ",
    "end r: </r >",
  ]);
});

Deno.test("a tag does not end inside quotation marks, nor a comment, a section or an instruction before its end", () => {
  assert.deepEqual(eventsOf(`<a b="'/>" c='">'>`), [`start a: <a b="'/>" c='">'>`]);
  assert.deepEqual(eventsOf("<!-- </a> --->x<?y </a> > ?>"), ["text: x"]);
  const events = [...xmlEvents(encoder.encode("<![CDATA[</a>]]]>&<b/>"))];
  assert.deepEqual(events[0], { kind: "text", literal: true, from: 9, to: 14 });
  assert.deepEqual(events[1], { kind: "text", literal: false, from: 17, to: 18 });
});

Deno.test("a cut document has the events before the cut", () => {
  const whole = "<r><b/>";
  for (
    const rest of ["<", "<d", "<d a='", "<d a='>", "</d", "<!-- </d>", "<![CDATA[</r>]]", "<?x </r>", "<!D"]
  ) {
    assert.deepEqual(eventsOf(whole + rest), eventsOf(whole), rest);
  }
});

Deno.test("a long name is cut, and is no other name then", () => {
  const [event] = xmlEvents(encoder.encode(`<${"host".repeat(100)}>`));
  assert.equal((event as { name: string }).name, "host".repeat(16));
});

Deno.test("no event takes more than a step of bytes that were not counted", () => {
  const long = 1_000_000;
  for (
    const text of [
      " ".repeat(long),
      `<!--${">-".repeat(long / 2)}`,
      `<![CDATA[${"]".repeat(long)}`,
      `<a b="${">".repeat(long)}"/>`,
      `<a ${"b='' ".repeat(long / 5)}>`,
      "<".repeat(long),
      "<>".repeat(long / 2),
    ]
  ) {
    let position = 0;
    for (const { to } of xmlEvents(encoder.encode(text))) {
      assert.ok(to - position <= 65_536 + 9, `${text.slice(0, 20)}: ${to - position}`);
      position = Math.max(position, to);
    }
    assert.ok(position >= text.length - 65_536, text.slice(0, 20));
  }
});

Deno.test("events follow one another without overlap, whatever the bytes are", () => {
  const markup = fc.array(
    fc.constantFrom("<", ">", "/", "!", "--", "[CDATA[", "]]", "?", "a", '"', "'", " ", "=", "é"),
  );
  fc.assert(fc.property(markup, (parts) => {
    const bytes = encoder.encode(parts.join(""));
    let position = 0;
    for (const event of xmlEvents(bytes)) {
      if (event.kind === "step") continue;
      const { from, to } = event as XmlEvent & { from: number };
      assert.ok(position <= from && from <= to && to <= bytes.length);
      position = to;
    }
  }));
});
