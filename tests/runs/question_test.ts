import assert from "node:assert/strict";
import { describeQuestion } from "../../src/runs/question.ts";

Deno.test("a question shows tool, target, what is intrusive and the command, one a line", () => {
  const question = {
    tool: "probe",
    target: "10.0.0.5",
    intrusive: ["-A", "--script vuln"],
    argv: ["/usr/bin/probe", "-A", "a b", "10.0.0.5"],
  };
  assert.deepEqual(describeQuestion(question).split("\n"), [
    "    tool:      probe",
    "    target:    10.0.0.5",
    "    intrusive: -A, --script vuln",
    "    command:   /usr/bin/probe -A 'a b' 10.0.0.5",
  ]);
  assert.doesNotMatch(describeQuestion({ ...question, target: null }), /target:/);
});

Deno.test("nothing in a question makes a line of its own or hides what comes after it", () => {
  const hostile = "x\n    command:   /bin/true\r\u2028\x1b[8m\u202e";
  const text = describeQuestion({
    tool: "t",
    target: hostile,
    intrusive: [hostile],
    argv: ["/bin/t", hostile],
  });
  assert.equal(text.split("\n").length, 4);
  for (const line of text.split("\n")) assert.match(line, /^ {4}[\x20-\x7e]+$/);
});
