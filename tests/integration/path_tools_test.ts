/** ping, traceroute, mtr and ssh_keyscan: the real programs, confined, against loopback and a server of the test's. */
import assert from "node:assert/strict";
import { bulkhead } from "./support/bulkhead.ts";
import { sshServer } from "./support/lab.ts";
import { hasIpv6, hasProgram, haveNetRaw, TestFolder } from "./support/programs.ts";

const ADDRESSES = ["127.0.0.1", "::1"];

/** Runs `bulkhead call TOOL` against a loopback address. */
async function call(tool: string, target: string, ...args: string[]) {
  const { code, stdout } = await bulkhead(
    ["call", tool, "--json", "--allow-target", "loopback", "--target", target, ...args],
  );
  return { code, result: JSON.parse(stdout) };
}

const addresses = () => hasIpv6() ? ADDRESSES : ADDRESSES.slice(0, 1);

/** Checks what a tool that declares raw sockets says where there are none to give; says whether that was so. */
function unavailable(code: number, result: { error: string; recovery_suggestion: string }): boolean {
  if (haveNetRaw()) return false;
  assert.equal(code, 4);
  assert.match(result.error, /capabilities: \[net_raw\], which this process does not have/);
  assert.match(result.recovery_suggestion, /AmbientCapabilities=CAP_NET_RAW/);
  return true;
}

Deno.test("ping: each answer of a host, with its time", async () => {
  if (!hasProgram("ping")) return;
  for (const target of addresses()) {
    const { code, result } = await call("ping", target, "--param", "count=2", "--param", "interval=0.2");
    if (unavailable(code, result)) continue;
    assert.equal(code, 0, JSON.stringify(result));
    const { parsed } = result;
    assert.deepEqual([parsed.target, parsed.transmitted, parsed.received, parsed.loss_percent], [
      target,
      2,
      2,
      0,
    ]);
    assert.deepEqual(parsed.replies.map((reply: { address: string }) => reply.address), [target, target]);
    assert.ok(parsed.rtt.max_ms >= parsed.rtt.min_ms);
    assert.equal(parsed.incomplete, null);
  }
});

Deno.test("ping: a time-out keeps the answers until then and says that the statistics are missing", async () => {
  if (!hasProgram("ping")) return;
  const { code, result } = await call("ping", "127.0.0.1", "--param", "count=20", "--timeout", "0.8");
  if (unavailable(code, result)) return;
  assert.equal(result.outcome, "timeout");
  assert.equal(result.parsed.transmitted, null);
  assert.equal(result.parsed.replies[0].sequence, 1);
  assert.match(result.parsed.incomplete, /the statistics are missing/);
});

Deno.test("traceroute: the way to a host, without any privilege", async () => {
  if (!hasProgram("traceroute")) return;
  for (const target of addresses()) {
    const { code, result } = await call("traceroute", target, "--param", "queries=2");
    assert.equal(code, 0, JSON.stringify(result));
    const { parsed } = result;
    assert.deepEqual([parsed.target, parsed.reached, parsed.incomplete], [target, true, null]);
    assert.deepEqual(
      parsed.hops.map((hop: { hop: number; probes: { address: string }[] }) => [
        hop.hop,
        hop.probes.map(({ address }) => address),
      ]),
      [[1, [target, target]]],
    );
  }
});

Deno.test("mtr: the quality of each hop, by each of its methods", async () => {
  if (!hasProgram("mtr")) return;
  const methods = ["-G 1", "-G 1 -u", "-G 1 -T -P 9"];
  for (const target of addresses()) {
    for (const method of methods) {
      const { code, result } = await call("mtr", target, "--param", "cycles=1", "--extra-args", method);
      if (unavailable(code, result)) continue;
      assert.equal(code, 0, JSON.stringify(result));
      const { parsed } = result;
      assert.deepEqual([parsed.target, parsed.reached, parsed.cycles], [target, true, 1]);
      const [hop, ...more] = parsed.hops;
      assert.deepEqual([hop.hop, hop.address, hop.sent, hop.loss_percent, more], [1, target, 1, 0, []]);
      assert.ok(hop.average_ms > 0);
    }
  }
});

Deno.test("ssh_keyscan: the keys of a real server, and nothing where there is none", async () => {
  if (!["ssh-keyscan", "ssh-keygen", "sshd"].every(hasProgram)) return;
  using folder = new TestFolder();
  await using server = await sshServer(folder.path);
  const { code, result } = await call("ssh_keyscan", "127.0.0.1", "--param", `port=${server.port}`);
  assert.equal(code, 0, JSON.stringify(result));
  const { parsed } = result;
  const found = Object.fromEntries(
    parsed.keys.map(({ type, fingerprint }: { type: string; fingerprint: string }) => [type, fingerprint]),
  );
  const { rsa, ecdsa, ed25519 } = server.fingerprints;
  assert.deepEqual(found, { "ssh-rsa": rsa, "ecdsa-sha2-nistp256": ecdsa, "ssh-ed25519": ed25519 });
  assert.match(parsed.banner, /^SSH-2\.0-OpenSSH/);
  assert.equal(parsed.incomplete, null);
  const one = await call(
    "ssh_keyscan",
    "127.0.0.1",
    "--param",
    `port=${server.port}`,
    "--param",
    "types=ed25519",
  );
  assert.deepEqual(one.result.parsed.keys.map(({ bits }: { bits: number }) => bits), [256]);
});

Deno.test("ssh_keyscan: a port where nobody listens is a failure that is the target's", async () => {
  if (!hasProgram("ssh-keyscan")) return;
  // Port 1, tcpmux, is one that nobody uses.
  const { code, result } = await call("ssh_keyscan", "127.0.0.1", "--param", "port=1");
  assert.deepEqual([code, result.outcome, result.returncode, result.parsed], [1, "failure", 1, null]);
});
