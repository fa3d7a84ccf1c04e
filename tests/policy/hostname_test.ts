import assert from "node:assert/strict";
import fc from "fast-check";
import { isBelow, parseHostname } from "../../src/policy/hostname.ts";

const LABEL_63 = "a".repeat(63);
const NAME_253 = `${`${LABEL_63}.`.repeat(3)}${"b".repeat(61)}`;

/** What is read, and the canonical name. */
const NAMES = [
  ["localhost", "localhost"],
  ["WWW.Lab.Internal", "www.lab.internal"],
  ["www.lab.internal.", "www.lab.internal"],
  ["a", "a"],
  ["3com.lab", "3com.lab"],
  ["1.2.3.4.lab", "1.2.3.4.lab"],
  ["a--b", "a--b"],
  ["xn--bcher-kva.lab", "xn--bcher-kva.lab"],
  ["lab.1a", "lab.1a"],
  ["0xlab", "0xlab"],
  [LABEL_63, LABEL_63],
  [NAME_253, NAME_253],
  [`${NAME_253}.`, NAME_253],
] as const;

for (const [text, name] of NAMES) {
  const shown = text.length > 60 ? `of ${text.length} characters` : text;
  Deno.test(`the host name ${shown} is read`, () => assert.equal(parseHostname(text), name));
}

/** What is no host name. */
const NO_NAMES = [
  ["nothing", ""],
  ["a dot", "."],
  ["two trailing dots", "lab.."],
  ["a leading dot", ".lab"],
  ["an empty label", "a..b"],
  ["a label that begins with a hyphen", "-a.lab"],
  ["a label that ends with a hyphen", "a-.lab"],
  ["a name that is a flag (D6)", "-oN"],
  ["an underscore", "a_b.lab"],
  ["a space", "a b"],
  ["a trailing newline (D3)", "lab\n"],
  ["a trailing newline behind a dot (D3)", "lab.\n"],
  ["an IPv4 address", "10.0.0.1"],
  ["an IPv4 address with a trailing dot", "10.0.0.1."],
  ["a short IPv4 form", "10.1"],
  ["a number", "2130706433"],
  ["a last label that is a number", "lab.1"],
  ["a last label that is a hexadecimal number", "lab.0x7f"],
  ["a last label that is 0x", "lab.0X"],
  ["an nmap range", "10.0.0.1-255"],
  ["an nmap wildcard", "10.0.0.*"],
  ["an equals sign (D6)", "-oN=x.lab.internal"],
  ["an at sign", "a@b"],
  ["percent-encoding", "%6c%61%62"],
  ["a letter beyond ASCII", "bücher.lab"],
  ["the Kelvin sign, which folds to k", "\u212Aube.lab"],
  ["a long s, which some fold to s", "\u017Ferver.lab"],
  ["fullwidth letters", "ｌａｂ"],
  ["a zero-width space", "la\u200Bb"],
  ["a label of 64 characters", `${LABEL_63}a`],
  ["a name of 254 characters", `${NAME_253}b`],
] as const;

for (const [what, text] of NO_NAMES) {
  Deno.test(`not a host name: ${what}`, () => assert.equal(parseHostname(text), null));
}

Deno.test("a name that is read means the same to a URL, or nothing: punycode that decodes to no name", () => {
  const text = fc.string({ unit: fc.constantFrom(..."abkxn019-.AZKſ%ß "), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(text, (text) => {
      const name = parseHostname(text);
      if (name === null) return;
      assert.match(name, /^[a-z0-9.-]+$/);
      if (/(?:^|\.)xn--/.test(name) && !URL.canParse(`http://${name}/`)) return;
      assert.equal(new URL(`http://${name}/`).hostname, name);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("reading a canonical name changes nothing", () => {
  fc.assert(fc.property(fc.domain(), (domain) => {
    const name = parseHostname(domain);
    if (name !== null) assert.equal(parseHostname(name), name);
  }));
});

Deno.test("a suffix holds what is below it, at any depth, and neither itself nor a lookalike", () => {
  assert.ok(isBelow("www.lab.internal", ".lab.internal"));
  assert.ok(isBelow("a.b.c.lab.internal", ".lab.internal"));
  assert.ok(!isBelow("lab.internal", ".lab.internal"));
  assert.ok(!isBelow(".lab.internal", ".lab.internal"));
  assert.ok(!isBelow("notlab.internal", ".lab.internal"));
  assert.ok(!isBelow("www.lab.internal.evil.example", ".lab.internal"));
});
