/** The checks that a configuration adds, on a server that runs: services through the prober, and runs of tools. */
import assert from "node:assert/strict";
import { closedPort, service, silent } from "../confinement/service_behaviours.ts";
import { answering } from "../confinement/service_behaviours.ts";
import { BINARY, bulkhead, inspect, printedFlags } from "./support/bulkhead.ts";
import { connectStdio } from "./support/client.ts";
import { TestFolder } from "./support/programs.ts";
import { argumentsFor, ChangingServer, letGo, linesOf, standIn, until } from "./support/reloading.ts";

const options = { ignore: BINARY !== null };

/** A check as `/health` shows it. */
interface Shown {
  readonly status: string;
  readonly message: string;
  readonly priority: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What `/health` says of each check. */
async function shown(server: ChangingServer): Promise<{ overall: string; checks: Record<string, Shown> }> {
  const body = await server.get("/health");
  return { overall: body.overall_status, checks: body.checks };
}

/** Waits until a check is found to be so; gives it. */
async function untilShown(server: ChangingServer, name: string, status: string): Promise<Shown> {
  let last: Shown | undefined;
  await until(
    `${name} ${status}`,
    async () => (last = (await shown(server)).checks[name])?.status === status,
  );
  return last!;
}

/** What of `/health` does not depend on the machine. */
const OWN = /^(?:ldap|web|gone|broken|lab_say|lab_fail|lab_wrong|lab_late)$/;

Deno.test(
  "dependencies and runs are checked, and show in /health, metrics and the log",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(
      folder,
      "say",
      'echo "to $*"',
      "target: { kinds: [host] }\nparameters: { loud: { type: boolean, flag: -l } }",
    );
    standIn(folder, "fail", "echo secret output; exit 3");
    standIn(folder, "hold", "exec sleep 60", "helpers: [sleep]");
    using ldap = service(silent);
    using web = service(answering("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"));
    using broken = service(answering("HTTP/1.1 503 secret text\r\n\r\nsecret body"));
    const config = `
health:
  check_interval_sec: 1
  timeout_sec: 1.5
  dependencies:
    - { name: ldap, tcp: "127.0.0.1:${ldap.port}", priority: critical }
    - { name: web, http: "http://localhost:${web.port}/health?key=hidden" }
    - { name: gone, tcp: "127.0.0.1:${closedPort()}", priority: important }
    - { name: broken, http: "http://127.0.0.1:${broken.port}/" }
  checks:
    - { name: lab_say, tool: say, target: 10.0.0.5, parameters: { loud: true } }
    - { name: lab_fail, tool: fail }
    - { name: lab_wrong, tool: say, target: 192.0.2.1 }
    - { name: lab_late, tool: hold, priority: important }
`;
    await using server = await ChangingServer.start(folder, config);
    const { checks, overall } = await shown(server);
    assert.equal(overall, "degraded");
    const own = Object.entries(checks).filter(([name]) => OWN.test(name));
    assert.deepEqual(
      Object.fromEntries(own.map(([name, { status, priority }]) => [name, `${status} ${priority}`])),
      {
        ldap: "healthy critical",
        web: "healthy informational",
        gone: "unhealthy important",
        broken: "unhealthy informational",
        lab_say: "healthy informational",
        lab_fail: "unhealthy informational",
        lab_wrong: "unhealthy informational",
        lab_late: "unhealthy important",
      },
    );
    assert.match(checks.gone!.message, /^no connection: Connection refused/);
    assert.equal(checks.web!.message, "it answers with status 302");
    assert.equal(checks.broken!.message, "it answers with status 503");
    assert.equal(checks.lab_fail!.message, "fail ended with exit code 3");
    assert.match(checks.lab_wrong!.message, /192\.0\.2\.1/);
    assert.match(checks.lab_late!.message, /had not ended when the time of a check was over|timed out/);
    assert.doesNotMatch(JSON.stringify(checks), /secret|hidden/);
    // Every other name is one that a configuration cannot have.
    for (const name of Object.keys(checks).filter((name) => !OWN.test(name))) {
      folder.write("taken.yaml", `health: { checks: [{ name: ${name}, tool: curl }] }`);
      const { code, stderr } = await inspect(["check", "--config", `${folder.path}/taken.yaml`]);
      assert.deepEqual([code, /is kept for the server's own checks/.test(stderr)], [2, true], name);
    }

    const metrics = await (await fetch(`${server.server.url}/metrics`)).text();
    assert.match(metrics, /^bulkhead_runs_total\{tool="say",outcome="success"\} [1-9]/m);
    assert.match(metrics, /^bulkhead_refusals_total\{tool="say",reason="invalid"\} [1-9]/m);
    assert.match(metrics, /ldap.* 1$/m);
    const warned = server.lines("a check cannot succeed as it is configured");
    assert.deepEqual(warned.map(({ check }) => check), ["lab_wrong"]);

    // What comes back is found to be back, and what goes, to be gone.
    ldap[Symbol.dispose]();
    const down = await untilShown(server, "ldap", "unhealthy");
    assert.match(down.message, /^no connection: /);
    assert.equal(await fetch(`${server.server.url}/health`).then((response) => response.status), 503);

    // The runs follow a reload; the services are those of the start.
    const from = server.server.log().length;
    await server.configure(`
health:
  check_interval_sec: 1
  dependencies: [{ name: other, tcp: "127.0.0.1:${web.port}" }]
  checks: [{ name: lab_say, tool: say, target: 10.0.0.6 }]
`);
    const [restart] = server.lines(
      "some changes need a restart of the server; until then the values from before hold",
      from,
    );
    assert.deepEqual(restart!.keys, ["health.dependencies"]);
    await until("the checks of the reload", async () => {
      const names = Object.keys((await shown(server)).checks).filter((name) =>
        OWN.test(name) || name === "other"
      );
      return names.sort().join() === "broken,gone,lab_say,ldap,web";
    });
  },
);

Deno.test("a stop does not wait for a run that is a check", options, async () => {
  using folder = new TestFolder();
  standIn(folder, "hold", `touch ${folder.path}/began; exec sleep 300`, "helpers: [sleep, touch]");
  const config =
    "health: { timeout_sec: 300, checks: [{ name: lab_late, tool: hold }] }\nconfinement: { tier: basic }\n";
  {
    await using _server = await ChangingServer.start(folder, config);
    await until("the run", () => folder.read("began") !== null);
    const startedMs = performance.now();
    assert.equal(await _server.server.stop(), 0);
    assert(performance.now() - startedMs < 15_000, "it has waited for the grace");
  }
  letGo(folder);
});

Deno.test(
  "permissions prints the places of dependencies, over stdio too, and doctor proves what they add",
  options,
  async () => {
    using folder = new TestFolder();
    using there = service(silent);
    const args = argumentsFor(
      folder,
      // Two of them at one place.
      `health: { dependencies: [{ name: a, tcp: "localhost:${there.port}" }, { name: b, http: "https://[::1]/x" }, ` +
        `{ name: c, http: "http://127.0.0.1:${there.port}" }] }`,
    );
    const net = (flags: readonly string[]) => flags.filter((flag) => flag.startsWith("--allow-net"));
    assert.deepEqual(net(await printedFlags(args)), [`--allow-net=127.0.0.1:${there.port},[::1]:443`]);
    const flags = await printedFlags([...args, "--transport", "http", "--port", "18999"]);
    assert.deepEqual(net(flags), [`--allow-net=127.0.0.1:18999,127.0.0.1:${there.port},[::1]:443`]);

    const { code, stdout, stderr } = await bulkhead(["doctor", "--json", ...args]);
    assert.equal(code, 0, stdout + stderr);
    const proofs: { name: string; ok: boolean }[] = JSON.parse(stdout).proofs;
    for (const who of ["main", "the prober"]) {
      assert.equal(proofs.some(({ name }) => name === `${who} cannot connect to 127.0.0.1:9`), true, who);
      assert.equal(proofs.some(({ name }) => name === `${who} cannot read the environment`), true, who);
    }
    assert.equal(
      proofs.filter(({ name }) => name === `main cannot connect to 127.0.0.1:${there.port}`).length,
      1,
    );
    assert.equal(there.accepted(), 0, "somebody could connect");
  },
);

Deno.test(
  "a dependency whose permission is missing is told at the start, and the server serves",
  // The flags of an executable are compiled in.
  { ignore: BINARY !== null },
  async () => {
    using folder = new TestFolder();
    using there = service(silent);
    // The flags are printed for the file as it is now.
    const args = argumentsFor(folder, "");
    await printedFlags(["--transport", "http", "--port", "0", ...args]);
    const config =
      `health: { dependencies: [{ name: a, tcp: "127.0.0.2:${there.port}", priority: critical }] }`;
    await using server = await ChangingServer.start(folder, config);
    const [line] = server.lines("a dependency cannot be checked: the permission to connect there is missing");
    assert.deepEqual([line?.dependency, line?.address], ["a", `127.0.0.2:${there.port}`]);
    const { message } = await untilShown(server, "a", "unhealthy");
    assert.match(message, /may not connect there.*bulkhead permissions.*--config/);
  },
);

Deno.test("dependencies on loopback are checked, from source and by the executable", async () => {
  using folder = new TestFolder();
  using there = service(answering("HTTP/1.1 200 OK\r\n\r\n"));
  await using server = await ChangingServer.start(
    folder,
    `health: { check_interval_sec: 1, dependencies: [{ name: a, http: "http://localhost:${there.port}/" }] }`,
  );
  const { message, metadata } = await untilShown(server, "a", "healthy");
  assert.equal(message, "it answers with status 200");
  assert.equal(metadata!.address, `127.0.0.1:${there.port}`);
  await until("many rounds", () => there.accepted() >= 3);
});

// The client's own timers outlive it.
const stdio = { ...options, sanitizeOps: false, sanitizeResources: false };

Deno.test("over stdio nothing is lost: a server with dependencies answers", stdio, async () => {
  using folder = new TestFolder();
  using there = service(silent);
  standIn(folder, "say", "echo said");
  const config =
    `health: { check_interval_sec: 1, dependencies: [{ name: a, tcp: "127.0.0.1:${there.port}" }] }`;
  await using client = await connectStdio(argumentsFor(folder, config));
  const { structuredContent } = await client.call("say", {});
  assert.equal(structuredContent.stdout, "said\n");
  await until("a check", () => there.accepted() > 0);
});

Deno.test("check says what is wrong with checks, and what cannot succeed", options, async () => {
  using folder = new TestFolder();
  const wrong = argumentsFor(folder, "health:\n  checks:\n    - { name: a, tool: nmpa }\n");
  const refused = await inspect(["check", ...wrong]);
  assert.equal(refused.code, 2);
  assert.match(
    refused.stderr,
    /config\.yaml:3:24: health\.checks\[0\]\.tool: there is no tool "nmpa"; did you mean nmap\?/,
  );
  const misspelt = argumentsFor(
    folder,
    "health: { checks: [{ name: a, tool: nmap, target: 10.0.0.5, parameters: { portz: '22' } }] }",
  );
  assert.match(
    (await inspect(["check", ...misspelt])).stderr,
    /^health\.checks: warning: a cannot succeed as it is configured: .*did you mean "ports"\? Its parameters are: /m,
  );
  const doubtful = argumentsFor(folder, "health: { checks: [{ name: a, tool: nmap, target: 192.0.2.1 }] }");
  const warned = await inspect(["check", ...doubtful]);
  assert.equal(warned.code, 0, warned.stderr);
  assert.match(
    warned.stderr,
    /^health\.checks: warning: a cannot succeed as it is configured: .*192\.0\.2\.1/m,
  );
  assert.deepEqual(linesOf(warned.stderr), []);
});
