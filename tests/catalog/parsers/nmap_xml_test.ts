import assert from "node:assert/strict";
import { nmapXml } from "../../../src/catalog/parsers/nmap_xml.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "nmap_bad_port",
  "nmap_host_scripts",
  "nmap_host_timeout",
  "nmap_ipv6",
  "nmap_name",
  "nmap_no_ipv6",
  "nmap_os",
  "nmap_scripts",
  "nmap_services",
  "nmap_two_hosts",
  "nmap_udp",
];

const HOST =
  '<host><status state="up" reason="echo-reply"/><address addr="127.0.0.1" addrtype="ipv4"/></host>';

/** A report with the given children of its root. */
function report(children: string): string {
  return `<?xml version="1.0"?>\n<!DOCTYPE nmaprun>\n<nmaprun version="7.93">${children}</nmaprun>\n`;
}

Deno.test("nmap_xml says what nmap warned of: it ends with 0 although it scanned nothing", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_no_ipv6"));
  assert.deepEqual([scan.hosts_total, scan.error], [0, null]);
  assert.match(scan.warnings[0] ?? "", /you have to use the -6 option/);
  assert.match(nmapXml.summarize(scan), /\nnmap warns: .*-6 option/);
  const many = await parsed(nmapXml, outputOf(report(HOST), "\u001b[31mred\n\n".repeat(100)));
  assert.deepEqual(many?.warnings, Array(20).fill("[31mred"));
});

Deno.test("nmap_xml reads services, their versions and the answers of scripts", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_services"));
  assert.equal(scan.nmap_version, "7.93");
  assert.equal(scan.arguments, "nmap -n -oX - -sT -sV --script banner -p 18021,18022,18025,18030 127.0.0.1");
  assert.deepEqual([scan.exit, scan.error, scan.incomplete], ["success", null, null]);
  assert.deepEqual([scan.hosts_up, scan.hosts_down, scan.hosts_total], [1, 0, 1]);
  assert.ok(scan.elapsed_sec !== null && scan.elapsed_sec > 0);
  const [host] = scan.hosts;
  assert.ok(host);
  assert.deepEqual([host.address, host.address_family, host.mac], ["127.0.0.1", "ipv4", null]);
  assert.deepEqual([host.state, host.reason], ["up", "localhost-response"]);
  assert.deepEqual(host.ports.map(({ port, state }) => [port, state]), [
    [18021, "open"],
    [18022, "open"],
    [18025, "open"],
    [18030, "closed"],
  ]);
  assert.deepEqual(host.ports[1], {
    port: 18022,
    protocol: "tcp",
    state: "open",
    reason: "syn-ack",
    service: {
      name: "ssh",
      product: "OpenSSH",
      version: "9.2p1 Debian 2+deb12u3",
      extra_info: "protocol 2.0",
      tunnel: null,
      method: "probed",
      confidence: 10,
      cpe: ["cpe:/a:openbsd:openssh:9.2p1", "cpe:/o:linux:linux_kernel"],
    },
    scripts: [{ id: "banner", output: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", values: [] }],
  });
  assert.match(
    nmapXml.summarize(scan),
    /^1 host up of 1 scanned in [0-9.]+ s\n127\.0\.0\.1 \(up\): 3 open, 1 closed\n/,
  );
  assert.match(
    nmapXml.summarize(scan),
    /\n {2}18022\/tcp open ssh OpenSSH 9\.2p1 Debian 2\+deb12u3 \(protocol 2\.0\)\n/,
  );
});

Deno.test("nmap_xml keeps markup in a banner as text", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_services"));
  assert.equal(scan.hosts.length, 1);
  const output = scan.hosts[0]?.ports[0]?.scripts[0]?.output ?? "";
  assert.ok(output.startsWith('220 ProFTPD 1.3.5\\x01\\x1B[31m Server (</host>\\x02\\xFF"--><!--)'));
});

Deno.test("nmap_xml counts the ports that nmap did not list", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_two_hosts"));
  assert.deepEqual(scan.hosts.map(({ extra_ports }) => extra_ports), [
    [{ state: "closed", count: 98, reasons: [{ reason: "conn-refused", count: 98 }] }],
    [{ state: "closed", count: 101, reasons: [{ reason: "conn-refused", count: 101 }] }],
  ]);
  assert.match(nmapXml.summarize(scan), /\n127\.0\.0\.1 \(up\): 3 open, 98 closed\n/);
  assert.match(nmapXml.summarize(scan), /\n127\.0\.0\.2 \(up\): 101 closed$/);
});

