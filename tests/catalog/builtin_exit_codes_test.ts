/** Which failures of built-in tools say something about the tool, and which about its target. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { classify } from "../../src/runs/classify.ts";
import { endingOf } from "../support/engine.ts";

/** By the meaning that curl(1) gives them. */
const CURL_BY_TARGET = {
  "an answer that is no HTTP": 1,
  "no connection": 7,
  "a strange answer": 8,
  "less than was announced": 18,
  "a header that is too large": 27,
  "no end of redirects": 47,
  "no answer": 52,
  "a certificate that is not trusted": 60,
};

for (const [what, code] of Object.entries(CURL_BY_TARGET)) {
  Deno.test(`built-in curl: ${what} is about the target and moves no breaker`, () => {
    assert.deepEqual(breakerOutcome("curl", code), "excluded");
  });
}

Deno.test("built-in curl: what only the tool and its machine can bring about counts", () => {
  // Bad use, a file that cannot be written, certificates of its own that cannot be read.
  for (const code of [2, 23, 77]) assert.deepEqual(breakerOutcome("curl", code), "failure");
});

function breakerOutcome(tool: string, code: number) {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const { manifest } = catalog.manifests.find(({ manifest }) => manifest.name === tool)!;
  return classify(endingOf({ code }), {
    toolName: tool,
    successExitCodes: manifest.success_exit_codes,
    targetExitCodes: manifest.target_exit_codes,
    timeoutMs: 1000,
    callerShortened: false,
    memoryMb: null,
  }).breaker;
}
