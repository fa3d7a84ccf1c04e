/** Names: looked up by the system's own resolver before the run, checked, and pinned into the argument list. */
import assert from "node:assert/strict";
import { BINARY, bulkheadUnder, commandLine, environment, ROOT, startHttp } from "./support/bulkhead.ts";
import { webServer } from "./support/lab.ts";
import { type Hosts, hostsOf } from "./support/namespaces.ts";
import { hasIpv6, hasProgram, TestFolder } from "./support/programs.ts";

/** Beside what is allowed by default, which has .lab.internal. */
const LOOPBACK = ["--allow-target", "loopback"];

async function call(hosts: Hosts, tool: string, target: string, ...args: string[]) {
  const { code, stdout } = await bulkheadUnder(
    hosts.wrapper,
    ["call", tool, "--json", "--target", target, ...args],
  );
  return { code, result: JSON.parse(stdout) };
}

Deno.test("curl: a name is looked up, checked and pinned; the Host header keeps it (D9)", async () => {
  if (!hasProgram("curl")) return;
  using hosts = hostsOf("127.0.0.2 web.lab.internal");
  if (hosts === null) return;
  const asked: string[] = [];
  await using lab = webServer((request) => {
    asked.push(request.headers.get("host") ?? "");
    return new Response("hello from the lab\n");
  }, "127.0.0.2");
  const { port } = new URL(lab.url);
  const { code, result } = await call(
    hosts,
    "curl",
    `http://Web.Lab.Internal:${port}/`,
    ...LOOPBACK,
  );
  assert.equal(code, 0, JSON.stringify(result));
  assert.equal(result.target, `http://web.lab.internal:${port}/`);
  assert.equal(result.parsed.status, 200);
  assert.deepEqual(asked, [`web.lab.internal:${port}`]);
  assert.deepEqual(result.argv.slice(-3), [
    "--resolve",
    `web.lab.internal:${port}:127.0.0.2`,
    `http://web.lab.internal:${port}/`,
  ]);
});

Deno.test("curl: a name that has an IPv6 address alone is pinned to that (D9)", async () => {
  if (!hasProgram("curl") || !hasIpv6()) return;
  using hosts = hostsOf("::1 six.lab.internal");
  if (hosts === null) return;
  const server = Deno.serve({ hostname: "::1", port: 0, onListen: () => {} }, () => new Response("six"));
  const { port } = server.addr;
  const { code, result } = await call(
    hosts,
    "curl",
    `http://six.lab.internal:${port}/`,
    ...LOOPBACK,
  );
  await server.shutdown();
  assert.equal(code, 0, JSON.stringify(result));
  assert.equal(result.parsed.status, 200);
  assert.deepEqual(result.argv.slice(-3, -1), ["--resolve", `six.lab.internal:${port}:::1`]);
});

Deno.test("a tool that is pinned by address is given the address alone (D9)", async () => {
  if (!hasProgram("openssl")) return;
  using hosts = hostsOf("127.0.0.2 web.lab.internal");
  if (hosts === null) return;
  const { result } = await call(hosts, "openssl", "web.lab.internal:1", ...LOOPBACK);
  assert.equal(result.target, "web.lab.internal:1");
  assert.deepEqual(result.argv.slice(-2), ["-connect", "127.0.0.2:1"]);
});

