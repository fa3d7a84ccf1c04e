import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { MAX_TOKENS, MAX_TOKENS_FILE_BYTES, parseTokens, type Scope, SCOPES } from "../../src/http/tokens.ts";

const GOOD = "0123456789abcdef0123456789abcdef";
const OTHER = "fedcba9876543210fedcba9876543210";
const encode = (text: string) => new TextEncoder().encode(text);

/** The tokens that a text declares. */
async function tokensIn(text: string | Uint8Array) {
  const parsed = await parseTokens(typeof text === "string" ? encode(text) : text, "t");
  assert(parsed.ok, parsed.ok ? "" : parsed.diagnostics.map(formatDiagnostic).join("\n"));
  return parsed.tokens;
}

/** What is wrong with a text, as it is printed. */
async function mistakesIn(text: string | Uint8Array): Promise<string[]> {
  const parsed = await parseTokens(typeof text === "string" ? encode(text) : text, "t");
  assert(!parsed.ok, "was taken");
  return parsed.diagnostics.map(formatDiagnostic);
}

Deno.test("tokens: each secret finds its own name and scopes, and nothing else finds any", async () => {
  const tokens = await tokensIn(`alice read,execute ${GOOD}\nbob admin ${OTHER}\n`);
  assert.equal(tokens.size, 2);
  assert.deepEqual(await tokens.find(GOOD), { name: "alice", scopes: new Set(["read", "execute"]) });
  assert.deepEqual(await tokens.find(OTHER), { name: "bob", scopes: new Set(["admin"]) });
  for (
    const wrong of [
      "",
      GOOD.slice(1),
      GOOD.slice(0, -1),
      `${GOOD}0`,
      GOOD.toUpperCase(),
      "alice",
      GOOD + OTHER,
    ]
  ) {
    assert.equal(await tokens.find(wrong), null, wrong);
  }
});

Deno.test("tokens: the same ones are told from others by name, scopes or secret, and a comment is none", async () => {
  const tokens = await tokensIn(`a read,execute ${GOOD}\n`);
  assert(tokens.sameAs(await tokensIn(`# who\n\na  execute,read ${GOOD}\r\n`)));
  for (const text of [`b read,execute ${GOOD}`, `a read ${GOOD}`, `a read,execute ${OTHER}`, ""]) {
    assert.equal(tokens.sameAs(await tokensIn(`${text}\n`)), false, text);
  }
});

Deno.test("tokens: one is found wherever it stands among the most that there may be", async () => {
  const secret = (index: number) => `${GOOD}-${index}`;
  const lines = Array.from({ length: MAX_TOKENS }, (_, index) => `n${index} read ${secret(index)}`);
  const tokens = await tokensIn(lines.join("\n"));
  assert.equal(tokens.size, MAX_TOKENS);
  for (let index = 0; index < MAX_TOKENS; index++) {
    assert.equal((await tokens.find(secret(index)))?.name, `n${index}`);
  }
  assert.equal(await tokens.find(secret(MAX_TOKENS)), null);
});

for (
  const [name, text] of [
    ["nothing", ""],
    ["remarks and empty lines", "# read execute admin\n\n  \t\n   # indented\n#\n"],
    ["a byte order mark alone", "\uFEFF"],
  ] as const
) {
  Deno.test(`tokens: a file with ${name} lets nobody in`, async () => {
    const tokens = await tokensIn(text);
    assert.equal(tokens.size, 0);
    assert.equal(await tokens.find(""), null);
    assert.equal(await tokens.find(GOOD), null);
  });
}

for (
  const [name, text] of [
    ["a line without an end", `alice read ${GOOD}`],
    ["CRLF", `# x\r\nalice read ${GOOD}\r\n`],
    ["a byte order mark", `\uFEFFalice read ${GOOD}\n`],
    ["tabs and many spaces", ` \talice \t read  \t ${GOOD} \t\n`],
    ["remarks in any language around it", `# für Alice\n\nalice read ${GOOD}\n# 終\n`],
  ] as const
) {
  Deno.test(`tokens: ${name} is read`, async () => {
    assert.deepEqual(await (await tokensIn(text)).find(GOOD), { name: "alice", scopes: new Set(["read"]) });
  });
}

const MAKE_ONE = "make one with: openssl rand -hex 32";
const SHAPE = (count: number) =>
  `expected three words, NAME SCOPE[,SCOPE] TOKEN, got ${count}; a remark has a line of its own`;
const NAME =
  "expected a name: 1 to 64 letters, digits, dots, underscores and hyphens, first a letter or digit";
