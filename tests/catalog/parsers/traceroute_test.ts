import assert from "node:assert/strict";
import { type Route, traceroute } from "../../../src/catalog/parsers/traceroute.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "traceroute_balanced",
  "traceroute_icmp_denied",
  "traceroute_ipv6",
  "traceroute_no_route",
  "traceroute_no_route_ipv6",
  "traceroute_ok",
  "traceroute_prohibited",
  "traceroute_prohibited_ipv6",
  "traceroute_silent",
  "traceroute_stopped",
  "traceroute_unreachable",
];

const CUT = "standard output is only the beginning";
const HEAD = "traceroute to 10.0.0.9 (10.0.0.9), 30 hops max, 60 byte packets\n";
const LOST = { address: null, time_ms: null, error: null };

const answers = (address: string, times: readonly number[], error: string | null = null) =>
  times.map((time_ms) => ({ address, time_ms, error }));

/** Each probe of a hop, shortly: who answered, and with which error. */
const hop = (route: Route, number: number) =>
  route.hops.find((hop) => hop.hop === number)?.probes.map(({ address, error }) =>
    error === null ? address : `${address} ${error}`
  );

Deno.test("traceroute reads each probe of each hop", async () => {
  const route = await parsedWhole(traceroute, recorded("traceroute_ok"));
  assert.deepEqual(route, {
    target: "10.9.3.2",
    max_hops: 30,
    packet_bytes: 60,
    reached: true,
    hops: [
      { hop: 1, probes: answers("10.9.1.2", [0.064, 0.008, 0.007]) },
      { hop: 2, probes: answers("10.9.2.2", [0.025, 0.011, 0.008]) },
      { hop: 3, probes: answers("10.9.3.2", [0.02, 0.01, 0.009]) },
    ],
    error: null,
    incomplete: null,
  });
  assert.equal(
    traceroute.summarize(route),
    "10.9.3.2: reached, 3 hops asked\n1: 10.9.1.2 0.064 ms, 0.008 ms, 0.007 ms\n" +
      "2: 10.9.2.2 0.025 ms, 0.011 ms, 0.008 ms\n3: 10.9.3.2 0.02 ms, 0.01 ms, 0.009 ms",
  );
});

Deno.test("traceroute reads IPv6", async () => {
  const route = await parsedWhole(traceroute, recorded("traceroute_ipv6"));
  assert.deepEqual([route.target, route.packet_bytes, route.reached], ["fd00:9:3::2", 80, true]);
  assert.deepEqual(route.hops.map(({ probes }) => probes[0]?.address), [
    "fd00:9:1::2",
    "fd00:9:2::2",
    "fd00:9:3::2",
  ]);
});

Deno.test("traceroute reads a hop that several routers share", async () => {
  const route = await parsedWhole(traceroute, recorded("traceroute_balanced"));
  const [a, b] = ["10.9.5.2", "10.9.2.2"];
  assert.deepEqual(hop(route, 2), [a, a, b, b, b, a]);
  assert.ok(
    traceroute.summarize(route).includes(
      "\n2: 10.9.5.2 0.018 ms, 0.005 ms, 0.006 ms; 10.9.2.2 0.049 ms, 0.006 ms, 0.006 ms\n",
    ),
  );
});

for (
  const [name, last, address, error] of [
    ["traceroute_prohibited", 2, "10.9.2.2", "communication administratively prohibited"],
    ["traceroute_prohibited_ipv6", 2, "fd00:9:2::2", "communication administratively prohibited"],
    ["traceroute_no_route_ipv6", 2, "fd00:9:2::2", "network unreachable"],
    ["traceroute_unreachable", 3, "10.9.2.2", "host unreachable"],
  ] as const
) {
  Deno.test(`traceroute reads the error of the last router: ${name}`, async () => {
    const route = await parsedWhole(traceroute, recorded(name));
    assert.deepEqual([route.reached, route.hops.length, route.incomplete], [false, last, null]);
    assert.deepEqual(new Set(hop(route, last)), new Set([`${address} ${error}`]));
  });
}

Deno.test("traceroute reads probes that nobody answers", async () => {
  const route = await parsedWhole(traceroute, recorded("traceroute_silent"));
  assert.deepEqual([route.reached, route.max_hops, route.hops.length], [false, 4, 4]);
  assert.deepEqual(route.hops.slice(1).map(({ probes }) => probes), Array(3).fill([LOST, LOST, LOST]));
  assert.match(traceroute.summarize(route), /^10\.9\.42\.1: not reached.*\n2: 3 of 3 probes unanswered\n/s);
});

