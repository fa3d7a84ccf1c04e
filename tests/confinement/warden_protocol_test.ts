import assert from "node:assert/strict";
import fc from "fast-check";
import { isCompartmentToWarden, isFromWarden, isToWarden } from "../../src/confinement/warden_protocol.ts";

/** What a field holds: values that it takes, and values that it must not take. */
interface Field {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

/** Values of every kind; a field's `bad` are those that are not its own kind, and its limits. */
const ODD: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  "",
  "text",
  -1,
  0,
  1.5,
  NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  1n,
  Symbol("s"),
  () => "text",
  {},
  [],
  ["text"],
  new Date(),
  new Map(),
  new Uint8Array(1),
  Object("text"),
  Object(1),
  { length: 0 },
  { toString: () => "text" },
];

function field(
  good: readonly unknown[],
  isOfKind: (value: unknown) => boolean,
  tooMuch: readonly unknown[],
): Field {
  return { good, bad: [...ODD.filter((value) => !isOfKind(value)), ...tooMuch] };
}

const isText = (value: unknown) => typeof value === "string";
const isList = (value: unknown) => Array.isArray(value);
const isWhole = (value: unknown) => Number.isSafeInteger(value) && value as number >= 0;

const name = field(["", "x".repeat(80)], isText, ["x".repeat(81)]);
const text = field(["", "x".repeat(4096)], isText, ["x".repeat(4097)]);
const whole = field([0, 1, 2 ** 53 - 1], isWhole, [-0.5, 2 ** 53]);
const flag = field([true, false], (value) => typeof value === "boolean", [0, 1]);
const span = field(
  [0, 0.5, 2 ** 60],
  (value) => typeof value === "number" && value >= 0 && value < Infinity,
  [],
);
const channel = new MessageChannel();
const port = field([channel.port1, channel.port2], () => false, [{ postMessage() {} }]);
channel.port1.close();
channel.port2.close();
const nonce = field(["0000000001", "3fffffffff"], () => false, ["0000000000", "4000000000", "000000000g"]);

function orNull({ good, bad }: Field): Field {
  return { good: [...good, null], bad: bad.filter((value) => value !== null) };
}

function oneOf(...good: readonly unknown[]): Field {
  return field(good, (value) => good.includes(value), ["kernel ", "net_admin"]);
}

function list(item: Field, most: number): Field {
  const full = Array.from({ length: most }, () => item.good[0]);
  const holes = new Array(1);
  const named = Object.assign([item.good[0]], { name: 1 });
  const wrong = item.bad.map((bad) => [bad]);
  return field([[], item.good, full], isList, [[...full, item.good[0]], holes, named, ...wrong, [[]]]);
}

/** A whole object with a good value in each field; and all those in which one thing is wrong. */
function object(fields: Readonly<Record<string, Field>>): Field {
  const names = Object.keys(fields);
  const whole = Object.fromEntries(names.map((name) => [name, fields[name]!.good[0]]));
  const good = names.flatMap((name) => fields[name]!.good.map((value) => ({ ...whole, [name]: value })));
  const wrong = names.flatMap((name) => fields[name]!.bad.map((value) => ({ ...whole, [name]: value })));
  const missing = names.map((name) =>
    Object.fromEntries(names.filter((n) => n !== name).map((n) => [n, whole[n]]))
  );
  const renamed = missing.map((rest, index) => ({ ...rest, other: whole[names[index]!] }));
  const inherited = missing.map((rest, index) =>
    Object.assign(Object.create({ [names[index]!]: whole[names[index]!] }), rest)
  );
  const more = [{ ...whole, more: 1 }, { ...whole, more: undefined }, { ...whole, ["__proto__"]: whole }];
  return {
    good: good.length > 0 ? good : [whole],
    bad: [...ODD, ...wrong, ...missing, ...renamed, ...inherited, ...more],
  };
}

const ceilings = object({ memoryBytes: whole, cpuSec: whole, openFiles: whole, fileBytes: whole });
const tree = object({ memoryBytes: orNull(whole), processes: orNull(whole) });
const rules = object({
  executables: list(text, 256),
  writableFolder: text,
  capabilities: list(oneOf("net_raw"), 8),
});
const kernel = object({
  libc: text,
  architecture: name,
  landlockAbi: whole,
  capabilities: list(name, 64),
  cgroup: list(name, 8),
  cgroupReason: orNull(text),
});

