/** What a program receives is what the result reports, word for word: all built-in tools over a program that repeats it. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { BINARY, startHttp } from "./support/bulkhead.ts";
import { hasProgram, haveNetRaw, TestFolder } from "./support/programs.ts";

const catalog = loadCatalog([]);
assert(catalog.ok);
const MANIFESTS = catalog.manifests.map(({ manifest }) => manifest);

/** Text that a shell, a template or a careless split would change. */
const ODD = `a 'b' "c" $HOME $(id) \`id\` * ~ \\ ; | & # {host} %s`;
const AGENT = { parameters: { user_agent: ODD } };

/** Requests of each tool, and the last words that they must come to. */
const REQUESTS:
  readonly (readonly [tool: string, request: Record<string, unknown>, end: readonly string[]])[] = [
    ["curl", { target: "http://10.0.0.5/", ...AGENT }, ["--user-agent", ODD, "http://10.0.0.5/"]],
    [
      "curl",
      { target: "http://LOCALHOST:8081/?a=%24HOME&b='", extra_args: `--header 'X-Lab:  a  "b" \\ $(id)'` },
      [
        "--header",
        `X-Lab:  a  "b" \\ $(id)`,
        "--resolve",
        "localhost:8081:127.0.0.1",
        "http://localhost:8081/?a=%24HOME&b='",
      ],
    ],
    ["dig", {
      target: "::ffff:10.0.0.53",
      parameters: { name: "*.lab.internal" },
      extra_args: "+bufsize=1232",
    }, [
      ...["-q", "*.lab.internal", "+bufsize=1232", "@10.0.0.53"],
    ]],
    ["gobuster", { target: "http://[fd00::5]:8080", parameters: { mode: "dir", wordlist: "a b.txt" } }, [
      ...["-w", "FOLDER/a b.txt", "-u", "http://[fd00::5]:8080/"],
    ]],
    ["gobuster", {
      target: "Lab.Internal.",
      parameters: { mode: "dns", wordlist: "a b.txt", resolver: "10.0.0.53:5353" },
    }, ["-r", "10.0.0.53:5353", "-w", "FOLDER/a b.txt", "-d", "lab.internal"]],
    ["gobuster", {
      target: "https://10.0.0.5:443/",
      parameters: { mode: "vhost", wordlist: "a b.txt", append_domain: false },
      extra_args: `-a ${ODD.replaceAll(/[ '"$()`*~\\;|&#{}]/g, "\\$&")}`,
    }, ["-w", "FOLDER/a b.txt", "-a", ODD, "-u", "https://10.0.0.5/"]],
    ["masscan", { target: "10.0.0.9/30", parameters: { ports: 80 }, extra_args: "--rate=1000 --ttl '64'" }, [
      ...["-p", "80", "--rate", "1000", "--ttl", "64", "10.0.0.8/30"],
    ]],
    ["mtr", { target: "10.0.0.5", extra_args: "-T -P 443" }, ["-T", "-P", "443", "10.0.0.5"]],
    ["nmap", { target: "10.0.0.0/28", parameters: { scripts: ["banner", "ssl-cert"] }, extra_args: "-T 2" }, [
      ...["--script", "banner,ssl-cert", "-T2", "10.0.0.0/28"],
    ]],
    ["openssl", { target: "[FD00::5]:443", parameters: { server_name: "web.lab.internal" } }, [
      ...["-servername", "web.lab.internal", "-connect", "[fd00::5]:443"],
    ]],
    ["ping", { target: "fd00:0:0::5", parameters: { interval: 0.5 } }, ["-i", "0.5", "fd00::5"]],
    ["ssh_keyscan", { target: "10.0.0.5", parameters: { types: ["rsa", "ed25519"] } }, [
      "-t",
      "rsa,ed25519",
      "10.0.0.5",
    ]],
    ["traceroute", { target: "10.0.0.5", extra_args: "-I" }, ["-I", "10.0.0.5"]],
  ];

Deno.test("every built-in tool is among the requests", () => {
  const forms = (names: readonly string[]) => [...new Set(names)].sort();
  assert.deepEqual(
    forms(
      REQUESTS.map(([tool, { parameters }]) => `${tool} ${(parameters as { mode?: string })?.mode ?? ""}`),
    ),
    forms(MANIFESTS.flatMap(({ name, modes }) => {
      const all = Object.keys(modes);
      return all.length === 0 ? [`${name} `] : all.map((mode) => `${name} ${mode}`);
    })),
  );
});

Deno.test("argv as the program receives it is argv as the result reports it (D8)", {
  ignore: BINARY !== null,
}, async () => {
  using folder = new TestFolder();
  const script = folder.script("bin/repeat", `printf '%s\\000' "$0" "$@"`);
  folder.write("lists/a b.txt", "web\n");
  const lists = `${folder.path}/lists`;
  const overrides = Object.fromEntries(MANIFESTS.map(({ name }) => [name, { command: script }]));
  const security = { allowed_targets: ["RFC1918", "ULA", "localhost", "lab.internal"] };
  const config = folder.write(
    "config.json",
    JSON.stringify({ security, tools: { wordlist_dirs: [lists], overrides } }),
  );
  await using server = await startHttp(["--config", config]);
  for (const [tool, request, end] of REQUESTS) {
    const { capabilities, helpers } = MANIFESTS.find(({ name }) => name === tool)!;
    if (!helpers.every(hasProgram) || (capabilities.length > 0 && !haveNetRaw())) continue;
    const { status, body } = await server.execute(tool, request);
    assert.equal(status, 200, JSON.stringify(body));
    const received = body.stdout.split("\0").slice(0, -1);
    assert.deepEqual(received, body.argv);
    assert.equal(received[0], script);
    assert.deepEqual(received.slice(-end.length), end.map((word) => word.replace("FOLDER", lists)));
  }
});