Deno.test("traceroute says why nothing was sent", async () => {
  const none = await parsedWhole(traceroute, recorded("traceroute_no_route"));
  assert.deepEqual([none.target, none.hops, none.error], [
    "10.77.0.1",
    [],
    "connect: Network is unreachable",
  ]);
  assert.equal(none.incomplete, null);
  const denied = await parsedWhole(traceroute, recorded("traceroute_icmp_denied"));
  assert.equal(
    denied.error,
    "You do not have enough privileges to use this traceroute method.; socket: Operation not permitted",
  );
});

Deno.test("traceroute keeps the finished probes of a run that was stopped", async () => {
  const route = await parsedWhole(traceroute, { ...recorded("traceroute_stopped"), partial: true });
  assert.deepEqual([route.hops.length, hop(route, 2), route.incomplete], [2, [null, null, null], CUT]);
  const unsure = await parsedWhole(traceroute, outputOf(`${HEAD} 1  10.0.0.1  0.1 ms  0.2 ms`, "", true));
  assert.deepEqual(unsure.hops, [{ hop: 1, probes: answers("10.0.0.1", [0.1]) }]);
  const marked = await parsedWhole(traceroute, outputOf(`${HEAD} 1  10.0.0.1  0.1 ms !`, "", true));
  assert.deepEqual(marked.hops, []);
});

Deno.test("traceroute knows every mark of its manual", async () => {
  const marks = "!H !N !P !S !F !X !V !C !13 !F-1400".split(" ");
  const line = ` 1  10.0.0.1 ${marks.slice(0, 5).map((mark) => ` 0.1 ms ${mark}`).join(" ")}\n`;
  const next = ` 2  10.0.0.2 ${marks.slice(5).map((mark) => ` 0.1 ms ${mark}`).join(" ")}\n`;
  const route = await parsedWhole(traceroute, outputOf(HEAD + line + next));
  assert.deepEqual(route.hops.flatMap(({ probes }) => probes.map(({ error }) => error)), [
    "host unreachable",
    "network unreachable",
    "protocol unreachable",
    "source route failed",
    "fragmentation needed",
    "communication administratively prohibited",
    "host precedence violation",
    "precedence cutoff in effect",
    "unreachable, ICMP code 13",
    "fragmentation needed, MTU 1400",
  ]);
  assert.equal(route.incomplete, null);
});

Deno.test("traceroute counts what it does not understand and limits what it keeps", async () => {
  const strange = await parsedWhole(
    traceroute,
    outputOf(`${HEAD} 1  a.lab  10.0.0.1  0.1 ms <x>\nhm\n 0  *\n`),
  );
  assert.deepEqual([hop(strange, 1), strange.incomplete], [["10.0.0.1"], "4 words not understood"]);
  const many = await parsedWhole(traceroute, outputOf(`${HEAD}${" 1  * * * * * * * * * * *\n".repeat(256)}`));
  assert.deepEqual(
    [many.hops.length, many.hops[0]?.probes.length, many.incomplete],
    [255, 10, "1 hop left out"],
  );
});

Deno.test("traceroute reads nothing from what is not traceroute's", async () => {
  for (const text of ["", "hello\n", " 1  10.0.0.1  1 ms\n", "traceroute to x\n", HEAD.slice(0, -9)]) {
    assert.equal(await parsed(traceroute, outputOf(text, "cut")), null);
  }
});

Deno.test("traceroute reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole = await parsedWhole(traceroute, output);
    for (const cut of truncations(output, "stdout")) {
      const route = await parsed(traceroute, cut);
      if (route === null) continue;
      assert.ok(route.incomplete !== null);
      assert.ok(route.target === null || route.target === whole.target);
      assert.ok(!route.reached || whole.reached);
      for (const [index, { hop, probes }] of route.hops.entries()) {
        assert.equal(hop, whole.hops[index]!.hop);
        assert.deepEqual(probes, whole.hops[index]!.probes.slice(0, probes.length));
      }
    }
    for (const cut of truncations(output, "stderr")) {
      const route = await parsed(traceroute, cut);
      assert.ok((route?.error ?? null) === null || whole.error?.startsWith(route!.error!));
    }
  }
});

Deno.test("traceroute answers any bytes with null or a valid object", () => fuzz(traceroute, RECORDINGS));

Deno.test("traceroute reads floods in linear time", () =>
  flood(traceroute, [
    { repeated: HEAD },
    { before: HEAD, repeated: " 1  * * *\n" },
    { before: HEAD, repeated: ` 1  ${"* ".repeat(990)}\n` },
    { before: `${HEAD} 1  `, repeated: "10.0.0.1 " },
    { before: HEAD, repeated: ` 1  ${"a ".repeat(990)}\n` },
    { before: "traceroute to a (", repeated: "1" },
    { repeated: "error\n", stderr: true },
  ]));
