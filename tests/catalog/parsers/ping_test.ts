import assert from "node:assert/strict";
import { ping, type PingReport } from "../../../src/catalog/parsers/ping.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "ping_denied",
  "ping_filtered",
  "ping_ipv6",
  "ping_no_host",
  "ping_no_route",
  "ping_odd_answers",
  "ping_ok",
  "ping_silent",
  "ping_small",
  "ping_stopped",
  "ping_too_long",
  "ping_ttl",
  "ping_unreachable_ipv6",
];

const CUT = "standard output is only the beginning";
const NO_STATISTICS = "the statistics are missing";

const reply = (sequence: number, address: string, time_ms: number | null, remarks: string[] = []) => ({
  sequence,
  address,
  bytes: time_ms === null ? 12 : 64,
  ttl: 62,
  time_ms,
  remarks,
});

/** The counts of the statistics. */
const counts = ({ transmitted, received, duplicates, loss_percent }: PingReport) => [
  transmitted,
  received,
  duplicates,
  loss_percent,
];

Deno.test("ping reads answers and statistics", async () => {
  const report = await parsedWhole(ping, recorded("ping_ok"));
  assert.deepEqual(report, {
    target: "10.9.3.2",
    data_bytes: 56,
    transmitted: 3,
    received: 3,
    duplicates: 0,
    loss_percent: 0,
    rtt: { min_ms: 0.087, average_ms: 0.108, max_ms: 0.126, deviation_ms: 0.016 },
    replies: [reply(1, "10.9.3.2", 0.087), reply(2, "10.9.3.2", 0.112), reply(3, "10.9.3.2", 0.126)],
    errors: [],
    error: null,
    incomplete: null,
  });
  assert.equal(
    ping.summarize(report),
    "10.9.3.2: 3 of 3 requests answered, 0 % lost\n" +
      "Round trip: min 0.087 ms, average 0.108 ms, max 0.126 ms, deviation 0.016 ms\n" +
      "1: 10.9.3.2: 0.087 ms, TTL 62\n2: 10.9.3.2: 0.112 ms, TTL 62\n3: 10.9.3.2: 0.126 ms, TTL 62",
  );
});

Deno.test("ping reads IPv6", async () => {
  const report = await parsedWhole(ping, recorded("ping_ipv6"));
  assert.deepEqual([report.target, report.data_bytes, report.incomplete], ["fd00:9:3::2", 56, null]);
  assert.deepEqual(report.replies, [reply(1, "fd00:9:3::2", 0.185), reply(2, "fd00:9:3::2", 0.115)]);
  // Newer versions put a space before the parenthesis.
  const newer = await parsedWhole(ping, outputOf("PING fd00::1 (fd00::1) 56 data bytes\n"));
  assert.deepEqual([newer.target, newer.incomplete], ["fd00::1", NO_STATISTICS]);
});

Deno.test("ping tells losses, duplicates and damaged answers apart", async () => {
  const report = await parsedWhole(ping, recorded("ping_odd_answers"));
  assert.deepEqual(counts(report), [5, 3, 1, 40]);
  assert.deepEqual(report.replies, [
    reply(3, "10.9.3.2", 3.43),
    reply(3, "10.9.3.2", 3.51, ["DUP!"]),
    reply(4, "10.9.3.2", 0.537, ["wrong data byte #20 should be 0x14 but was 0xff"]),
    reply(5, "10.9.3.2", 0.411),
  ]);
  assert.match(ping.summarize(report), /^10\.9\.3\.2: 3 of 5 requests answered, 40 % lost, 1 duplicate\n/);
});

for (
  const [name, address, message, times] of [
    ["ping_ttl", "10.9.1.2", "Time to live exceeded", 2],
    ["ping_filtered", "10.9.2.2", "Packet filtered", 2],
    ["ping_no_host", "10.9.2.2", "Destination Host Unreachable", 4],
    ["ping_unreachable_ipv6", "fd00:9:2::2", "Destination unreachable: No route", 2],
  ] as const
) {
  Deno.test(`ping reads the errors of hosts on the way: ${name}`, async () => {
    const report = await parsedWhole(ping, recorded(name));
    assert.deepEqual(counts(report), [times, 0, 0, 100]);
    assert.deepEqual(
      report.errors,
      Array.from({ length: times }, (_, index) => ({ address, sequence: index + 1, message })),
    );
    assert.deepEqual([report.replies, report.rtt, report.error, report.incomplete], [[], null, null, null]);
    assert.ok(ping.summarize(report).includes(`\n1: ${address} reports: ${message}\n`));
  });
}

Deno.test("ping reads silence, and requests that are too small for a time", async () => {
  const silent = await parsedWhole(ping, recorded("ping_silent"));
  assert.deepEqual([...counts(silent), silent.replies, silent.incomplete], [2, 0, 0, 100, [], null]);
  const small = await parsedWhole(ping, recorded("ping_small"));
  assert.deepEqual([small.data_bytes, small.rtt, small.incomplete], [4, null, null]);
  assert.deepEqual(small.replies, [reply(1, "10.9.3.2", null), reply(2, "10.9.3.2", null)]);
});

