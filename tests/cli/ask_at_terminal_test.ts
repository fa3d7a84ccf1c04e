import assert from "node:assert/strict";
import { askAt } from "../../src/cli/ask_at_terminal.ts";

const QUESTION = { tool: "probe", target: null, intrusive: ["-A"], argv: ["/bin/probe", "-A"] };

/** A terminal at which `typed` is typed, a piece at each read; then the input ends. */
function terminal(...typed: string[]) {
  const written: string[] = [];
  return {
    written,
    write: (text: string) => void written.push(text),
    read: (buffer: Uint8Array) => {
      const piece = typed.shift();
      return Promise.resolve(
        piece === undefined ? null : new TextEncoder().encodeInto(piece, buffer).written,
      );
    },
  };
}

const open = new AbortController().signal;

for (
  const [typed, answer] of [
    [["yes\n"], "approved"],
    [[" yes \r\n"], "approved"],
    [["y", "es", "\n"], "approved"],
    [["y\n"], "declined"],
    [["YES\n"], "declined"],
    [["yes please\n"], "declined"],
    [["no\nyes\n"], "declined"],
    [["\n"], "declined"],
    [["x".repeat(300), "\nyes\n"], "declined"],
    [["yes" + " ".repeat(300), "\n"], "declined"],
    [[], "unanswered"],
    [["yes"], "unanswered"],
  ] as const
) {
  Deno.test(`terminal: ${JSON.stringify(typed).slice(0, 40)} is ${answer}`, async () => {
    const screen = terminal(...typed);
    assert.equal(await askAt(screen)(QUESTION, open), answer);
    assert.match(screen.written[0]!, /command: {3}\/bin\/probe -A\n\nType yes to run it.*: $/);
  });
}

Deno.test("terminal: what is said after a question that ended without an answer has a line of its own", async () => {
  const asked = new AbortController();
  const written: string[] = [];
  void askAt({ write: (text) => written.push(text), read: () => new Promise(() => {}) })(
    QUESTION,
    asked.signal,
  );
  await Promise.resolve();
  assert.equal(written.length, 1);
  asked.abort();
  assert.equal(written[1], "\n");
});