type Table = Readonly<Record<string, Readonly<Record<string, Field>>>>;

const TABLES: Readonly<Record<string, readonly [check: (data: unknown) => boolean, Table]>> = {
  "from the server to the warden": [isToWarden, {
    open: { tier: oneOf("kernel", "basic"), nonce, undertaker: port },
    make: { terms: object({ compartment: name, program: text, rules }), port },
    drop: { compartment: name },
    begin: { terms: object({ run: name, compartment: name, ceilings, tree, killGraceMs: span }) },
    end: { run: name },
    reap: { nonces: list(nonce, 1024) },
    close: {},
    ping: { count: whole },
  }],
  "from the warden to the server": [isFromWarden, {
    opened: { kernel: orNull(kernel) },
    not_opened: { reason: text },
    made: { compartment: name },
    not_made: { compartment: name, reason: text, machine: flag },
    died: { compartment: name, reason: text },
    gone: { run: name, killed: whole, survivors: whole, note: orNull(text) },
    reaped: { nonce, killed: whole, survivors: whole },
    closed: {},
    pong: { count: whole },
  }],
  "from a compartment to the warden": [isCompartmentToWarden, {
    confined: { listener: whole },
    not_confined: { reason: text, machine: flag },
    self_tested: { errno: whole },
    ready: {},
    spawning: { run: name },
    spawned: { run: name },
    not_spawned: { run: name },
    stop: { run: name },
    exited: { run: name },
  }],
};

const shown = (value: unknown) => Deno.inspect(value, { depth: 5, iterableLimit: 3, strAbbreviateSize: 40 });

for (const [who, [check, table]] of Object.entries(TABLES)) {
  for (const [type, fields] of Object.entries(table)) {
    const messages = object({ ...fields, type: { good: [type], bad: [] } });

    Deno.test(`messages ${who}: ${type}, with whatever its fields may hold`, () => {
      for (const message of messages.good) assert.equal(check(message), true, shown(message));
    });

    Deno.test(`messages ${who}: ${type}, with one thing wrong, is none`, () => {
      for (const message of messages.bad) assert.equal(check(message), false, shown(message));
      for (const odd of ODD) {
        assert.equal(check({ ...messages.good[0] as object, type: odd }), false, `of type ${shown(odd)}`);
      }
    });
  }

  Deno.test(`messages ${who}: no other type, and nothing that merely looks like one`, () => {
    const types = Object.values(TABLES).flatMap(([, other]) => Object.keys(other));
    for (const other of types.filter((type) => !(type in table))) {
      assert.equal(check({ type: other }), false, other);
      for (const [, others] of Object.values(TABLES)) {
        const message = object({ ...others[other], type: { good: [other], bad: [] } }).good[0];
        assert.equal(check(message), false, other);
      }
    }
    for (const type of ["__proto__", "constructor", "toString", "valueOf", "hasOwnProperty", ""]) {
      assert.equal(check({ type }), false, type);
    }
    for (const data of [...ODD, Object.create({ type: "ready" }), [{ type: "ready" }], "ready"]) {
      assert.equal(check(data), false, shown(data));
    }
  });

  Deno.test(`messages ${who}: whatever can be sent, the check answers, and with a field more it says no`, () => {
    const values = fc.anything({
      withNullPrototype: true,
      withBigInt: true,
      withTypedArray: true,
      withMap: true,
    });
    const message = fc.constantFrom(...Object.entries(table)).map(([type, fields]) =>
      object({ ...fields, type: { good: [type], bad: [] } }).good[0] as Record<string, unknown>
    );
    fc.assert(fc.property(values, message, fc.string(), (value, message, key) => {
      assert.equal(typeof check(value), "boolean");
      assert.equal(check({ ...message, [`more ${key}`]: value }), false);
      for (const name of Object.keys(message)) check({ ...message, [name]: value });
    }));
  });

  Deno.test(`messages ${who}: what leads back to itself is none, and is answered`, () => {
    for (const [type, fields] of Object.entries(table)) {
      for (const name of Object.keys(fields)) {
        const message: Record<string, unknown> = { type };
        message[name] = message;
        assert.equal(check(message), false);
        const list: unknown[] = [];
        list.push(list);
        assert.equal(check({ ...message, [name]: list }), false);
      }
    }
  });
}
