import { getLogger, reset } from "@logtape/logtape";
import assert from "node:assert/strict";
import fc from "fast-check";
import { REDACTED } from "../../src/core/redact.ts";
import { type LogSettings, setUpLogging } from "../../src/logging/setup.ts";
import { ANY_SECRET, assertGone, ORDINARY, SECRET_LISTS, SECRET_TEXTS } from "../support/secrets.ts";

type Properties = Record<string, unknown>;

/** Runs `work` with logging set up, and gives the lines that it wrote. */
async function linesOf(
  work: () => void,
  settings: Partial<LogSettings> = {},
  isTerminal = false,
): Promise<string[]> {
  const written: string[] = [];
  setUpLogging({ level: "info", format: "auto", ...settings }, {
    isTerminal,
    write: (line) => written.push(line),
  });
  try {
    work();
  } finally {
    await reset();
  }
  return written;
}

/** The one JSON line that a message makes. */
async function jsonOf(message: string, properties: Properties = {}): Promise<Properties> {
  const lines = await linesOf(() => getLogger(["bulkhead", "runs"]).info(message, properties));
  assert.equal(lines.length, 1);
  return oneLine(lines[0]!);
}

/** Reads what must be one JSON object on one line, with nothing raw that could forge or hide. */
function oneLine(line: string): Properties {
  assert(line.endsWith("\n"));
  assert.doesNotMatch(line.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  return JSON.parse(line);
}

const HOSTILE = 'x\n{"time":"now","level":"fatal"}\r\u001b[2J\u0000\u007f\u0085\u2028\u2029\u202e\u200b';

Deno.test("logging: a JSON line has time, level, logger, message and the properties", async () => {
  const { time, ...rest } = await jsonOf("run ended", { run_id: "r", args: ["-n"], code: null });
  assert.match(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(rest, {
    level: "info",
    logger: "bulkhead.runs",
    message: "run ended",
    run_id: "r",
    args: ["-n"],
    code: null,
  });
});

Deno.test("logging: no property takes the place of a fixed field (D23)", async () => {
  const forged = { time: "t", level: "fatal", logger: "l", message: "m", ["__proto__"]: { level: "x" } };
  const line = await jsonOf("the message", forged);
  assert.deepEqual([line.level, line.logger, line.message], ["info", "bulkhead.runs", "the message"]);
  assert.notEqual(line.time, "t");
});

Deno.test("logging: hostile text anywhere stays inside its own JSON string, and comes back whole (D23)", async () => {
  const line = await jsonOf("said {text}", { text: HOSTILE, list: [HOSTILE], deep: { [HOSTILE]: HOSTILE } });
  assert.deepEqual([line.text, line.list, line.deep], [HOSTILE, [HOSTILE], { [HOSTILE]: HOSTILE }]);
});

Deno.test("logging: whatever the properties are, one message is one line", async () => {
  const text = fc.string({ unit: "binary", maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(fc.dictionary(text, fc.oneof(text, fc.jsonValue())), async (properties) => {
      const line = await jsonOf("message", properties);
      assert.equal(line.message, "message");
      const pretty = await linesOf(() => getLogger("bulkhead").info("message", properties), {
        format: "pretty",
      });
      assert.equal(pretty.length, 1);
      assert.doesNotMatch(pretty[0]!.slice(0, -1), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    }),
    { numRuns: 100 },
  );
});

Deno.test("logging: a pretty line is for people, on one line", async () => {
  const [line] = await linesOf(
    () => getLogger("bulkhead").warn("tool not available", { tool: "nmap", code: 3, text: "a\nb\tc\u001b" }),
    { format: "pretty" },
  );
  assert.match(
    line!,
    /^\d\d:\d\d:\d\d\.\d{3} warning tool not available tool=nmap code=3 text=a\\nb\\tc\\u001b\n$/,
  );
});

for (
  const [format, isTerminal, json] of [
    ["auto", false, true],
    ["auto", true, false],
    ["json", true, true],
    ["pretty", false, false],
  ] as const
) {
  Deno.test(`logging: the format ${format} ${isTerminal ? "on" : "off"} a terminal is ${json ? "JSON" : "pretty"}`, async () => {
    const [line] = await linesOf(() => getLogger("bulkhead").info("m"), { format }, isTerminal);
    assert.equal(line!.startsWith("{"), json);
  });
}

for (
  const [level, heard] of [
    ["debug", ["debug", "info", "warning", "error"]],
    ["info", ["info", "warning", "error"]],
    ["warning", ["warning", "error"]],
    ["error", ["error"]],
  ] as const
) {
  Deno.test(`logging: at ${level} there is ${heard.join(", ")}`, async () => {
    const lines = await linesOf(() => {
      const logger = getLogger("bulkhead");
      for (const each of ["debug", "info", "warning", "error"] as const) logger[each]("m");
    }, { level });
    assert.deepEqual(lines.map((line) => oneLine(line).level), heard);
  });
}

Deno.test("logging: setting up again replaces what was set up before", async () => {
  const first: string[] = [];
  setUpLogging({ level: "debug", format: "json" }, { isTerminal: false, write: (line) => first.push(line) });
  const second = await linesOf(() => getLogger("bulkhead").info("m"));
  assert.deepEqual([first.length, second.length], [0, 1]);
});

Deno.test("logging: a file gets every line as JSON, whatever the terminal is shown", async () => {
  const shown: string[] = [];
  const kept: string[] = [];
  setUpLogging({ level: "info", format: "pretty" }, {
    isTerminal: true,
    write: (line) => shown.push(line),
  }, (line) => kept.push(line));
  try {
    getLogger(["bulkhead", "runs"]).info("said", { text: HOSTILE });
    getLogger("bulkhead").debug("below the level");
    getLogger(["logtape", "meta"]).error("the library's own");
  } finally {
    await reset();
  }
  assert.deepEqual(
    kept.map(oneLine).map(({ logger, message }) => `${logger}: ${message}`),
    ["bulkhead.runs: said", "logtape.meta: the library's own"],
  );
  assert.equal(oneLine(kept[0]!).text, HOSTILE);
  assert.deepEqual(shown.map((line) => line.startsWith("{")), [false, false]);
});

Deno.test("logging: a file that cannot take a line keeps none from standard error", async () => {
  const shown: string[] = [];
  setUpLogging({ level: "info", format: "json" }, {
    isTerminal: false,
    write: (line) => shown.push(line),
  }, () => {
    throw new Error("no");
  });
  try {
    getLogger("bulkhead").info("first");
    getLogger("bulkhead").info("second");
  } finally {
    await reset();
  }
  const own = shown.map(oneLine).filter(({ logger }) => logger === "bulkhead");
  assert.deepEqual(own.map(({ message }) => message), ["first", "second"]);
});

/** What every sink gets of one message: standard error in both formats, and the file. */
async function everyLine(message: string, properties: Properties): Promise<string> {
  const lines: string[] = [];
  for (const format of ["json", "pretty"] as const) {
    const output = { isTerminal: false, write: (line: string) => lines.push(line) };
    setUpLogging({ level: "debug", format }, output, (line) => lines.push(line));
    try {
      getLogger(["bulkhead", "runs"]).debug(message, properties);
    } finally {
      await reset();
    }
  }
  assert.equal(lines.length, 4);
  return lines.join("");
}

for (const [title, [secrets, text]] of Object.entries(SECRET_TEXTS)) {
  Deno.test(`logging: no secret reaches a line, wherever in the message it is: ${title}`, async () => {
    await fc.assert(
      fc.asyncProperty(secrets, async (secret) => {
        const planted = text(secret);
        const properties = {
          reason: planted,
          deep: { list: [{ planted }, [planted]] },
          args: ["-v", planted],
        };
        const lines = await everyLine("said {reason}", properties);
        assertGone(lines, secret);
        assert(lines.includes(REDACTED));
      }),
      { numRuns: 20 },
    );
  });
}

for (const [title, list] of Object.entries(SECRET_LISTS)) {
  Deno.test(`logging: no secret reaches a line in a list of arguments: ${title}`, async () => {
    await fc.assert(
      fc.asyncProperty(ANY_SECRET, async (secret) => {
        assertGone(
          await everyLine("arguments", { args: list(secret), deep: { argv: list(secret) } }),
          secret,
        );
      }),
      { numRuns: 20 },
    );
  });
}

Deno.test("logging: what a property with a telling name holds reaches no line", async () => {
  const lines = await everyLine("m", { token: "s3cr3t", password: 31415926, deep: { cookie: ["s3cr3t"] } });
  assert.doesNotMatch(lines, /s3cr3t|31415926/);
});

Deno.test("logging: ordinary lines are written as they are", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(ORDINARY, { minLength: 1, maxLength: 5 }), async (texts) => {
      const properties = { run_id: texts[0], args: ["-n", "-p", ...texts], target: texts.at(-1), code: 0 };
      const { time: _, ...rest } = await jsonOf("run ended", properties);
      assert.deepEqual(rest, { level: "info", logger: "bulkhead.runs", message: "run ended", ...properties });
    }),
    { numRuns: 100 },
  );
});

/** Everything that is written to standard output, by whatever road, while `work` runs. */
async function standardOutputOf(work: () => Promise<unknown>): Promise<unknown[]> {
  const written: unknown[] = [];
  const realConsole = globalThis.console;
  const { write, writeSync } = Deno.stdout;
  // Of the console's methods only those for warnings and errors do not write to standard output.
  globalThis.console = new Proxy(realConsole, {
    get: (target, name) =>
      ["warn", "error", "trace", "assert"].includes(String(name))
        ? Reflect.get(target, name)
        : (...words: unknown[]) => written.push([name, ...words]),
  });
  Deno.stdout.write = (bytes) => Promise.resolve(written.push(bytes));
  Deno.stdout.writeSync = (bytes) => written.push(bytes);
  try {
    await work();
  } finally {
    globalThis.console = realConsole;
    Object.assign(Deno.stdout, { write, writeSync });
  }
  return written;
}

Deno.test("logging: nothing is ever written to standard output, by the library's own logger neither", async () => {
  const lines: string[] = [];
  const output = await standardOutputOf(async () => {
    lines.push(
      ...await linesOf(() => {
        for (const level of ["debug", "info", "warning", "error", "fatal"] as const) {
          getLogger(["bulkhead"])[level]("m");
          getLogger(["logtape", "meta"])[level]("meta");
          getLogger(["somebody", "else"])[level]("other");
        }
      }, { level: "debug" }),
    );
  });
  assert.deepEqual(output, []);
  assert.deepEqual(
    lines.map(oneLine).map(({ logger, level }) => `${logger} ${level}`),
    [
      "bulkhead debug",
      "bulkhead info",
      "bulkhead warning",
      "bulkhead error",
      "logtape.meta error",
      "bulkhead fatal",
      "logtape.meta fatal",
    ],
  );
});

Deno.test("logging: what cannot be written as JSON breaks nothing, and reaches standard output neither", async () => {
  const circle: Properties = {};
  circle.self = circle;
  const output = await standardOutputOf(() =>
    linesOf(() => {
      getLogger("bulkhead").error("m", { circle });
      getLogger("bulkhead").error("m", { big: 1n });
    })
  );
  assert.deepEqual(output, []);
  assert.equal((await jsonOf("the next")).message, "the next");
});