const SCOPE = "expected a scope: read, execute, admin";
const LETTERS = `expected a token of letters, digits, dots, underscores, tildes and hyphens; ${MAKE_ONE}`;

/** A text and everything that is said of it. */
const MISTAKES: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
  ["one word", GOOD, [`t:1:1: ${SHAPE(1)}`]],
  ["two words", `\n  alice ${GOOD}`, [`t:2:3: ${SHAPE(2)}`]],
  ["a space between scopes", `alice read, execute ${GOOD}`, [`t:1:21: ${SHAPE(4)}`]],
  ["a remark behind the token", `alice read ${GOOD} # hers`, [`t:1:45: ${SHAPE(5)}`]],
  ["a name with a slash", `a/b read ${GOOD}`, [`t:1:1: ${NAME}`]],
  ["a name of 65 characters", `${"a".repeat(65)} read ${GOOD}`, [`t:1:1: ${NAME}`]],
  ["a name that begins with a hyphen", `-a read ${GOOD}`, [`t:1:1: ${NAME}`]],
  ["the columns of characters", `näme reed ${GOOD}`, [
    `t:1:1: ${NAME}`,
    `t:1:6: ${SCOPE}; did you mean read?`,
  ]],
  ["columns swapped", `${GOOD} read alice`, [`t:1:39: the token is shorter than 32 characters; ${MAKE_ONE}`]],
  ["a token among the scopes", `alice ${GOOD} read`, [
    `t:1:7: ${SCOPE}`,
    `t:1:40: the token is shorter than 32 characters; ${MAKE_ONE}`,
  ]],
  ["a mistyped scope", `alice read,exekute ${GOOD}`, [`t:1:12: ${SCOPE}; did you mean execute?`]],
  ["no scope", `alice , ${GOOD}`, [`t:1:7: ${SCOPE}`, "t:1:8: the scope is given twice"]],
  ["a scope twice", `alice read,read ${GOOD}`, ["t:1:12: the scope is given twice"]],
  ["a scope in capitals", `alice READ ${GOOD}`, [`t:1:7: ${SCOPE}`]],
  ["31 characters", `a read ${GOOD.slice(1)}`, [
    `t:1:8: the token is shorter than 32 characters; ${MAKE_ONE}`,
  ]],
  ["257 characters", `a read ${GOOD.repeat(8)}0`, [
    `t:1:8: the token is longer than 256 characters; ${MAKE_ONE}`,
  ]],
  ["seven different characters", `a read ${"0123456".repeat(5)}`, [
    `t:1:8: the token is not random; ${MAKE_ONE}`,
  ]],
  ["base64's own letters", `a read ${GOOD}+/=`, [`t:1:8: ${LETTERS}`]],
  ["a character beyond ASCII", `a read ${GOOD}ä`, [`t:1:8: ${LETTERS}`]],
  ["a NUL", `a read ${GOOD}\0`, [`t:1:8: ${LETTERS}`]],
  ["a second byte order mark", `\uFEFF\uFEFFa read ${GOOD}`, [`t:1:1: ${NAME}`]],
  ["a name twice", `a read ${GOOD}\na admin ${OTHER}`, ["t:2:1: the name stands in line 1 already"]],
  ["a name twice, first with a mistake", `a reed ${GOOD}\na admin ${OTHER}`, [
    `t:1:3: ${SCOPE}; did you mean read?`,
    "t:2:1: the name stands in line 1 already",
  ]],
  ["a token twice", `a read ${GOOD}\n\nb read ${GOOD}`, [
    `t:3:8: the token stands in line 1 already; ${MAKE_ONE}`,
  ]],
  ["several mistakes, in the order of the text,", `a read ${GOOD}\nb read ${GOOD}\nc raed ${OTHER}`, [
    `t:2:8: the token stands in line 1 already; ${MAKE_ONE}`,
    `t:3:3: ${SCOPE}; did you mean read?`,
  ]],
  [
    "too many tokens",
    Array.from({ length: 257 }, (_, index) => `n${index} read ${GOOD}${index}`).join("\n"),
    [
      "t:257:1: more than 256 tokens",
    ],
  ],
  ["too many bytes", new Uint8Array(MAX_TOKENS_FILE_BYTES + 1).fill(0x23), [
    "t: the file is larger than 262144 bytes",
  ]],
  ["bytes that are no UTF-8", new Uint8Array([...encode("# x\na "), 0xff, 0x20]), ["t:2:3: not valid UTF-8"]],
];

