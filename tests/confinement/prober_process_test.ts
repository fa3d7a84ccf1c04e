/** The prober in a process of its own, with the permissions that it needs and no more. */
import assert from "node:assert/strict";
import { grantFlags, runGrants } from "../../src/confinement/permissions.ts";
import type { Probed } from "../../src/confinement/prober.ts";
import { Probe } from "../../src/confinement/proofs.ts";
import { type Dependency, serviceOf } from "../../src/confinement/services.ts";
import { proberPermissions } from "../../src/confinement/workers.ts";
import { hasProgram, TestFolder } from "../integration/support/programs.ts";
import { answering, closeQuietly, service, silent } from "./service_behaviours.ts";

const HOLDER = decodeURIComponent(new URL("./prober_holder.ts", import.meta.url).pathname);
const OK = "HTTP/1.1 200 OK\r\n\r\n";

async function answerOnce(connection: Deno.Conn): Promise<void> {
  await connection.read(new Uint8Array(4096));
  await connection.write(new TextEncoder().encode(OK));
  closeQuietly(connection);
}

/** What a prober finds in a process that may connect to these dependencies alone. */
async function askInProcess(
  dependencies: readonly Dependency[],
  { env = {}, flags = [] }: { env?: Record<string, string>; flags?: readonly string[] } = {},
): Promise<Probed[]> {
  const grants = runGrants({
    programs: [],
    readable: [HOLDER.slice(0, HOLDER.lastIndexOf("/"))],
    writable: [],
    tier: "basic",
    listener: null,
    services: dependencies.map(serviceOf),
  });
  const kept = ["PATH", "HOME", "DENO_DIR", "XDG_CACHE_HOME"].flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...grantFlags(grants), ...flags, HOLDER, JSON.stringify(dependencies)],
    cwd: HOLDER.slice(0, HOLDER.lastIndexOf("/")),
    clearEnv: true,
    env: { ...Object.fromEntries(kept), DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("prober: a proxy in the environment is not used", async () => {
  using proxy = service(answering(OK));
  using there = service(answering("HTTP/1.1 418 Teapot\r\n\r\n"));
  const url = `http://127.0.0.1:${proxy.port}`;
  const names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
  const answers = await askInProcess([{ http: `http://127.0.0.1:${there.port}/` }, {
    tcp: `127.0.0.1:${there.port}`,
  }], {
    env: Object.fromEntries(names.map((name) => [name, url])),
  });
  assert.deepEqual(answers.map((answer) => answer.ok && answer.status), [418, null]);
  assert.deepEqual([proxy.accepted(), there.accepted()], [0, 2]);
});

Deno.test("prober: it may connect to its services, and do nothing else", async () => {
  using there = service(silent);
  const probe = new Probe(proberPermissions([`127.0.0.1:${there.port}`]));
  const { attempts } = await probe.tryAll({
    programs: ["/bin/sh"],
    files: ["/etc/hostname"],
    folders: ["/tmp"],
    libraries: ["/lib/x86_64-linux-gnu/libc.so.6"],
    services: [],
  }, null);
  assert.equal(attempts.length, 8);
  assert.deepEqual(attempts.filter(({ allowed }) => allowed), []);
});

Deno.test("prober: certificates are judged as Deno judges them", async () => {
  if (!hasProgram("openssl")) return;
  using folder = new TestFolder();
  const made = new Deno.Command("openssl", {
    args: [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
      ],
      ...["-subj", "/CN=SECRET-OF-THE-SERVICE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.2"],
      ...["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "key.pem", "-out", "cert.pem"],
    ],
    cwd: folder.path,
  }).outputSync();
  assert.equal(made.code, 0, new TextDecoder().decode(made.stderr));
  const [cert, key] = [folder.read("cert.pem")!, folder.read("key.pem")!];
  const accepted: Deno.TlsConn[] = [];
  const listeners = ["127.0.0.1", "127.0.0.2"].map((hostname) => {
    const listener = Deno.listenTls({ hostname, port: 0, cert, key });
    void (async () => {
      for (;;) {
        try {
          const connection = await listener.accept();
          accepted.push(connection);
          void answerOnce(connection).catch(() => {});
        } catch (error) {
          if (error instanceof Deno.errors.BadResource) return;
        }
      }
    })();
    return listener;
  });
  try {
    const [one, two] = listeners.map(({ addr }) => (addr as Deno.NetAddr).port);
    const dependencies = [
      // localhost is 127.0.0.1, and the certificate must be for the name.
      { http: `https://localhost:${one}/` },
      { http: `https://127.0.0.2:${two}/` },
      { http: `https://127.0.0.1:${one}/` },
    ];
    const trusted = await askInProcess(dependencies, { flags: [`--cert=${folder.path}/cert.pem`] });
    assert.deepEqual(trusted.map((answer) => answer.ok && answer.status), [200, 200, false]);
    const wrongName = trusted[2]!;
    assert(!wrongName.ok);
    assert.match(wrongName.reason, /^no TLS: invalid peer certificate: /);
    assert.doesNotMatch(wrongName.reason, /localhost|127\.0\.0\.2|SECRET/);
    for (const answer of await askInProcess(dependencies)) {
      assert(!answer.ok);
      assert.match(answer.reason, /^no TLS: invalid peer certificate: /);
    }
  } finally {
    for (const listener of listeners) listener.close();
    for (const connection of accepted) closeQuietly(connection);
  }
});

Deno.test("prober: a service whose permission is missing is said to be so, and the others are asked", async () => {
  using there = service(silent);
  const answers = await askInProcess([{ tcp: `127.0.0.1:${there.port}` }], {
    flags: [`--deny-net=127.0.0.1:${there.port}`],
  });
  assert.match(JSON.stringify(answers), /the server may not connect there/);
  assert.equal(there.accepted(), 0);
});