/** curl's manifest over a stand-in that leaves a trace when it is started. */
function recorder() {
  const folder = new TestFolder();
  const script = folder.script("bin/curl", `echo "$@" >> ${folder.path}/started`);
  const config = folder.write(
    "config.yaml",
    `tools: { overrides: { curl: { command: ${script} } } }\nconfinement: { tier: basic }\n`,
  );
  return {
    config: ["--config", config],
    started: () => folder.read("started"),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

const NAMES = [
  "127.0.0.1 localhost",
  "10.0.0.5 web.lab.internal both.lab.internal",
  "8.8.8.8 both.lab.internal public.lab.internal",
  "169.254.169.254 cloud.lab.internal",
  "2001:4860:4860::8888 six.lab.internal",
  "10.0.0.5 six.lab.internal",
  "10.0.0.5 web.example.com",
];

const REFUSED: readonly (readonly [title: string, name: string, error: RegExp])[] = [
  [
    "a public address beside an allowed one",
    "both.lab.internal",
    /both\.lab\.internal.* resolves to 8\.8\.8\.8 /,
  ],
  ["a public address", "public.lab.internal", /resolves to 8\.8\.8\.8 and is not allowed/],
  ["a public IPv6 address beside an allowed one", "six.lab.internal", /resolves to 2001:4860:4860::8888 /],
  ["the address of a cloud's metadata service", "cloud.lab.internal", /a cloud's metadata service/],
  ["no address", "none.lab.internal", /the name has no address/],
  ["an allowed address, but no entry for the name", "web.example.com", /outside the allowed targets/],
];

const options = { ignore: BINARY !== null };

Deno.test(
  "a name is refused, and nothing is started, for any one of its addresses (D9)",
  options,
  async () => {
    using hosts = hostsOf(...NAMES);
    if (hosts === null) return;
    using stand = recorder();
    await using server = await startHttp(stand.config, hosts.wrapper);
    for (const [title, name, error] of REFUSED) {
      const { status, body } = await server.execute("curl", { target: `http://${name}/` });
      assert.equal(status, 400, title);
      assert.equal(body.error_type, "validation_error");
      assert.match(body.detail, error, title);
      assert.equal(stand.started(), null, title);
    }
    // The stand-in does leave a trace: what is above can fail.
    const { status } = await server.execute("curl", { target: "http://web.lab.internal/" });
    assert.equal(status, 200);
    assert.match(
      stand.started() ?? "",
      /--resolve web\.lab\.internal:80:10\.0\.0\.5 http:\/\/web\.lab\.internal\/\n$/,
    );
  },
);

Deno.test(
  "without getent names are refused with the reason; addresses and localhost work",
  options,
  async () => {
    using stand = recorder();
    const args = [
      "call",
      "curl",
      ...stand.config,
      "--allow-target",
      "localhost",
      "--allow-target",
      "printer",
    ];
    const line = await commandLine(args);
    const [program, ...rest] = line.map((word) =>
      word.startsWith("--allow-run=")
        ? word.split(",").filter((path) => !path.endsWith("/getent")).join(",")
        : word
    ) as [string, ...string[]];
    const callFor = async (target: string) => {
      const { code, stderr } = await new Deno.Command(program, {
        args: [...rest, "--target", target],
        cwd: ROOT,
        clearEnv: true,
        env: environment(),
        stdin: "null",
      }).output();
      return { code, stderr: new TextDecoder().decode(stderr) };
    };
    const refused = await callFor("http://printer/");
    assert.equal(refused.code, 3, refused.stderr);
    assert.match(refused.stderr, /names cannot be resolved: the permission to run \S*getent is not granted/);
    assert.match(refused.stderr, /Give the host's address instead/);
    assert.equal(stand.started(), null);
    assert.equal((await callFor("http://localhost:8081/")).code, 0);
    assert.match(stand.started() ?? "", /--resolve localhost:8081:127\.0\.0\.1/);
  },
);

Deno.test("over HTTP the server's own listener is refused as a target, in each spelling", async () => {
  if (!hasProgram("curl")) return;
  await using server = await startHttp(["--allow-target", "loopback"]);
  const { port } = new URL(server.url);
  for (const host of ["127.0.0.1", "localhost", "LOCALHOST.", "[::ffff:127.0.0.1]"]) {
    const target = `http://${host}:${port}/livez`;
    const { status, body } = await server.execute("curl", { target });
    assert.equal(status, 400, host);
    assert.equal(body.error_type, "validation_error");
    assert.match(body.detail, /is this server's own listener/, host);
  }
});
