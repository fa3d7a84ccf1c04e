import assert from "node:assert/strict";
import { mtr } from "../../../src/catalog/parsers/mtr.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "mtr_denied",
  "mtr_ipv6_udp",
  "mtr_no_route",
  "mtr_ok",
  "mtr_silent",
  "mtr_tcp_from_second",
];

const CUT = "the report is only the beginning";

/** A report with the given hops, as mtr writes it. */
function reportOf(hubs: readonly unknown[], run: Record<string, unknown> = {}): string {
  return JSON.stringify({ report: { mtr: { src: "lab", dst: "10.0.0.9", tests: 1, ...run }, hubs } });
}

const hub = (changes: Record<string, unknown> = {}) => ({
  ...{ count: 1, host: "10.0.0.1", "Loss%": 0, Snt: 1, Last: 1, Avg: 1, Best: 1, Wrst: 1, StDev: 0 },
  ...changes,
});

Deno.test("mtr reads the quality of each hop", async () => {
  const route = await parsedWhole(mtr, recorded("mtr_ok"));
  const { hops, ...facts } = route;
  assert.deepEqual(facts, {
    target: "10.9.3.2",
    cycles: 3,
    packet_bytes: 64,
    reached: true,
    error: null,
    incomplete: null,
  });
  assert.deepEqual(hops.map(({ hop, address }) => [hop, address]), [
    [1, "10.9.1.2"],
    [2, "10.9.2.2"],
    [3, "10.9.3.2"],
  ]);
  assert.deepEqual(hops[0], {
    hop: 1,
    address: "10.9.1.2",
    sent: 3,
    loss_percent: 0,
    last_ms: 0.087,
    average_ms: 0.144,
    best_ms: 0.087,
    worst_ms: 0.234,
    deviation_ms: 0.078,
  });
  assert.match(
    mtr.summarize(route),
    /^10\.9\.3\.2: reached, 3 hops, 3 cycles\n1: 10\.9\.1\.2: 0 % of 3 probes lost, average 0\.144 ms, best 0\.087 ms, worst 0\.234 ms\n/,
  );
});

Deno.test("mtr reads IPv6, UDP, TCP and a later first hop", async () => {
  const six = await parsedWhole(mtr, recorded("mtr_ipv6_udp"));
  assert.deepEqual([six.target, six.reached, six.hops.length], ["fd00:9:3::2", true, 3]);
  const tcp = await parsedWhole(mtr, recorded("mtr_tcp_from_second"));
  assert.deepEqual([tcp.reached, tcp.hops.map(({ hop }) => hop)], [true, [2, 3]]);
});

Deno.test("mtr knows no times of a hop that never answered", async () => {
  const route = await parsedWhole(mtr, recorded("mtr_silent"));
  assert.deepEqual([route.reached, route.hops.length], [false, 2]);
  assert.deepEqual(route.hops[1], {
    hop: 2,
    address: null,
    sent: 2,
    loss_percent: 100,
    last_ms: null,
    average_ms: null,
    best_ms: null,
    worst_ms: null,
    deviation_ms: null,
  });
  assert.match(mtr.summarize(route), /\n2: no answer to 2 probes$/);
});

Deno.test("mtr says why nothing was sent", async () => {
  const none = await parsedWhole(mtr, recorded("mtr_no_route"));
  assert.deepEqual([none.error, none.target, none.hops, none.incomplete], [
    "udp socket connect failed: Network is unreachable",
    null,
    [],
    null,
  ]);
  const denied = await parsedWhole(mtr, recorded("mtr_denied"));
  assert.match(denied.error ?? "", /^Failure to open IPv4 sockets: Permission denied; /);
});

Deno.test("mtr reads sizes as text or number, and none that varies", async () => {
  for (
    const [psize, bytes] of [["64", 64], [128, 128], ["rand(28-64)", null], [1.5, null], [undefined, null]]
  ) {
    const route = await parsedWhole(mtr, outputOf(reportOf([], { psize })));
    assert.equal(route.packet_bytes, bytes);
  }
});

Deno.test("mtr takes no hop of the wrong shape, says so, and limits their number", async () => {
  const wrong = [{ count: 0 }, { count: 256 }, { host: 1 }, { "Loss%": 101 }, { Snt: -1 }, { Avg: "1" }].map(
    hub,
  );
  const some = await parsedWhole(mtr, outputOf(reportOf([hub(), ...wrong])));
  assert.deepEqual([some.hops.length, some.incomplete], [1, "6 hops could not be read"]);
  const many = await parsedWhole(mtr, outputOf(reportOf(Array.from({ length: 300 }, () => hub()))));
  assert.deepEqual([many.hops.length, many.incomplete], [255, "45 hops could not be read"]);
});

Deno.test("mtr reads names that hold braces and quotation marks", async () => {
  const host = '}{"\\';
  const route = await parsedWhole(mtr, outputOf(reportOf([hub({ host })], { src: host })));
  assert.deepEqual([route.hops[0]?.address, route.incomplete], [host, null]);
});

Deno.test("mtr reads nothing from what is not mtr's", async () => {
  for (const text of ["", "hello", "{}", "{", '{"report":', JSON.stringify(hub()), '{"a": {"b": 1}}']) {
    assert.equal(await parsed(mtr, outputOf(text, "hello\nmtr: cut")), null);
  }
});

Deno.test("mtr reads a report that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole = await parsedWhole(mtr, output);
    for (const cut of truncations(output, "stdout")) {
      const route = await parsed(mtr, { ...cut, partial: false });
      if (route === null) continue;
      // Only the line feed at the end may be missing without a loss.
      assert.equal(route.incomplete === CUT, cut.stdout.length < output.stdout.length - 1);
      assert.deepEqual({ ...route, hops: [], incomplete: null }, {
        ...whole,
        hops: [],
        reached: route.reached,
      });
      assert.deepEqual(route.hops, whole.hops.slice(0, route.hops.length));
    }
  }
});

Deno.test("mtr answers any bytes with null or a valid object", () => fuzz(mtr, RECORDINGS));

Deno.test("mtr reads floods in linear time", () => {
  const start = reportOf([]).slice(0, -2);
  return flood(mtr, [
    { repeated: "{" },
    { repeated: "{}" },
    { repeated: '{"' },
    { before: "{", repeated: '"' },
    { before: '{"', repeated: "{\\" },
    { before: `${start}[`, repeated: `${JSON.stringify(hub())},` },
    { before: start, repeated: '{"a":"' },
    { repeated: "mtr: a\n", stderr: true },
  ]);
});
