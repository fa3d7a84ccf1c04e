import assert from "node:assert/strict";
import { outlineXml } from "../../../src/catalog/parsers/xml_outline.ts";

Deno.test("an outline has the root's tag and its whole children", () => {
  const xml = '<?xml version="1.0"?><!DOCTYPE r><!-- <x> --><r a=">"><b><c/></b> text <d/></r><e/>';
  assert.deepEqual(outlineXml(xml), {
    rootTag: '<r a=">">',
    children: ["<b><c/></b>", "<d/>"],
    closed: true,
  });
  assert.deepEqual(outlineXml("<r/>"), { rootTag: "<r/>", children: [], closed: true });
});

Deno.test("an outline of a cut document has the children before the cut", () => {
  for (
    const rest of ["", "<", "<d", "<d a='", "<d>", "<d></d", "<!-- </d></r>", "<![CDATA[</r>", "<?x </r>"]
  ) {
    assert.deepEqual(
      outlineXml(`<r><b/>${rest}`),
      { rootTag: "<r>", children: ["<b/>"], closed: false },
      rest,
    );
  }
});

Deno.test("an outline ends at a declaration inside the root", () => {
  assert.deepEqual(outlineXml("<r><b/><!ENTITY a 'b'><c/></r>"), {
    rootTag: "<r>",
    children: ["<b/>"],
    closed: false,
  });
});

Deno.test("there is no outline without a root, or of a document that defines entities", () => {
  for (const xml of ["", "text", "<r", "</r>", "<!-- <r> -->", "<!DOCTYPE r [<!ENTITY a 'b'>]><r></r>"]) {
    assert.equal(outlineXml(xml), null, xml);
  }
});