Deno.test("nmap_xml reads IPv6 addresses, names, UDP and guesses at the system", async () => {
  const ipv6 = await parsedWhole(nmapXml, recorded("nmap_ipv6"));
  assert.deepEqual([ipv6.hosts[0]?.address, ipv6.hosts[0]?.address_family], ["::1", "ipv6"]);
  const name = await parsedWhole(nmapXml, recorded("nmap_name"));
  assert.deepEqual(name.hosts[0]?.hostnames, ["localhost"]);
  const udp = await parsedWhole(nmapXml, recorded("nmap_udp"));
  assert.equal(udp.hosts[0]?.ports[0]?.protocol, "udp");
  const os = await parsedWhole(nmapXml, recorded("nmap_os"));
  assert.deepEqual(os.hosts[0]?.os[0], {
    name: "Linux 5.0 - 5.2",
    accuracy: 97,
    classes: [{
      vendor: "Linux",
      family: "Linux",
      generation: "5.X",
      type: "general purpose",
      accuracy: 97,
      cpe: ["cpe:/o:linux:linux_kernel:5"],
    }],
  });
});

Deno.test("nmap_xml says what nmap gave up on", async () => {
  const error = await parsedWhole(nmapXml, recorded("nmap_bad_port"));
  assert.deepEqual([error.exit, error.error], [
    "error",
    "Ports specified must be between 0 and 65535 inclusive",
  ]);
  assert.deepEqual([error.nmap_version, error.arguments, error.incomplete], [null, null, null]);
  const timeout = await parsedWhole(nmapXml, recorded("nmap_host_timeout"));
  assert.equal(timeout.incomplete, "nmap gave up on 2 hosts at its host timeout");
});

Deno.test("nmap_xml reads a MAC address, host scripts and a TLS tunnel", async () => {
  const scan = await parsedWhole(
    nmapXml,
    outputOf(report(
      '<host><status state="up"/><address addr="02:00:00:00:00:01" addrtype="mac" vendor="Lab"/><address addr="127.0.0.9"/>' +
        '<ports><port protocol="tcp" portid="443"><state state="open"/>' +
        '<service name="http" tunnel="ssl" method="probed" conf="11"/></port></ports>' +
        '<hostscript><script id="a" output="b"/></hostscript></host>',
    )),
  );
  const [host] = scan.hosts;
  assert.deepEqual([host?.address, host?.address_family], ["127.0.0.9", "ipv4"]);
  assert.deepEqual([host?.mac, host?.mac_vendor], ["02:00:00:00:00:01", "Lab"]);
  assert.deepEqual([host?.reason, host?.scripts], [null, [{ id: "a", output: "b", values: [] }]]);
  const service = host?.ports[0]?.service;
  assert.deepEqual([service?.tunnel, service?.confidence], ["ssl", null]);
  assert.match(nmapXml.summarize(scan), /443\/tcp open ssl\/http\n {2}a: b$/);
});

Deno.test("nmap_xml lets no value be a number that it is not", async () => {
  const port = (id: string) => `<port protocol="tcp" portid="${id}"><state state="open"/></port>`;
  const scan = await parsedWhole(
    nmapXml,
    outputOf(report(
      `<host><address addr="127.0.0.1"/><ports><extraports state="closed" count="-1"/>${port("80")}${
        port("65536")
      }` +
        `${port("NaN")}${port("")}</ports><os><osmatch name="x" accuracy="1e9"/></os></host>` +
        '<runstats><finished elapsed="Infinity" exit="maybe"/><hosts up="0x10" down=" 1" total="99999999999999999"/>' +
        "</runstats>",
    )),
  );
  assert.deepEqual(scan.hosts[0]?.ports.map((each) => each.port), [80]);
  assert.deepEqual(scan.hosts[0]?.extra_ports, [{ state: "closed", count: 0, reasons: [] }]);
  assert.deepEqual(scan.hosts[0]?.os, [{ name: "x", accuracy: null, classes: [] }]);
  assert.deepEqual(
    [scan.elapsed_sec, scan.exit, scan.hosts_up, scan.hosts_down, scan.hosts_total],
    [null, null, null, null, null],
  );
  assert.equal(scan.incomplete, "3 ports could not be read");
});

Deno.test("nmap_xml loses one host, not the scan, to an undefined entity or a missing address", async () => {
  const bad = '<host><address addr="&unknown;"/></host><host><status state="up"/></host><host><a></b></host>';
  const scan = await parsedWhole(nmapXml, outputOf(report(HOST + bad + HOST)));
  assert.equal(scan.hosts.length, 2);
  assert.equal(scan.incomplete, "3 hosts could not be read; 1 other element could not be read");
});

Deno.test("nmap_xml survives characters that XML forbids", async () => {
  const host = HOST.replace("echo-reply", "a&#1;b\u0002c&#xFFFF;d&#x0A;e\r\nf&#55296;");
  const scan = await parsedWhole(nmapXml, outputOf(report(host)));
  assert.equal(scan.hosts[0]?.reason, "a\ufffdb\ufffdc\ufffdd\ne f\ufffd");
  assert.equal(scan.incomplete, null);
});

Deno.test("nmap_xml refuses documents that define entities, and other documents", async () => {
  const evil =
    '<!DOCTYPE nmaprun [<!ENTITY a SYSTEM "file:///etc/hostname">]><nmaprun><host>&a;</host></nmaprun>';
  for (
    const text of [evil, "", "Starting Nmap", "<html></html>", "<nmaprun", "<nmaprun x=1>", "</nmaprun>"]
  ) {
    assert.equal(await parsed(nmapXml, outputOf(text)), null, text);
  }
  const external = '<!DOCTYPE nmaprun SYSTEM "nmap.dtd"><nmaprun></nmaprun>';
  assert.deepEqual((await parsedWhole(nmapXml, outputOf(external))).hosts, []);
});

