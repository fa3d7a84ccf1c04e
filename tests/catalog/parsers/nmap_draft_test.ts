import assert from "node:assert/strict";
import { nmapXml } from "../../../src/catalog/parsers/nmap_xml.ts";
import { KEPT } from "../../../src/catalog/parsers/nmap_schema.ts";
import { outputOf, parsedWhole } from "./outputs.ts";

/** A report on one host with the given parts. */
const reportOn = (parts: string) =>
  outputOf(`<nmaprun><host><address addr="127.0.0.1"/>${parts}</host></nmaprun>`);
const PORT = '<port protocol="tcp" portid="1"><state state="open"/></port>';

Deno.test("hosts are kept up to a number", async () => {
  const host = '<host><address addr="127.0.0.1"/></host>';
  const scan = await parsedWhole(nmapXml, outputOf(`<nmaprun>${host.repeat(KEPT.hosts + 2)}</nmaprun>`));
  assert.equal(scan.hosts.length, KEPT.hosts);
  assert.equal(scan.incomplete, "2 hosts left out beyond the first 4096");
});

Deno.test("ports are kept up to a number, of all hosts together", async () => {
  const host = `<host><address addr="127.0.0.1"/><ports>${PORT.repeat(KEPT.ports / 2)}${PORT}</ports></host>`;
  const scan = await parsedWhole(nmapXml, outputOf(`<nmaprun>${host.repeat(2)}</nmaprun>`));
  assert.deepEqual(scan.hosts.map(({ ports }) => ports.length), [KEPT.ports / 2 + 1, KEPT.ports / 2 - 1]);
  assert.equal(scan.incomplete, "2 ports left out beyond the first 10000");
});

Deno.test("scripts are kept up to a number", async () => {
  const scripts = '<script id="a" output="b"/>'.repeat(KEPT.scripts + 1);
  const scan = await parsedWhole(nmapXml, reportOn(`<hostscript>${scripts}</hostscript>`));
  assert.equal(scan.hosts[0]?.scripts.length, KEPT.scripts);
  assert.equal(scan.incomplete, "1 answer of a script left out");
});

Deno.test("scripts are kept up to a length, of all together", async () => {
  const script = `<script id="a" output="${"b".repeat(KEPT.scriptOutput - 1)}"/>`;
  const fitting = KEPT.scriptText / KEPT.scriptOutput;
  const scan = await parsedWhole(nmapXml, reportOn(`<hostscript>${script.repeat(fitting + 3)}</hostscript>`));
  assert.equal(scan.hosts[0]?.scripts.length, fitting);
  assert.equal(scan.incomplete, "3 answers of scripts left out");
});

Deno.test("values of a script are kept up to a number, and each up to a length", async () => {
  const script = `<script id="a" output="">${"<elem>b</elem>".repeat(KEPT.scriptValues + 1)}</script>`;
  const long = `<script id="a" output=""><elem>${"c".repeat(100_000)}</elem></script>`;
  const scan = await parsedWhole(nmapXml, reportOn(`<hostscript>${script}${long}</hostscript>`));
  const [first, second] = scan.hosts[0]!.scripts;
  assert.deepEqual([first?.values.length, second?.values[0]?.value], [
    KEPT.scriptValues,
    "c".repeat(KEPT.scriptValue),
  ]);
  assert.equal(scan.incomplete, "1 value of a script left out; 1 text shortened");
});

Deno.test("texts are kept up to a length, without splitting a character, and lists up to a number", async () => {
  const scan = await parsedWhole(
    nmapXml,
    reportOn(
      `<hostnames>${`<hostname name="${"\u{1f600}".repeat(300)}"/>`.repeat(KEPT.list + 1)}</hostnames>` +
        `<os><osmatch name="${"x".repeat(501)}" accuracy="1"/></os>` +
        `<hostscript><script id="a" output="${"&#10;".repeat(KEPT.scriptOutput / 2)}${
          "y".repeat(8000)
        }"/></hostscript>`,
    ),
  );
  const [host] = scan.hosts;
  assert.deepEqual(host?.hostnames, Array(KEPT.list).fill("\u{1f600}".repeat(250)));
  assert.equal(host?.os[0]?.name.length, KEPT.text);
  assert.equal(host?.scripts[0]?.output.length, KEPT.scriptOutput);
  assert.equal(scan.incomplete, "1 other item left out; 23 texts shortened");
});

Deno.test("a script with an answer that is too long to be read hides nothing else", async () => {
  const long = `<script id="a" output="${"z".repeat(40_000)}"><elem>1</elem></script>`;
  const scan = await parsedWhole(
    nmapXml,
    reportOn(`<hostscript>${long}<script id="b" output="c"/></hostscript>`),
  );
  assert.deepEqual(scan.hosts[0]?.scripts, [{ id: "b", output: "c", values: [] }]);
  assert.equal(scan.incomplete, "1 other element could not be read");
});