for (const [name, text, expected] of MISTAKES) {
  Deno.test(`tokens: ${name} is refused with its place`, async () => {
    assert.deepEqual(await mistakesIn(text), expected);
  });
}

Deno.test("tokens: the bounds themselves are taken", async () => {
  const name = "a".repeat(64);
  assert.equal((await (await tokensIn(`${name} read ${GOOD.repeat(8)}`)).find(GOOD.repeat(8)))?.name, name);
  assert.equal((await tokensIn(`a read ${"01234567".repeat(4)}`)).size, 1);
  assert.equal((await tokensIn(`a read A-z.0_9~${GOOD}`)).size, 1);
  assert.equal((await tokensIn(new Uint8Array(MAX_TOKENS_FILE_BYTES).fill(0x23))).size, 0);
});

/** Text as an editor's accident leaves it: secrets in any place, words of the grammar, odd characters. */
const secret = fc.stringMatching(/^[QXZJV]{8,40}$/);
const word = fc.oneof(
  secret,
  fc.constantFrom("alice", "bob", "read", "execute,admin", "reed", "#", ",", "", "read,", GOOD, OTHER),
  fc.string({ maxLength: 6 }),
);
const accident = fc.array(
  fc.oneof(word, fc.constantFrom(" ", " ", "\t", "\n", "\r\n", ",", "\uFEFF")),
  { maxLength: 40 },
);

Deno.test("tokens: no diagnostic shows anything of what the file says", async () => {
  await fc.assert(
    fc.asyncProperty(accident, async (pieces) => {
      const parsed = await parseTokens(encode(pieces.join("")), "t");
      if (parsed.ok) return;
      // No message of ours has these letters; in capitals only what was quoted could.
      for (const diagnostic of parsed.diagnostics) {
        assert.doesNotMatch(formatDiagnostic(diagnostic), /[QXZJV]|0123|fedc|alice|bob/);
      }
    }),
    { numRuns: 2000 },
  );
});

/** A second reading of the rules, for lines that are well formed or wrong in one way. */
function naive(text: string): Map<string, { name: string; scopes: string[] }> | null {
  const found = new Map<string, { name: string; scopes: string[] }>();
  const names = new Set<string>();
  for (const line of text.split("\n")) {
    const trimmed = line.replaceAll("\t", " ").replace(/^ +| +$/g, "").replace(/ +/g, " ");
    if (trimmed === "" || trimmed[0] === "#") continue;
    const [name, list, secret, ...more] = trimmed.split(" ");
    if (name === undefined || list === undefined || secret === undefined || more.length > 0) return null;
    if (!/^[a-z0-9][a-z0-9._-]*$/i.test(name) || name.length > 64 || names.has(name)) return null;
    const scopes = list.split(",");
    if (scopes.some((scope, index) => !SCOPES.includes(scope as Scope) || scopes.indexOf(scope) < index)) {
      return null;
    }
    if (!/^[\w.~-]+$/.test(secret) || secret.length < 32 || secret.length > 256) return null;
    if ([...secret].filter((character, index) => secret.indexOf(character) === index).length < 8) return null;
    if (found.has(secret)) return null;
    names.add(name);
    found.set(secret, { name, scopes });
  }
  return found;
}

const line = fc.tuple(
  fc.constantFrom("", " ", "\t"),
  fc.constantFrom("a", "b", "c", "d.e", "_x", "#f"),
  fc.subarray(["read", "execute", "admin", "amdin"], { minLength: 1 }),
  fc.constantFrom(GOOD, OTHER, GOOD + OTHER, GOOD.slice(1), `${GOOD}=`, "a".repeat(40)),
  fc.constantFrom("", "", "", " ", " more"),
).map(([lead, name, scopes, secret, tail]) => `${lead}${name} ${scopes.join(",")} ${secret}${tail}`);

Deno.test("tokens: a second reading of the rules comes to the same", async () => {
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(line, fc.constantFrom("", "# x")), { maxLength: 3 }),
      async (lines) => {
        const text = lines.join("\n");
        const parsed = await parseTokens(encode(text), "t");
        const expected = naive(text);
        assert.equal(parsed.ok, expected !== null, text);
        if (!parsed.ok || expected === null) return;
        taken++;
        assert.equal(parsed.tokens.size, expected.size);
        for (const [secret, { name, scopes }] of expected) {
          assert.deepEqual(await parsed.tokens.find(secret), { name, scopes: new Set(scopes) });
        }
      },
    ),
    { numRuns: 2000 },
  );
  assert(taken > 100, `only ${taken} files were taken`);
});
