import assert from "node:assert/strict";
import { type Findings, readable, reportOf } from "../../src/cli/doctor_report.ts";

const KERNEL = {
  libc: "/lib/libc.so.6",
  architecture: "x86_64",
  landlockAbi: 6,
  capabilities: [],
  cgroup: [],
  cgroupReason: "no cgroup is delegated",
};

const FINDINGS: Findings = {
  decision: { tier: "kernel", kernel: KERNEL, fallback: null },
  machine: {
    libc: "/lib/libc.so.6",
    seccompNotifications: true,
    landlockAbi: 6,
    capabilities: ["net_raw"],
    notAsked: null,
  },
  found: [],
  uid: 1000,
  proofs: [{ name: "main cannot read /etc/hostname", ok: true, detail: "the permission is missing" }],
  unshown: [],
};
const BASIC = { tier: "basic", kernel: null } as const;

Deno.test("doctor's report: one proof that fails, and it is not ok", () => {
  const proofs = [...FINDINGS.proofs, { name: "a run cannot write", ok: false, detail: "it could" }];
  const report = reportOf({ ...FINDINGS, proofs });
  assert.equal(report.ok, false);
  assert.match(readable(report), /^FAILED {4}a run cannot write \(it could\)$[^]*\na proof FAILED\n$/m);
  const well = reportOf(FINDINGS);
  assert.equal(well.ok, true);
  assert.match(readable(well), /\nevery proof holds\n$/);
});

Deno.test("doctor's report: tier basic has its reason, whoever chose it", () => {
  const chosen = reportOf({ ...FINDINGS, decision: { ...BASIC, fallback: null } });
  assert.ok(chosen.warnings.includes("tier basic, because confinement.tier is basic"));
  const fallen = reportOf({ ...FINDINGS, decision: { ...BASIC, fallback: "seccomp: EBUSY" } });
  assert.ok(fallen.warnings.includes("tier basic, because seccomp: EBUSY"));
  for (const report of [chosen, fallen]) {
    assert.equal(report.kernel.landlock_abi, 6);
    assert.equal(report.kernel.seccomp_notifications, true);
    assert.deepEqual(report.enforced.landlock, []);
    assert.doesNotMatch(readable(report), /^enforced/m);
  }
});

Deno.test("doctor's report: what could not be asked is unknown, and not none", () => {
  const machine = {
    libc: null,
    seccompNotifications: null,
    landlockAbi: null,
    capabilities: null,
    notAsked: "no leave",
  };
  const report = reportOf({ ...FINDINGS, machine, decision: { ...BASIC, fallback: null } });
  assert.deepEqual([report.kernel.seccomp_notifications, report.kernel.landlock_abi], [null, null]);
  const text = readable(report);
  assert.match(text, /^kernel {4}seccomp notifications: unknown$/m);
  assert.match(text, /^kernel {4}could not be asked: no leave$/m);
});

Deno.test("doctor's report: what Landlock leaves to the filter is said to be refused by it", () => {
  const unrestricted = reportOf(FINDINGS).enforced.landlock_unrestricted as readonly string[];
  for (const what of [/chmod.*utime/, /traced.*signalled/]) {
    assert.match(unrestricted.find((line) => what.test(line)) ?? "", /\(refused by the filter\)$/);
  }
});
