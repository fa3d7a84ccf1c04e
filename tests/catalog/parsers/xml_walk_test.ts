import assert from "node:assert/strict";
import { systemClock } from "../../../src/core/clock.ts";
import { Slices } from "../../../src/catalog/parsers/slices.ts";
import { walkXml, type XmlFaults, type XmlRule } from "../../../src/catalog/parsers/xml_walk.ts";

interface Diary extends XmlFaults {
  readonly lines: string[];
}

function ruleFor(name: string, inside: Record<string, XmlRule<Diary>> = {}): XmlRule<Diary> {
  return {
    start: ({ lines }, attributes) => void lines.push(`${name} ${JSON.stringify(attributes)}`),
    end: ({ lines }) => void lines.push(`/${name}`),
    inside,
  };
}

const ROOT = {
  name: "r",
  rule: ruleFor("r", {
    a: ruleFor("a", { b: ruleFor("b") }),
    t: { text: ({ lines }, text) => void lines.push(`text ${text}`) },
  }),
};

async function walk(xml: string) {
  const diary: Diary = { lines: [], unreadable: 0, mismatched: false };
  const end = await walkXml(new TextEncoder().encode(xml), ROOT, diary, new Slices(systemClock));
  return { end, ...diary };
}

Deno.test("a walk meets the elements that have a rule, where they have it", async () => {
  const { end, lines } = await walk('<r><a c="1"><x><b/></x><b/></a><b/><constructor/></r><r/>');
  assert.deepEqual([end, lines.join(" ")], ["whole", 'r {} a {"c":"1"} b {} /b /a /r']);
});

Deno.test("an element's text is its own, in one piece", async () => {
  const { lines } = await walk("<r>no<t>one &amp; <!-- --><x>no</x><![CDATA[<two>&]]></t>no<t/></r>");
  assert.deepEqual(lines.slice(1, -1), ["text one & <two>&", "text "]);
});

Deno.test("an element without its end has no end, and the walk says that it was cut", async () => {
  const { end, lines } = await walk("<r><a><b>");
  assert.deepEqual([end, lines], ["cut", ["r {}", "a {}", "b {}"]]);
});

Deno.test("an end tag closes the nearest element of its name; tags that do not match are told", async () => {
  const open = await walk("<r><a><b></a><a/></r>");
  assert.deepEqual([open.lines.join(" "), open.mismatched], ["r {} a {} b {} /a a {} /a /r", true]);
  const stray = await walk("<r></x><a/></r>");
  assert.deepEqual([stray.end, stray.lines.join(" "), stray.mismatched], ["whole", "r {} a {} /a /r", true]);
  assert.equal((await walk("<r><x><y/></x></r>")).mismatched, false);
});

Deno.test("a malformed or overlong tag, and a malformed text, are passed over and counted", async () => {
  const bad = await walk('<r><a c="&d;"><b/></a><a/></r>');
  assert.deepEqual([bad.lines.join(" "), bad.unreadable], ["r {} a {} /a /r", 1]);
  const long = await walk(`<r><a c="${"x".repeat(40_000)}"/><t>&x;</t></r>`);
  assert.deepEqual([long.lines.join(" "), long.unreadable], ["r {} text  /r", 2]);
});

Deno.test("elements too deep to be believed are passed over", async () => {
  const { end, mismatched, lines } = await walk(`<r>${"<x>".repeat(100_000)}</r>`);
  assert.deepEqual([end, mismatched, lines.at(-1)], ["whole", true, "/r"]);
});

Deno.test("what is no such document is told apart", async () => {
  const subset = "<!DOCTYPE r [<!ENTITY a 'b'>]><r/>";
  const long = `<!DOCTYPE r ${" ".repeat(2000)}><r/>`;
  for (const xml of ["", "text", "<r", "</r>", "<!-- <r> -->", "<x/>", "<r a>", subset, long]) {
    assert.equal((await walk(xml)).end, "no such document", xml);
  }
  assert.equal((await walk("<!DOCTYPE r SYSTEM 'x'><r/>")).end, "whole");
  assert.equal((await walk("<r><a/><!ENTITY a 'b'></r>")).end, "cut");
});
