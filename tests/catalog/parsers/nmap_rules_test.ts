import assert from "node:assert/strict";
import { nmapXml } from "../../../src/catalog/parsers/nmap_xml.ts";
import type { NmapScript } from "../../../src/catalog/parsers/nmap_schema.ts";
import { outputOf, parsedWhole, recorded } from "./outputs.ts";

function valuesOf(script: NmapScript | undefined): Record<string, string> {
  return Object.fromEntries((script?.values ?? []).map(({ path, value }) => [path, value]));
}

Deno.test("scripts at ports have their answer, and its parts by path", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_scripts"));
  assert.equal(scan.incomplete, null);
  const [web, tls, ssh] = scan.hosts[0]!.ports;
  const script = (id: string, port = web) => port?.scripts.find((each) => each.id === id);
  assert.match(script("http-headers")?.output ?? "", /^\n {2}server: lab\/1\.0\n/);
  assert.equal(script("http-robots.txt")?.output, "2 disallowed entries \n/private /</host>");
  assert.deepEqual(valuesOf(script("http-title", tls)), { title: "TLS lab" });
  const certificate = valuesOf(script("ssl-cert", tls));
  assert.equal(certificate["subject/organizationName"], 'Lab & "Sons" </host>');
  assert.equal(certificate["extensions/3/name"], "X509v3 Subject Alternative Name");
  assert.match(certificate["pem"] ?? "", /^-----BEGIN CERTIFICATE-----\n[^]*-----END CERTIFICATE-----\n$/);
  const algorithms = valuesOf(script("ssh2-enum-algos", ssh));
  assert.deepEqual(
    [algorithms["server_host_key_algorithms/0"], algorithms["server_host_key_algorithms/1"]],
    ["ssh-ed25519", "ecdsa-sha2-nistp256"],
  );
  const keys = valuesOf(script("ssh-hostkey", ssh));
  assert.deepEqual([keys["0/type"], keys["1/type"]], ["ecdsa-sha2-nistp256", "ssh-ed25519"]);
});

Deno.test("scripts of a host and of the whole scan are told apart from those of ports", async () => {
  const scan = await parsedWhole(nmapXml, recorded("nmap_host_scripts"));
  assert.deepEqual(scan.hosts.map(({ scripts }) => scripts.map(({ id, values }) => [id, values])), [
    [["port-states", [{ path: "tcp/open", value: "28122" }, { path: "tcp/closed", value: "28123" }]]],
    [["port-states", [{ path: "tcp/open", value: "28122" }, { path: "tcp/closed", value: "28123" }]]],
  ]);
  assert.deepEqual(scan.scripts.map(({ id }) => id), ["ssh-hostkey"]);
  assert.match(scan.scripts[0]?.output ?? "", /^Possible duplicate hosts\n/);
  assert.equal(valuesOf(scan.scripts[0])["0/hosts/1"], "127.0.0.2");
});

Deno.test("the summary has the answers of scripts, line by line and indented", async () => {
  const summary = nmapXml.summarize(await parsedWhole(nmapXml, recorded("nmap_scripts")));
  assert.match(summary, /\n {4}http-title: TLS lab\n/);
  assert.match(summary, /\n {4}http-robots\.txt:\n {6}2 disallowed entries\n {6}\/private \/<\/host>\n/);
  const whole = nmapXml.summarize(await parsedWhole(nmapXml, recorded("nmap_host_scripts")));
  assert.match(whole, /\nssh-hostkey:\n {2}Possible duplicate hosts\n/);
  assert.match(whole, /\n {2}port-states:\n {4}tcp:\n {4}open: 28122\n {4}closed: 28123\n/);
});

Deno.test("the summary names a port that is not open when a script looked at it, and shortens long answers", async () => {
  const output = Array.from({ length: 33 }, (_, line) => `line ${line}`).join("&#10;");
  const scan = await parsedWhole(
    nmapXml,
    outputOf(
      '<nmaprun><host><address addr="127.0.0.1"/><ports><port protocol="udp" portid="137">' +
        `<state state="open|filtered"/><script id="a" output="${output}"/></port></ports></host></nmaprun>`,
    ),
  );
  assert.match(
    nmapXml.summarize(scan),
    /\n {2}137\/udp open\|filtered\n {4}a:\n {6}line 0\n[^]* {6}line 29\n {6}\(3 more lines\)$/,
  );
});

Deno.test("a script without an answer of its own, and parts that are named alike, are kept as they are", async () => {
  const scan = await parsedWhole(
    nmapXml,
    outputOf(
      '<nmaprun><prescript><script id="a"><elem key="__proto__">1</elem><elem key="__proto__">2</elem>' +
        '<table><table key="t"><elem/></table></table><elem>3</elem></script></prescript></nmaprun>',
    ),
  );
  assert.deepEqual(scan.scripts, [{
    id: "a",
    output: "",
    values: [
      { path: "__proto__", value: "1" },
      { path: "__proto__", value: "2" },
      { path: "0/t/0", value: "" },
      { path: "1", value: "3" },
    ],
  }]);
});
