/**
 * What 50 MB of nmap's XML cost, and for how long at a time everybody else on the thread has to wait meanwhile. The
 * longest wait is printed after each report: a timer that is due every millisecond notices it. On a busy machine the
 * thread itself waits for a processor, so a wait counts only as far as this process was at work in it.
 *
 *     deno task bench
 *
 * @module
 */
import process from "node:process";
import { nmapXml } from "../../src/catalog/parsers/nmap_xml.ts";

const BYTES = 50_000_000;

const SCRIPT =
  '<script id="ssl-cert" output="Subject: commonName=web.lab.internal&#xa;Issuer: commonName=lab&#xa;' +
  'Public Key type: rsa"><table key="subject"><elem key="commonName">web.lab.internal</elem></table>' +
  '<table key="extensions"><table><elem key="name">X509v3 &quot;x&quot;</elem></table></table></script>';
const PORT = '<port protocol="tcp" portid="443"><state state="open" reason="syn-ack" reason_ttl="0"/>' +
  '<service name="http" product="nginx" version="1.22.1" tunnel="ssl" method="probed" conf="10">' +
  `<cpe>cpe:/a:igor_sysoev:nginx:1.22.1</cpe></service>${SCRIPT}</port>\n`;
const HOST = '<host starttime="1" endtime="2"><status state="up" reason="echo-reply" reason_ttl="0"/>' +
  '<address addr="10.0.0.1" addrtype="ipv4"/><address addr="02:00:00:00:00:01" addrtype="mac" vendor="Lab"/>' +
  '<hostnames><hostname name="web.lab.internal" type="PTR"/></hostnames>' +
  `<ports><extraports state="closed" count="995"><extrareasons reason="conn-refused" count="995"/></extraports>` +
  `${PORT.repeat(5)}</ports></host>\n`;

const reports: Readonly<Record<string, readonly [before: string, repeated: string, after: string]>> = {
  "many hosts": ["", HOST, ""],
  "one host with very many ports": ['<host><address addr="10.0.0.1"/><ports>', PORT, "</ports></host>"],
  "one script with very many values": [
    '<host><address addr="10.0.0.1"/><hostscript><script id="a" output="b">',
    '<elem key="c">d&amp;e</elem>',
    "</script></hostscript></host>",
  ],
  "scripts as long as they are read, all character references": [
    '<host><address addr="10.0.0.1"/><hostscript>',
    `<script id="a" output="${"&#xa;".repeat(6500)}"/>`,
    "</hostscript></host>",
  ],
  "one endless value": ['<host><hostscript><script id="a" output="', "&#xa;text", '"/></hostscript></host>'],
  "malformed tags": ["<host><ports>", "<port x=&y;>", "</ports></host>"],
};

/** Time that passed, and processor time of this process, in milliseconds. */
function reading(): { passed: number; worked: number } {
  const { user, system } = process.cpuUsage();
  return { passed: performance.now(), worked: (user + system) / 1000 };
}

/** The longest that a timer had to wait while `work` went on, in milliseconds. */
async function longestHoldMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = reading();
  const look = () => {
    const now = reading();
    longest = Math.max(longest, Math.min(now.passed - last.passed, now.worked - last.worked));
    last = now;
  };
  const timer = setInterval(look, 1);
  await work();
  clearInterval(timer);
  look();
  return longest;
}

for (const [name, [before, repeated, after]] of Object.entries(reports)) {
  Deno.bench({
    name: `50 MB: ${name}`,
    n: 1,
    warmup: 0,
    fn: async (bench) => {
      const middle = repeated.repeat(Math.ceil(BYTES / repeated.length));
      const stdout = new TextEncoder().encode(`<nmaprun>${before}${middle}${after}</nmaprun>`);
      const output = { stdout, stderr: new Uint8Array(), partial: false };
      bench.start();
      const hold = await longestHoldMs(async () => {
        if (await nmapXml.parse(output) === null) throw new Error("it could not be read");
      });
      bench.end();
      // deno-lint-ignore no-console -- a benchmark prints what it measured
      console.error(`  longest hold ${hold.toFixed(1)} ms`);
    },
  });
}
