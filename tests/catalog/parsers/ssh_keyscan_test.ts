import assert from "node:assert/strict";
import { sshKeyscan } from "../../../src/catalog/parsers/ssh_keyscan.ts";
import { flood, fuzz, outputOf, parsed, parsedWhole, recorded, truncations } from "./outputs.ts";

const RECORDINGS = [
  "ssh_keyscan_forged",
  "ssh_keyscan_ipv6",
  "ssh_keyscan_mail",
  "ssh_keyscan_ok",
  "ssh_keyscan_port",
  "ssh_keyscan_refused",
];

const CUT = "standard output is only the beginning";
const BANNER = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10";
const ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIAmdeREnKiREvLdocEdR8ddhqiY19j0jzVEIj7Knjax4";
/** The fingerprints that `ssh-keygen -l` showed for the keys of the recorded server. */
const FINGERPRINTS = {
  rsa: "SHA256:0QE+f349B0EeZ9Eb5EqbmspkuIdA/KOu5ggsgbP8CS0",
  ecdsa: "SHA256:Pr0wDDLlpFVOhFIolty83ZJoJexNo8Xs0uzNToaMtfk",
  ed25519: "SHA256:cQ5E4R+UjN/rlZYvyi5c0z/o8buTJJFqaBLNR44Y0Iw",
};

Deno.test("ssh_keyscan reads every key with its size and fingerprint", async () => {
  const output = recorded("ssh_keyscan_ok");
  const { keys, ...facts } = await parsedWhole(sshKeyscan, output);
  assert.deepEqual(facts, { banner: BANNER, error: null, incomplete: null });
  assert.deepEqual(keys.map(({ type, bits, fingerprint }) => [type, bits, fingerprint]), [
    ["ssh-rsa", 3072, FINGERPRINTS.rsa],
    ["ecdsa-sha2-nistp256", 256, FINGERPRINTS.ecdsa],
    ["ssh-ed25519", 256, FINGERPRINTS.ed25519],
  ]);
  const lines = keys.map(({ known_hosts }) => `${known_hosts}\n`).join("");
  assert.equal(lines, new TextDecoder().decode(output.stdout));
});

Deno.test("ssh_keyscan reads other ports and IPv6", async () => {
  const port = await parsedWhole(sshKeyscan, recorded("ssh_keyscan_port"));
  assert.deepEqual(port.keys, [{
    type: "ssh-ed25519",
    bits: 256,
    fingerprint: FINGERPRINTS.ed25519,
    known_hosts: `[127.0.0.1]:2222 ssh-ed25519 ${ED25519}`,
  }]);
  assert.equal(
    sshKeyscan.summarize(port),
    `1 host key\nBanner: ${BANNER}\nssh-ed25519 (256 bits) ${FINGERPRINTS.ed25519}`,
  );
  const six = await parsedWhole(sshKeyscan, recorded("ssh_keyscan_ipv6"));
  assert.deepEqual([six.banner, six.keys.map(({ type }) => type)], [BANNER, [
    "ecdsa-sha2-nistp256",
    "ssh-rsa",
  ]]);
});

Deno.test("ssh_keyscan takes no key from what a server says in its banner", async () => {
  const forged = await parsedWhole(sshKeyscan, recorded("ssh_keyscan_forged"));
  assert.deepEqual([forged.keys, forged.error], [[], null]);
  assert.equal(forged.banner, "SSH-2.0-forged\x1b[31m 127.0.0.1 ssh-ed25519 AAAA");
});

Deno.test("ssh_keyscan says what failed; a refused connection leaves nothing to be read", async () => {
  const mail = await parsedWhole(sshKeyscan, recorded("ssh_keyscan_mail"));
  assert.deepEqual([mail.keys, mail.error], [[], "read (127.0.0.1): Connection reset by peer"]);
  assert.equal(await parsed(sshKeyscan, recorded("ssh_keyscan_refused")), null);
});

Deno.test("ssh_keyscan takes no line that is no key, says so, and limits their number", async () => {
  const line = `10.0.0.1 ssh-ed25519 ${ED25519}\n`;
  const wrong = [
    "hello\n",
    `10.0.0.1 ssh-rsa ${ED25519}\n`,
    `10.0.0.1 ssh-ed25519 ${ED25519.slice(0, -4)}\n`,
    `a b ssh-ed25519 ${ED25519}\n`,
    "10.0.0.1 ssh-ed25519 A\n",
  ];
  const some = await parsedWhole(sshKeyscan, outputOf(`# a comment\n${line}${wrong.join("")}`));
  assert.deepEqual([some.keys.length, some.incomplete], [1, "5 lines could not be read"]);
  const many = await parsedWhole(sshKeyscan, outputOf(line.repeat(33)));
  assert.deepEqual([many.keys.length, many.incomplete], [32, "1 more line left out"]);
});

Deno.test("ssh_keyscan reads nothing from what is not ssh-keyscan's", async () => {
  for (const text of ["", "hello\n", `10.0.0.1 ssh-ed25519 ${ED25519}`, "# 10.0.0.1:22 SSH-2.0-x\n"]) {
    assert.equal(await parsed(sshKeyscan, outputOf(text, "# 10.0.0.1:22 SSH-2.0-cut")), null);
  }
});

Deno.test("ssh_keyscan reads an output that is cut anywhere, invents nothing and says so", async () => {
  for (const name of ["ssh_keyscan_ok", "ssh_keyscan_ipv6"]) {
    const output = recorded(name);
    const whole = await parsedWhole(sshKeyscan, output);
    for (const cut of truncations(output, "stdout")) {
      const { keys, incomplete } = await parsedWhole(sshKeyscan, cut);
      assert.deepEqual([keys, incomplete], [whole.keys.slice(0, keys.length), CUT]);
    }
  }
  const forged = recorded("ssh_keyscan_forged");
  const whole = await parsedWhole(sshKeyscan, forged);
  for (const cut of truncations(forged, "stderr")) {
    const answer = await parsed(sshKeyscan, cut);
    if (answer !== null) assert.deepEqual([answer.banner, answer.keys], [whole.banner, []]);
  }
});

Deno.test("ssh_keyscan answers any bytes with null or a valid object", () => fuzz(sshKeyscan, RECORDINGS));

Deno.test("ssh_keyscan reads floods in linear time", () =>
  flood(sshKeyscan, [
    { repeated: `10.0.0.1 ssh-ed25519 ${ED25519}\n` },
    { before: "10.0.0.1 ssh-ed25519 ", repeated: "A", after: "\n" },
    { repeated: `${"a".repeat(1990)}\n` },
    { repeated: "a ssh-ed25519 AAAA\n" },
    { repeated: "# a:1 SSH-\n", stderr: true },
    { repeated: "# a:1:1:1", stderr: true },
    { repeated: "error\n", stderr: true },
  ]));
