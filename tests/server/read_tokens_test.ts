import assert from "node:assert/strict";
import type { Io } from "../../src/core/exit.ts";
import { Exit } from "../../src/core/exit.ts";
import { readTokens } from "../../src/server/read_tokens.ts";
import { readSetup } from "../../src/server/setup.ts";
import { MAX_TOKENS_FILE_BYTES } from "../../src/http/tokens.ts";
import { TestFolder } from "../integration/support/programs.ts";
import { secretOf } from "../support/tokens.ts";

/** Reads the file of tokens that a configuration in `folder` names, and gives what was said of it. */
async function read(folder: TestFolder, name: string | null) {
  const config = folder.write("config.yaml", name === null ? "" : `auth: { tokens_file: ${name} }\n`);
  let said = "";
  const io: Io = { stdout: () => {}, stderr: (text) => said += text };
  const setup = readSetup({ config, tools: [], allowTargets: [] }, io);
  try {
    return { tokens: await readTokens(setup, io), said, setup };
  } catch (error) {
    assert(error instanceof Exit);
    return { code: error.code, said, setup };
  }
}

const LINE = `alice read ${secretOf("alice")}\n`;

Deno.test("tokens are read from a file that its owner alone may read, and the path must be readable", async () => {
  using folder = new TestFolder();
  const file = folder.write("tokens", LINE, 0o600);
  const { tokens, said, setup } = await read(folder, "tokens");
  assert.equal((await tokens?.find(secretOf("alice")))?.name, "alice");
  assert.equal(said, "");
  assert(setup.readable.includes(file));
  const without = await read(folder, null);
  assert.equal(without.tokens, null);
  assert(!without.setup.readable.includes(file));
});

Deno.test("a link to such a file is followed, and it is the file's mode that counts", async () => {
  using folder = new TestFolder();
  const file = folder.write("real", LINE, 0o600);
  Deno.symlinkSync(file, `${folder.path}/tokens`);
  assert.equal((await read(folder, "tokens")).tokens?.size, 1);
  Deno.chmodSync(file, 0o640);
  const { code, said } = await read(folder, "tokens");
  assert.equal(code, 2);
  assert.match(said, /mode 640\); run: chmod 600 .*\/tokens\n$/);
});

/** A file that is not taken: how it is made, and what is said. */
const REFUSED: readonly (readonly [string, (folder: TestFolder) => void, RegExp])[] = [
  ["is not there", () => {}, /tokens: there is no such file, named by auth\.tokens_file\n$/],
  ["others may read", (folder) => void folder.write("tokens", LINE, 0o644), /run: chmod 600/],
  ["is a folder", (folder) => Deno.mkdirSync(`${folder.path}/tokens`), /not a regular file/],
  [
    "is a pipe, which would never open",
    (folder) =>
      void new Deno.Command("mkfifo", { args: ["-m", "600", `${folder.path}/tokens`] }).outputSync(),
    /not a regular file/,
  ],
  [
    "says something wrong",
    (folder) => void folder.write("tokens", "x y z\n", 0o600),
    /tokens:1:3: expected a scope/,
  ],
  [
    "is too large",
    (folder) => void folder.write("tokens", "#".repeat(MAX_TOKENS_FILE_BYTES + 1), 0o600),
    /larger than 262144 bytes/,
  ],
];

for (const [name, make, expected] of REFUSED) {
  Deno.test(`a file of tokens that ${name} ends the start with 2, and never counts as none`, async () => {
    using folder = new TestFolder();
    make(folder);
    const { code, said } = await read(folder, "tokens");
    assert.equal(code, 2);
    assert.match(said, expected);
  });
}