Deno.test("nmap_xml is not ended by an end tag in a value, a comment or a CDATA section", async () => {
  const inserted = [
    '<script id="x" output="&lt;/host&gt;&lt;/nmaprun&gt;"/>',
    `<script id=">" output='"/>'/>`,
    "<!-- </host></nmaprun> -->",
    "<![CDATA[</host></nmaprun>]]>",
    '<?x </host></nmaprun> "?>',
  ];
  const hosts = inserted.map((markup) => HOST.replace("<status", `${markup}<status`)).join("\n");
  const scan = await parsedWhole(nmapXml, outputOf(report(hosts)));
  assert.deepEqual([scan.hosts.length, scan.incomplete], [5, null]);
  const cut = await parsedWhole(nmapXml, outputOf(report(hosts).slice(0, -"</nmaprun>\n".length)));
  assert.equal(cut.incomplete, "output ended after 5 whole hosts; later hosts are missing");
});

Deno.test("nmap_xml says which hosts a cut report still has", async () => {
  const text = new TextDecoder().decode(recorded("nmap_two_hosts").stdout);
  const secondHost = text.lastIndexOf("<host ");
  const cases: [number, number, string][] = [
    [text.indexOf("<host ") + 20, 0, "output ended before any whole host"],
    [secondHost + 20, 1, "output ended after 1 whole host; later hosts are missing"],
    [text.indexOf("<runstats>") + 5, 2, "output ended after 2 whole hosts; later hosts are missing"],
    [text.indexOf("</nmaprun>"), 2, "output ended before its closing tag; no host is missing"],
  ];
  for (const [length, hosts, incomplete] of cases) {
    const scan = await parsedWhole(nmapXml, outputOf(text.slice(0, length), "", true));
    assert.deepEqual([scan.hosts.length, scan.incomplete], [hosts, incomplete]);
    assert.match(nmapXml.summarize(scan), /\nIncomplete: output ended /);
  }
});

Deno.test("nmap_xml reads a report that is cut anywhere, and says so", async () => {
  for (const name of ["nmap_two_hosts", "nmap_services", "nmap_host_scripts"]) {
    const output = recorded(name);
    const whole = await parsedWhole(nmapXml, output);
    for (const cut of truncations(output, "stdout")) {
      const scan = await parsed(nmapXml, cut);
      if (scan === null) continue;
      assert.deepEqual(scan.hosts, whole.hosts.slice(0, scan.hosts.length));
      // Only the line feed after the closing tag may be missing without a loss.
      assert.equal(scan.incomplete === null, cut.stdout.length === output.stdout.length - 1);
    }
  }
});

Deno.test("nmap_xml summary gives strangers' names no line of their own and stays short", async () => {
  const host = HOST.replace(
    "</host>",
    '<hostnames><hostname name="a&#10;b&#x1b;[31m&#x202e;c"/></hostnames></host>',
  );
  const scan = await parsedWhole(nmapXml, outputOf(report(host.repeat(1000))));
  const lines = nmapXml.summarize(scan).split("\n");
  assert.equal(lines[1], "127.0.0.1 a b\ufffd[31m c (up)");
  assert.deepEqual([lines.length, lines.at(-1)], [201, "(more lines are left out)"]);
});

Deno.test("nmap_xml answers any bytes with null or a valid object", () => fuzz(nmapXml, RECORDINGS));

Deno.test("nmap_xml reads floods in linear time", () =>
  flood(nmapXml, [
    { repeated: "<" },
    { before: "<nmaprun>", repeated: "<a>" },
    { before: "<nmaprun>", repeated: "<a '" },
    { before: "<nmaprun>", repeated: "<!--" },
    { before: "<nmaprun>", repeated: '<a b="' },
    { before: "<nmaprun>", repeated: "<host/>" },
    { before: "<nmaprun>", repeated: "<host></host>" },
    { before: "<nmaprun>", repeated: HOST },
    { before: "<nmaprun><host>", repeated: "\r", after: "</host></nmaprun>" },
    { before: "<nmaprun><host>", repeated: "&amp;", after: "</host></nmaprun>" },
    { before: "<nmaprun><host>", repeated: "&#1;", after: "</host></nmaprun>" },
    { before: "<nmaprun><host>", repeated: "\u{1f600}", after: "</host></nmaprun>" },
    { before: '<nmaprun><host a="', repeated: "&#10;x", after: '"></host></nmaprun>' },
    { before: '<nmaprun a="', repeated: "\t" },
    { before: "<nmaprun><host>" + "<a>".repeat(150_000), repeated: "</a>", after: "</host></nmaprun>" },
    { before: "<nmaprun><host><ports>", repeated: '<port portid="1"/>', after: "</ports></host></nmaprun>" },
  ]));
