import assert from "node:assert/strict";
import fc from "fast-check";
import { loadCatalog } from "../../src/catalog/load.ts";
import { REDACTED, redactJson, redactText, withoutSecrets } from "../../src/core/redact.ts";
import { ANY_SECRET, assertGone, ORDINARY, SECRET_LISTS, SECRET_TEXTS } from "../support/secrets.ts";

for (const [title, [secrets, text]] of Object.entries(SECRET_TEXTS)) {
  Deno.test(`redact: no secret survives: ${title}`, () => {
    fc.assert(fc.property(secrets, (secret) => {
      const shown = redactText(text(secret));
      assertGone(shown, secret);
      assert(shown.includes(REDACTED));
      assert.equal(redactText(shown), shown);
    }));
  });
}

for (const [title, list] of Object.entries(SECRET_LISTS)) {
  Deno.test(`redact: no secret survives in a list: ${title}`, () => {
    fc.assert(fc.property(ANY_SECRET, (secret) => {
      for (const value of [list(secret), { deep: [{ argv: list(secret) }] }]) {
        assertGone(JSON.stringify(redactJson(value)), secret);
      }
    }));
  });
}

for (
  const field of [
    "password",
    "token",
    "access_token",
    "clientSecret",
    "apiKey",
    "api-key",
    "Authorization",
    "cookie",
  ]
) {
  Deno.test(`redact: whatever ${field} holds is taken out`, () => {
    for (const secret of ["x", 12345, ["x"], { a: "x" }]) {
      assert.deepEqual(redactJson({ a: 1, deep: { [field]: secret } }), {
        a: 1,
        deep: { [field]: REDACTED },
      });
    }
    assert.deepEqual(redactJson({ [field]: null, b: true }), { [field]: null, b: true });
  });
}

const WHOLE: readonly (readonly [string, string])[] = [
  ["sent Bearer abc.def-1 to h", `sent Bearer ${REDACTED} to h`],
  ["http://h/?token=abc&port=80", `http://h/?token=${REDACTED}&port=80`],
  ['{"password":"a\\"b","x":1}', `{"password":"${REDACTED}","x":1}`],
  ["Cookie: a=b; c=d\nHost: h", `Cookie: ${REDACTED}\nHost: h`],
  ["https://alice:p@ss@10.0.0.5/x@y", `https://${REDACTED}@10.0.0.5/x@y`],
  ["curl -u alice:x https://h/", `curl -u ${REDACTED} https://h/`],
  ["curl --user 'alice:x y' https://h/", `curl --user '${REDACTED}' https://h/`],
];

for (const [text, expected] of WHOLE) {
  Deno.test(`redact: the rest of a text stays: ${text}`, () => assert.equal(redactText(text), expected));
}

const UNCHANGED = [
  "run ended",
  "nmap -n -oX - -sV -p 22,80,8000-8100 --max-retries 3 10.0.0.5",
  "gobuster dir -u http://10.0.0.5:8080/ -w /usr/share/wordlists/common.txt",
  "gobuster dir -u 10.0.0.5:8080 -w /words",
  "gobuster dir -u [2001:db8::1]:8080/x -w /words",
  "mtr -u 10.0.0.5",
  "mtr -u 2001:db8::1",
  "dig -u -b 10.0.0.9 @10.0.0.1 h.lab.internal +cookie=0123456789abcdef",
  "traceroute -U h.lab.internal",
  'flag "--user" is not one that this tool takes; it takes --user-agent and -u',
  '/b.yaml:1:9: auth.token: unknown key "token"; did you mean "tokens_file"?',
  '/b.yaml:1:9: api_key: unknown key "api_key"',
  "auth.tokens_file: must be the path of a file that holds the tokens, never a token itself",
  "tier basic: programs run without limits of the kernel",
  "Basic authentication is off",
  "the bearer token is wrong",
  'password=null {"token":true}',
  "cannot listen on 10.0.0.1 port 80: this version has no tokens, so it listens on loopback only",
  "security.allowed_targets: expected a list, got https://10.0.0.5/@x",
  "a mail to a@b.lab.internal at 12:30:01",
];

for (const text of UNCHANGED) {
  Deno.test(`redact: unchanged: ${text}`, () => assert.equal(redactText(text), text));
}

Deno.test("redact: ordinary texts, alone and in sentences and lists, are unchanged", () => {
  fc.assert(
    fc.property(fc.array(ORDINARY, { minLength: 1, maxLength: 6 }), (texts) => {
      for (
        const text of [
          ...texts,
          texts.join(" "),
          `target ${texts[0]}: not allowed; allowed: ${texts.join(", ")}`,
        ]
      ) {
        assert.equal(redactText(text), text);
      }
      const line = {
        run_id: texts[0],
        target: texts.at(-1),
        argv: texts,
        metadata: { argv: texts, tier: "kernel" },
      };
      assert.deepEqual(redactJson(line), line);
    }),
    { numRuns: 500 },
  );
});

Deno.test("redact: every flag of our tools, with an ordinary value, is unchanged", () => {
  const catalog = loadCatalog([]);
  assert(catalog.ok);
  const flags = catalog.manifests.flatMap(({ manifest }) => [
    ...Object.keys(manifest.flags),
    ...Object.values(manifest.parameters).map(({ flag }) => flag),
    ...Object.values(manifest.modes).flatMap(({ flags }) => Object.keys(flags)),
  ]);
  assert(flags.length > 100);
  fc.assert(fc.property(fc.constantFrom(...flags), ORDINARY, (flag, value) => {
    // Behind -u, addresses and URLs are known for what they are; anything else may be somebody's password.
    fc.pre(!/^-u$/i.test(flag) || /^(?:10\.|http)/.test(value));
    const argv = ["/usr/bin/x", flag, value, "10.0.0.5"];
    assert.deepEqual(redactJson(argv), argv);
    assert.equal(redactText(argv.join(" ")), argv.join(" "));
  }));
});

Deno.test("redact: what JSON makes of values stays what it is", () => {
  const value = { date: new Date(0), none: undefined, list: [undefined, 1, null], nested: { a: [[]] } };
  assert.equal(JSON.stringify(value, withoutSecrets), JSON.stringify(value));
  assert.equal(
    JSON.stringify({ url: new URL("http://a:secret@h/") }, withoutSecrets),
    `{"url":"http://${REDACTED}@h/"}`,
  );
  fc.assert(fc.property(fc.jsonValue(), (json) => {
    // Any text may look like a secret by chance; the shape of the whole stays.
    assert.equal(typeof JSON.stringify(json, withoutSecrets), "string");
  }));
});

Deno.test("redact: text that is made to be slow is done with", () => {
  const pieces = [
    "a:",
    "//",
    "token",
    "eyJ",
    "-token-",
    'token="',
    "bearer ",
    "-u ",
    " -ua",
    "@",
    "a@",
    '--user "',
    "Basic ",
  ];
  for (const piece of pieces) {
    for (const text of [piece.repeat(5000), `//${piece.repeat(5000)}@ `, `token=${piece.repeat(5000)}`]) {
      assert.equal(typeof redactText(text), "string");
    }
  }
});
