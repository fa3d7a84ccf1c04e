import assert from "node:assert/strict";
import { masscan } from "../../../src/catalog/parsers/masscan.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "masscan_arp",
  "masscan_bad_port",
  "masscan_banners",
  "masscan_not_allowed",
  "masscan_nothing",
  "masscan_open",
  "masscan_ping",
  "masscan_stopped",
];

const port = (number: number, state: "open" | "closed", protocol = "tcp") => ({
  protocol,
  port: number,
  state,
  banners: [] as { service: string; text: string }[],
});

Deno.test("masscan reads open ports and what was scanned", async () => {
  const report = await parsedWhole(masscan, recorded("masscan_open"));
  assert.deepEqual(report, {
    scanned_addresses: 4,
    ports_per_address: 3,
    sent_percent: 100,
    hosts: [{
      address: "10.77.0.2",
      mac: null,
      answers_ping: false,
      ports: [port(22, "open"), port(80, "open")],
    }],
    errors: [],
    incomplete: null,
  });
  assert.equal(
    masscan.summarize(report),
    "1 host answered of 4 addresses with 3 ports each\n10.77.0.2: open 22/tcp, 80/tcp",
  );
});

Deno.test("masscan reads closed ports, replies to echo requests and banners", async () => {
  const report = await parsedWhole(masscan, recorded("masscan_banners"));
  const [first, second] = report.hosts;
  assert.deepEqual(second, {
    address: "10.77.0.3",
    mac: null,
    answers_ping: true,
    ports: [
      port(21, "closed"),
      port(22, "closed"),
      port(53, "closed", "udp"),
      port(80, "closed"),
      port(81, "closed"),
      port(8000, "closed"),
    ],
  });
  assert.deepEqual(first?.ports.map(({ port, state }) => `${port} ${state}`), [
    "21 open",
    "22 open",
    "53 closed",
    "80 open",
    "81 closed",
    "8000 open",
  ]);
  assert.deepEqual(first?.ports.flatMap(({ banners }) => banners), [
    { service: "ftp", text: String.raw`220 say \x22hi\x22 },\x0a` },
    { service: "ssh", text: "SSH-2.0-lab_1" },
    { service: "http.server", text: String.raw`la\x22b\x5c\x1b[31m` },
    { service: "title", text: String.raw`hi \x22x\x22 \x0a}, \xff` },
    {
      service: "http",
      text: String
        .raw`HTTP/1.0 200 OK\x0d\x0aServer: la\x22b\x5c\x1b[31m\x0d\x0aContent-Type: text/html\x0d\x0a\x0d`,
    },
  ]);
  const summary = masscan.summarize(report).split("\n");
  assert.equal(summary[1], "10.77.0.2: open 21/tcp, 22/tcp, 80/tcp, 8000/tcp; 2 closed ports; answers ping");
  assert.equal(summary[3], "  22/tcp ssh: SSH-2.0-lab_1");
  assert.equal(summary.at(-1), "10.77.0.3: 6 closed ports; answers ping");
});

Deno.test("masscan reads a scan that found nothing", async () => {
  const report = await parsedWhole(masscan, recorded("masscan_nothing"));
  assert.deepEqual([report.hosts, report.sent_percent, report.incomplete], [[], 100, null]);
  assert.equal(masscan.summarize(report), "0 hosts answered of 1 address with 2 ports each");
});

Deno.test("masscan reads scans without ports", async () => {
  const ping = await parsedWhole(masscan, recorded("masscan_ping"));
  assert.deepEqual([ping.scanned_addresses, ping.ports_per_address], [8, 0]);
  assert.deepEqual(ping.hosts.map(({ address, answers_ping }) => [address, answers_ping]), [
    ["10.77.0.2", true],
    ["10.77.0.3", true],
  ]);
  assert.match(masscan.summarize(ping), /^2 hosts answered of 8 addresses\n10\.77\.0\.2: answers ping\n/);
  const arp = await parsedWhole(masscan, recorded("masscan_arp"));
  assert.deepEqual(arp.hosts.map(({ address, mac, ports }) => [address, mac, ports]), [
    ["10.77.0.2", "b6:e4:df:25:5f:bd", []],
    ["10.77.0.3", "b6:e4:df:25:5f:bd", []],
  ]);
  assert.match(masscan.summarize(arp), /\n10\.77\.0\.2: hardware address b6:e4:df:25:5f:bd\n/);
});

Deno.test("masscan keeps the findings of a scan that was stopped, and says how far it came", async () => {
  const report = await parsedWhole(masscan, { ...recorded("masscan_stopped"), partial: true });
  assert.deepEqual(report.hosts.map(({ address, ports }) => [address, ports.map(({ port }) => port)]), [
    ["10.77.0.2", [21, 22, 80]],
  ]);
  assert.equal(report.incomplete, "output is only the beginning of the scan, 75 % of it sent");
});