Deno.test("ping says why nothing was sent", async () => {
  const none = await parsedWhole(ping, recorded("ping_no_route"));
  assert.deepEqual([none.error, none.target, none.transmitted], [
    "connect: Network is unreachable",
    null,
    null,
  ]);
  assert.equal(none.incomplete, null);
  const denied = await parsedWhole(ping, recorded("ping_denied"));
  assert.match(denied.error ?? "", /socket: Operation not permitted/);
  const long = await parsedWhole(ping, recorded("ping_too_long"));
  assert.deepEqual([long.error, ...counts(long)], ["local error: message too long, mtu=1500", 2, 0, 0, 100]);
});

Deno.test("ping takes no count from a run that was stopped", async () => {
  const report = await parsedWhole(ping, { ...recorded("ping_stopped"), partial: true });
  assert.deepEqual(counts(report), [null, null, null, null]);
  assert.deepEqual([report.replies.length, report.incomplete], [3, `${CUT}; ${NO_STATISTICS}`]);
  assert.match(ping.summarize(report), /^10\.9\.3\.2: 3 answers seen\n/);
});

Deno.test("ping reads remarks, redirects and zones", async () => {
  const report = await parsedWhole(
    ping,
    outputOf([
      "PING fe80::1%eth0 (fe80::1%eth0) from fe80::2%eth0 eth0: 56 data bytes",
      "72 bytes from fe80::1%eth0: icmp_seq=1 ttl=64 (truncated)",
      "64 bytes from fe80::1%eth0: icmp_seq=2 ttl=64 time=1204 ms (DUP!) (BAD CHECKSUM!)",
      "From 10.0.0.1: icmp_seq=2 Redirect Host(New nexthop: 10.0.0.2)",
      "3 packets transmitted, 2 received, +1 duplicates, +1 corrupted, 33.3333% packet loss, time 2003ms",
      "rtt min/avg/max/mdev = 1/2.5/4/0.5 ms, pipe 2",
      "",
    ].join("\n")),
  );
  assert.equal(report.target, "fe80::1%eth0");
  assert.deepEqual(report.replies.map(({ time_ms, remarks }) => [time_ms, remarks]), [
    [null, ["truncated"]],
    [1204, ["DUP!", "BAD CHECKSUM!"]],
  ]);
  assert.deepEqual(report.errors, [
    { address: "10.0.0.1", sequence: 2, message: "Redirect Host(New nexthop: 10.0.0.2)" },
  ]);
  assert.deepEqual([...counts(report), report.rtt?.max_ms], [3, 2, 1, 33.3333, 4]);
});

Deno.test("ping limits what it keeps and says so", async () => {
  const line = "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.1 ms (DUP!)\n";
  const end = "9 packets transmitted, 9 received, 0% packet loss, time 1ms\n";
  const report = await parsedWhole(ping, outputOf(`${"x".repeat(2001)}\n${line.repeat(1002)}${end}`));
  assert.deepEqual(
    [report.replies.length, report.incomplete],
    [1000, "2 answers and errors left out; 1 long line left out"],
  );
});

Deno.test("ping reads nothing from what is not ping's", async () => {
  for (
    const text of [
      "",
      "hello\n",
      "PING a b c\n",
      "From x\n",
      "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.",
    ]
  ) {
    assert.equal(await parsed(ping, outputOf(text, "hello\nping: cut")), null);
  }
});

Deno.test("ping reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole: PingReport | null = await parsed(ping, output);
    for (const cut of truncations(output, "stdout")) {
      const report = await parsed(ping, cut);
      if (report === null || whole === null) continue;
      assert.ok(report.incomplete !== null);
      // An answer may lose only the remark of a later line.
      for (const [index, { remarks, ...facts }] of report.replies.entries()) {
        const { remarks: all, ...known }: PingReport["replies"][number] = whole.replies[index]!;
        assert.deepEqual([facts, remarks], [known, all.slice(0, remarks.length)]);
      }
      assert.deepEqual(report.errors, whole.errors.slice(0, report.errors.length));
      for (const key of ["target", "data_bytes", "transmitted", "received", "loss_percent"] as const) {
        assert.ok(report[key] === null || report[key] === whole[key], key);
      }
      assert.ok(report.rtt === null || report.rtt.max_ms === whole.rtt?.max_ms);
    }
    for (const cut of truncations(output, "stderr")) {
      const report = await parsed(ping, cut);
      assert.ok((report?.error ?? null) === null || whole?.error?.startsWith(report!.error!));
    }
  }
});

Deno.test("ping answers any bytes with null or a valid object", () => fuzz(ping, RECORDINGS));

Deno.test("ping reads floods in linear time", () =>
  flood(ping, [
    { repeated: "PING a (1) 1 data bytes\n" },
    { repeated: "PING (1" },
    { repeated: "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.1 ms (DUP!)\n" },
    { before: "1 bytes from ", repeated: "1:" },
    { repeated: `1 bytes from ${"1:".repeat(900)}\n` },
    { repeated: `1 bytes from 1: icmp_seq=1${" (a)".repeat(450)}(\n` },
    { repeated: "From 10.0.0.1 icmp_seq=1 no\n" },
    { repeated: "wrong data byte #1 should be 0x1 but was 0x2\n" },
    { repeated: `1 packets transmitted, 1 received, ${"1% packet loss".repeat(100)}\n` },
    { repeated: "rtt min/avg/max/mdev = 1/" },
    { repeated: "ping: a\n", stderr: true },
    { repeated: "\n" },
  ]));
