/** masscan: the real program, confined, between two network namespaces of the test's own. */
import assert from "node:assert/strict";
import { bulkheadUnder } from "./support/bulkhead.ts";
import { CABLE, type Cable, cable } from "./support/namespaces.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

/** The lab's end: a listener, and noise. */
async function labEnd(ends: Cable, port: number): Promise<AsyncDisposable> {
  const folder = new TestFolder();
  const script = folder.write(
    "listen.ts",
    `const listener = Deno.listen({ hostname: "${CABLE.lab}", port: ${port} });
console.log("listening");
for await (const connection of listener) connection.close();
`,
  );
  const listen = [Deno.execPath(), "run", "--quiet", `--allow-net=${CABLE.lab}`, "--no-config", script];
  // On an interface where nothing ever arrives masscan does not end: it looks at its clock between two packets.
  const noise = ["ping", "-q", "-i", "0.2", CABLE.scanner];
  const children = [listen, noise].map((line) => {
    const [program, ...args] = [...ends.lab, ...line] as [string, ...string[]];
    return new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  });
  const [listener, pinger] = children as [Deno.ChildProcess, Deno.ChildProcess];
  const reader = listener.stdout.getReader();
  await reader.read();
  await reader.cancel();
  await pinger.stdout.cancel();
  return {
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map((child) => child.status));
      folder[Symbol.dispose]();
    },
  };
}

async function call(ends: Cable, target: string, ...args: string[]) {
  const params = ["--param", "wait=1", ...args];
  const { code, stdout } = await bulkheadUnder(
    ends.scanner,
    ["call", "masscan", "--json", "--target", target, ...params],
  );
  return { code, result: JSON.parse(stdout) };
}

Deno.test("masscan: open ports of a network, and hosts that answer an echo request", async () => {
  if (!["masscan", "ping"].every(hasProgram)) return;
  using ends = cable();
  if (ends === null) return;
  const port = 8443;
  await using _lab = await labEnd(ends, port);
  const ports = await call(ends, `${CABLE.lab}/31`, "--param", `ports=${port},${port + 1}`);
  assert.equal(ports.code, 0, JSON.stringify(ports.result));
  assert.deepEqual(
    ports.result.parsed.hosts.map((host: { address: string; ports: { port: number; state: string }[] }) => [
      host.address,
      host.ports.map(({ port, state }) => [port, state]),
    ]),
    [[CABLE.lab, [[port, "open"]]]],
  );
  const echo = await call(ends, CABLE.lab, "--param", "ping=true");
  assert.equal(echo.code, 0, JSON.stringify(echo.result));
  assert.equal(echo.result.parsed.hosts[0].address, CABLE.lab);
});

Deno.test("masscan: a rate beyond 1000 needs leave, beyond 10000 there is none", async () => {
  if (!hasProgram("masscan")) return;
  using ends = cable();
  if (ends === null) return;
  for (const spelling of ["--rate 1001", "--rate=1001"]) {
    const { code, result } = await call(ends, CABLE.lab, "--param", "ports=1", "--extra-args", spelling);
    assert.deepEqual([code, result.error_type], [3, "approval_required"], spelling);
    assert.match(result.error, /--rate 1001/);
    assert.match(result.recovery_suggestion, /security\.allow_intrusive: true/);
  }
  const most = await call(ends, CABLE.lab, "--param", "ports=1", "--param", "rate=10001");
  assert.deepEqual([most.code, most.result.error_type], [3, "validation_error"]);
  const large = await call(ends, "10.76.0.0/15", "--param", "ports=1");
  assert.deepEqual([large.code, large.result.error_type], [3, "validation_error"]);
  assert.match(large.result.error, /at most 65536 addresses/);
});