Deno.test("masscan says why a scan did not begin", async () => {
  const denied = await parsedWhole(masscan, recorded("masscan_not_allowed"));
  assert.deepEqual(denied.errors, ["permission denied", "if:bhb0:init: failed"]);
  const bad = await parsedWhole(masscan, recorded("masscan_bad_port"));
  assert.equal(bad.errors[0], "bad target port: 1-70000");
  assert.match(masscan.summarize(bad), /^0 hosts answered\nmasscan: bad target port: 1-70000\n/);
});

Deno.test("masscan orders hosts and ports by number and joins what belongs together", async () => {
  const report = await parsedWhole(
    masscan,
    outputOf([
      "Discovered open port 443/tcp on 10.0.0.10   ",
      "Banner on port 80/tcp on 10.0.0.9: [http] a  ",
      "Discovered open port 80/tcp on 10.0.0.10",
      "Discovered open port 443/tcp on 10.0.0.10",
      "Discovered open port 80/tcp on 10.0.0.9",
      "Discovered open port 0/arp on 10.0.0.8",
      "",
    ].join("\n")),
  );
  assert.deepEqual(report.hosts, [
    { address: "10.0.0.8", mac: null, answers_ping: false, ports: [] },
    {
      address: "10.0.0.9",
      mac: null,
      answers_ping: false,
      ports: [{ ...port(80, "open"), banners: [{ service: "http", text: "a" }] }],
    },
    { address: "10.0.0.10", mac: null, answers_ping: false, ports: [port(80, "open"), port(443, "open")] },
  ]);
  assert.match(masscan.summarize(report), /^3 hosts answered\n10\.0\.0\.8: up\n/);
});

Deno.test("masscan limits what it keeps and says so", async () => {
  const lines = Array.from(
    { length: 66_000 },
    (_, index) => `Discovered open port ${index % 60_000}/tcp on 10.0.0.${index < 60_000 ? 1 : 2}\n`,
  );
  const many = await parsedWhole(masscan, outputOf(lines.join("")));
  assert.deepEqual(many.hosts.map(({ ports }) => ports.length), [60_000, 5536]);
  assert.equal(many.incomplete, "464 more findings left out");
  const banner = "Banner on port 80/tcp on 10.0.0.1: [http] ";
  const long = await parsedWhole(
    masscan,
    outputOf(`${banner}${"x".repeat(1200)}\n${`${banner}y\n`.repeat(17)}`),
  );
  const banners = long.hosts[0]?.ports[0]?.banners ?? [];
  assert.deepEqual([banners.length, banners[0]?.text.length], [16, 1000]);
  assert.equal(long.incomplete, "2 more findings left out; 1 long banner cut");
});

Deno.test("masscan reads nothing from what is not masscan's", async () => {
  for (
    const text of [
      "",
      "hello\n",
      "Discovered open port x/tcp on 10.0.0.1\n",
      "Discovered open port 1/tcp on \n",
    ]
  ) {
    assert.equal(await parsed(masscan, outputOf(text)), null);
  }
  const wrong = await parsed(masscan, outputOf("Discovered open port 70000/tcp on 10.0.0.1\n"));
  assert.deepEqual(wrong?.hosts, [{ address: "10.0.0.1", mac: null, answers_ping: false, ports: [] }]);
});

Deno.test("masscan reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of RECORDINGS) {
    const output = recorded(name);
    const whole = await parsedWhole(masscan, output);
    const findings = new Map(whole.hosts.map(({ address, ports }) => [address, new Set(ports.map(keyOf))]));
    for (const cut of truncations(output, "stdout")) {
      const report = await parsedWhole(masscan, cut);
      assert.ok(report.incomplete !== null);
      for (const { address, ports } of report.hosts) {
        for (const found of ports) assert.ok(findings.get(address)?.has(keyOf(found)));
      }
    }
    for (const cut of truncations(output, "stderr")) {
      const report = await parsed(masscan, cut);
      assert.ok(report === null || report.errors.every((error) => whole.errors.includes(error)), name);
    }
  }
});

function keyOf({ port, protocol, state }: { port: number; protocol: string; state: string | null }): string {
  return `${port}/${protocol} ${state}`;
}

Deno.test("masscan answers any bytes with null or a valid object", () => fuzz(masscan, RECORDINGS));

Deno.test("masscan reads floods in linear time", () =>
  flood(masscan, [
    { repeated: "Discovered open port 80/tcp on 10.0.0.1\n" },
    { repeated: "Discovered open port " },
    { repeated: "Banner on port 80/tcp on 10.0.0.1: [x] y\n" },
    { before: "Banner on port 80/tcp on 10.0.0.1: [", repeated: "x", after: "\n" },
    { before: "Banner on port 80/tcp on 10.0.0.1: [x] ", repeated: " ", after: "\u2028x\n" },
    { repeated: "rate:  0.00-kpps, 100.00% done, waiting 0-secs, found=0       \r", stderr: true },
    { repeated: "\r", stderr: true },
    { repeated: "x\n", stderr: true },
    { before: "rate: ", repeated: " ", after: "\r", stderr: true },
  ]));
