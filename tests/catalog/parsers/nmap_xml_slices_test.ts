import assert from "node:assert/strict";
import type { Clock } from "../../../src/core/clock.ts";
import { readNmapXml } from "../../../src/catalog/parsers/nmap_xml.ts";
import { outputOf } from "./outputs.ts";

Deno.test("nmap_xml looks at the clock all the way through, however the bytes are spread, and pauses", async () => {
  const port = '<port protocol="tcp" portid="1"><state state="open"/><service name="a"/></port>';
  const shapes: readonly [string, string, string][] = [
    ["", '<host><status state="up"/><address addr="127.0.0.1"/></host>', ""],
    ["<host><ports>", port, "</ports></host>"],
    ['<host><hostscript><script id="a" output="b">', "<elem>&amp;</elem>", "</script></hostscript></host>"],
    ['<host><hostscript><script id="a" output="', "&#10;>", '"/></hostscript></host>'],
    ["<host>", "text", "</host>"],
    ["<!--", ">", "-->"],
    ["<host>", "<x y=&z;>", "</host>"],
  ];
  for (const [before, repeated, after] of shapes) {
    const output = outputOf(
      `<nmaprun>${before}${repeated.repeat(Math.ceil(2 ** 21 / repeated.length))}${after}</nmaprun>`,
    );
    let looks = 0;
    let pauses = 0;
    // Every look finds that 3 ms have passed, so every second one makes a pause.
    const clock: Clock = {
      now: () => 3 * looks++,
      wall: () => 0,
      after: (_, callback) => {
        pauses++;
        queueMicrotask(callback);
        return () => {};
      },
    };
    assert.notEqual(await readNmapXml(output, clock), null);
    // A step has 64 KiB at most, and after one there is a look.
    assert.ok(looks >= output.stdout.length / 70_000, `${before}${repeated}: ${looks} looks`);
    assert.ok(pauses >= Math.floor(looks / 4), `${before}${repeated}: ${pauses} pauses, ${looks} looks`);
  }
});
