/**
 * Whole plans of all built-in tools against a second reading of their manifests, which shares no code with the first:
 * accepted by both with the same words, or by none.
 */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { resolveTool } from "../../src/catalog/tool.ts";
import type { Facts, FileFact, NameFact } from "../../src/policy/facts.ts";
import { parseAddress } from "../../src/policy/address.ts";
import { TargetPolicy } from "../../src/policy/target_policy.ts";
import { planRun } from "../../src/runs/plan.ts";
import { type Surroundings, wordsFor, wordsOf } from "../policy/oracle/arguments.ts";
import { world } from "../policy/oracle/generate.ts";
import { CASES, Random, tell } from "../policy/oracle/random.ts";
import { FILE_NAMES, requestFor } from "../policy/oracle/requests.ts";
import { TOOL_DEFAULTS } from "../support/engine.ts";

const catalog = loadCatalog([]);
assert(catalog.ok);
const TOOLS = catalog.manifests.map((loaded) => resolveTool(loaded, {}, TOOL_DEFAULTS));

const FILES = new Map([
  ["words.txt", { path: "/lists/words.txt", bytes: 50_000_000, lines: 1_000_000 }],
  ["deep/words.txt", { path: "/other/deep/words.txt", bytes: 10, lines: 1 }],
  ["large.txt", { path: "/lists/large.txt", bytes: 50_000_001, lines: 1 }],
  ["long.txt", { path: "/lists/long.txt", bytes: 3_000_000, lines: 1_000_001 }],
]);

/** All that could be looked up. */
function factsOf({ names, own, files }: Surroundings): Facts {
  const none = { ok: false, reason: "it is not there", remedy: "" } as const;
  return {
    names: new Map<string, NameFact>(
      [...names].map(([name, addresses]) => [
        name,
        { ok: true, addresses: addresses.map((text) => parseAddress(text)!) },
      ]),
    ),
    files: new Map<string, FileFact>(FILE_NAMES.map((name) => {
      const file = files.get(name);
      return [name, file === undefined ? none : { ok: true, ...file }];
    })),
    ownListener: own && { address: parseAddress(own.address)!, port: own.port },
  };
}

const REQUESTS_OF_A_WORLD = 25;

Deno.test(`${CASES} requests: what each built-in tool is told, a naive reading of its manifest says too (D3 to D6)`, () => {
  const random = new Random(2);
  const taken = new Map(TOOLS.map(({ name }) => [name, 0]));
  let intrusive = 0;
  for (let count = 0; count < CASES;) {
    const surroundings = { ...world(random), files: FILES };
    const policy = new TargetPolicy(surroundings.allowed, surroundings.denied);
    const facts = factsOf(surroundings);
    for (let each = 0; each < REQUESTS_OF_A_WORLD; each++, count++) {
      const tool = random.pick(TOOLS);
      const request = requestFor(random, tool.manifest);
      const decision = planRun(tool, request, policy, 2048, facts);
      const words = wordsFor(tool.manifest, request, surroundings);
      const about = () =>
        JSON.stringify({
          count,
          tool: tool.name,
          request,
          words,
          decision,
          ...surroundings,
          names: [...surroundings.names],
        });
      // A name or file that is not known is not there.
      assert.equal(decision.ok, words !== null, about());
      if (!decision.ok || words === null) continue;
      assert.deepEqual(decision.plan.args, words.args, about());
      assert.deepEqual(decision.plan.intrusive, words.intrusive, about());
      taken.set(tool.name, taken.get(tool.name)! + 1);
      if (words.intrusive.length > 0) intrusive++;
    }
  }
  tell(
    `${
      [...taken.values()].reduce((a, b) => a + b)
    } of ${CASES} requests were allowed, ${intrusive} of them intrusive`,
  );
  // Where nearly all is refused, nothing is proved.
  for (const [name, number] of taken) {
    assert.ok(number > CASES / 1000, `only ${number} of ${name} were taken`);
  }
  assert.ok(intrusive > CASES / 1000, `only ${intrusive} were intrusive`);
});

Deno.test("the naive tokeniser splits as a shell does", async () => {
  const random = new Random(3);
  const pieces = ["a", "b", " ", "  ", "'", '"', "\\", "=", "-x", "é", "#", ""];
  for (let count = 0; count < 60; count++) {
    const line = random.list(8, () => random.pick(pieces)).join("");
    const words = wordsOf(line);
    // A shell takes "#" for a comment, and an open quotation mark for a line that goes on.
    if (words === null || words.length === 0 || line.includes("#")) continue;
    const { stdout } = await new Deno.Command("/bin/sh", { args: ["-c", `printf '[%s]\\n' ${line}`] })
      .output();
    assert.equal(new TextDecoder().decode(stdout), words.map((word) => `[${word}]\n`).join(""), line);
  }
});
