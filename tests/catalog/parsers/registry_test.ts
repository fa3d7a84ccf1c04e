import assert from "node:assert/strict";
import * as z from "zod";
import { parserNames, parsers } from "../../../src/catalog/parsers/registry.ts";
import { outputOf } from "./outputs.ts";

Deno.test("the registry loads every parser by its name", async () => {
  assert.deepEqual(parserNames, [
    "nmap_xml",
    "curl_report",
    "openssl_s_client",
    "ping",
    "traceroute",
    "mtr",
    "ssh_keyscan",
    "dig",
    "masscan",
    "gobuster",
  ]);
  assert.ok(Object.isFrozen(parsers) && Object.isFrozen(parserNames));
  for (const name of parserNames) {
    const parser = await parsers[name]();
    assert.equal(await parser.parse(outputOf("", "")), null, name);
  }
});

Deno.test("every parser's schema can be published as JSON Schema", async () => {
  for (const name of parserNames) {
    const schema = z.toJSONSchema((await parsers[name]()).schema);
    assert.deepEqual([schema.type, schema.additionalProperties], ["object", false], name);
    const properties = Object.keys(schema.properties ?? {});
    assert.ok(properties.includes("incomplete"), name);
    // Every field is always there, so that a reader need not tell a missing one from null.
    assert.deepEqual(schema.required, properties, name);
  }
});
