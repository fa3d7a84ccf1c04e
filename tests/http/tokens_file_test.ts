import assert from "node:assert/strict";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { objectionToTokensFile, type TokensFileFacts } from "../../src/http/tokens_file.ts";

const OWN = 1000;

function objection(facts: Partial<TokensFileFacts>, own: number | null = OWN, file = "/etc/b/tokens") {
  const found = objectionToTokensFile(file, { isFile: true, mode: 0o100600, uid: OWN, ...facts }, own);
  return found === null ? null : formatDiagnostic(found);
}

Deno.test("tokens file: its owner's alone, read-only too, and root's, are taken", () => {
  for (const mode of [0o600, 0o400, 0o700, 0o100600, 0o000]) assert.equal(objection({ mode }), null);
  assert.equal(objection({ uid: 0 }), null);
  assert.equal(objection({ uid: 0 }, 0), null);
});

Deno.test("tokens file: every bit for the group or for others is refused, with the command that takes it away", () => {
  for (let bit = 0; bit < 6; bit++) {
    const mode = 0o100600 | (1 << bit);
    const shown = (mode & 0o777).toString(8);
    assert.equal(
      objection({ mode }),
      `/etc/b/tokens: others may read or change the file (mode ${shown}); run: chmod 600 /etc/b/tokens`,
    );
  }
  assert.match(objection({ mode: 0o100004 })!, /\(mode 004\)/);
  assert.match(objection({ mode: 0o644 }, OWN, "/etc/my tokens")!, /chmod 600 '\/etc\/my tokens'$/);
});

Deno.test("tokens file: another user's is refused, with the command that takes it over", () => {
  const message = "/etc/b/tokens: the file belongs to user 1001 and not to the server's user 1000; " +
    "take it over: chown 1000 /etc/b/tokens";
  assert.equal(objection({ uid: 1001 }), message);
  assert.match(objection({ uid: 1000 }, 0)!, /chown 0 /);
});

Deno.test("tokens file: what is no file, and what nothing is known of, is refused", () => {
  assert.match(objection({ isFile: false })!, /not a regular file/);
  for (
    const [facts, own] of [[{ mode: null }, OWN], [{ uid: null }, OWN], [{}, null], [
      { uid: 0 },
      null,
    ]] as const
  ) {
    assert.match(objection(facts, own)!, /cannot tell who may read the file/);
  }
});
