import assert from "node:assert/strict";
import fc from "fast-check";
import type { Architecture } from "../../../src/confinement/linux/syscalls.ts";
import { TAG_RESOURCE } from "../../../src/confinement/linux/run_tag.ts";
import {
  NOTIFICATION_BYTES,
  NOTIFICATION_IOCTL,
  readNotification,
  RESPONSE_BYTES,
  responseBytes,
  SECCOMP,
} from "../../../src/confinement/linux/seccomp.ts";
import { filterHeader, filterProgram } from "../../../src/confinement/linux/seccomp_filter.ts";
import { REVIEWED_AARCH64 } from "./filter_aarch64.ts";
import {
  AUDIT,
  type Call,
  dataOf,
  instructionsOf,
  NUMBERS,
  runFilter,
  type Verdict,
} from "./filter_machine.ts";

const SERVER = 4242;
const EPERM: Verdict = { errno: 1 };
const ENOSYS: Verdict = { errno: 38 };
const ARCHITECTURES: readonly Architecture[] = ["x86_64", "aarch64"];

const FILTERS: Readonly<Record<Architecture, Uint8Array<ArrayBuffer>>> = {
  x86_64: filterProgram({ architecture: "x86_64", tagResource: TAG_RESOURCE }),
  aarch64: filterProgram({ architecture: "aarch64", tagResource: TAG_RESOURCE }),
};

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET of include/uapi/linux/sched.h. */
const NAMESPACES = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000];

/** What no program of a run may do at all. */
const REFUSED = [
  ...["ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"],
  ...["rt_sigqueueinfo", "rt_tgsigqueueinfo", "memfd_create", "setns"],
  ...["shmget", "msgget", "semget", "mq_open", "add_key", "request_key", "keyctl"],
  ...["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"],
  ...["setxattr", "lsetxattr", "fsetxattr", "setxattrat"],
  ...["removexattr", "lremovexattr", "fremovexattr", "removexattrat"],
  ...["utime", "utimes", "futimesat", "utimensat", "file_setattr", "setsid"],
];

/** F_SETOWN, F_SETOWN_EX, F_SETLEASE, F_NOTIFY, F_SETDELEG of include/uapi/linux/fcntl.h. */
const REFUSED_OPERATIONS = [8, 15, 1024, 1026, 1040];

/** Direction (1 write, 2 read), size, type and number, as _IOC of include/uapi/asm-generic/ioctl.h puts them together. */
const request = (direction: number, size: number, type: string, number: number) =>
  (direction << 30 | size << 16 | type.charCodeAt(0) << 8 | number) >>> 0;

const REFUSED_REQUESTS = [
  // FIOSETOWN, SIOCSPGRP; TIOCSTI, TIOCLINUX.
  ...[0x8901, 0x8902, 0x5412, 0x541c],
  // FS_IOC_SETFLAGS and FS_IOC_SETVERSION, of a long; FS_IOC_FSSETXATTR, of struct fsxattr.
  ...[request(1, 8, "f", 2), request(1, 8, "v", 2), request(1, 28, "X", 32)],
  // FS_IOC_ENABLE_VERITY, FAT_IOCTL_SET_ATTRIBUTES; FS_IOC_SET_ENCRYPTION_POLICY, which is said to read.
  ...[request(1, 128, "f", 133), request(1, 4, "r", 0x11), request(2, 12, "f", 19)],
  // FS_IOC_ADD_ENCRYPTION_KEY, FS_IOC_REMOVE_ENCRYPTION_KEY.
  ...[request(3, 80, "f", 23), request(3, 64, "f", 24)],
  // BTRFS_IOC_: SNAP_CREATE, SUBVOL_CREATE, SNAP_DESTROY, their second versions, SUBVOL_SETFLAGS.
  ...[1, 14, 15, 23, 24, 63].map((number) => request(1, 4096, "\x94", number)),
  request(1, 8, "\x94", 26),
];

/** What the filter is meant to answer, said without jumps: by name, with the arguments as the kernel takes them. */
function intended(architecture: Architecture, { arch, nr, args }: Call): Verdict {
  if (arch !== AUDIT[architecture]) return "kill";
  // Bit 30 and above: x32, and whatever is negative.
  if (architecture === "x86_64" && nr >>> 0 >= 2 ** 30) return ENOSYS;
  const name = Object.keys(NUMBERS[architecture]).find((name) => NUMBERS[architecture][name] === nr);
  const int = (index: number) => Number(BigInt.asIntN(32, BigInt(args[index] ?? 0)));
  const isNull = (index: number) => BigInt.asUintN(64, BigInt(args[index] ?? 0)) === 0n;
  const refusedWhen = (condition: boolean): Verdict => condition ? EPERM : "allow";
  switch (name) {
    case "execve":
    case "execveat":
    case "tkill":
    case "tgkill":
      return "notify";
    case "kill":
      return int(0) === 0 ? "allow" : "notify";
    case "setpgid":
      return int(1) === 0 ? "allow" : "notify";
    case "fcntl":
      return refusedWhen(REFUSED_OPERATIONS.includes(int(1)));
    case "ioctl":
      return refusedWhen(REFUSED_REQUESTS.includes(int(1) >>> 0));
    case "setrlimit":
      return refusedWhen(int(0) === TAG_RESOURCE);
    case "prlimit64":
      return refusedWhen(!isNull(2) && (int(0) !== 0 || int(1) === TAG_RESOURCE));
    case "clone":
    case "unshare":
      return refusedWhen(NAMESPACES.some((flag) => (int(0) & flag) !== 0));
    case "setpriority":
      return refusedWhen(int(0) !== 0 || int(1) !== 0);
    case "ioprio_set":
      return refusedWhen(int(0) !== 1 || int(1) !== 0);
    case "sched_setparam":
    case "sched_setscheduler":
    case "sched_setaffinity":
    case "sched_setattr":
      return refusedWhen(int(0) !== 0);
    case "prctl":
      return refusedWhen(int(0) === 4);
    case "clone3":
    case "pidfd_send_signal":
    case "io_uring_setup":
      return ENOSYS;
    default:
      return refusedWhen(name !== undefined && REFUSED.includes(name));
  }
}

/** Numbers at which something may change, in 64 bits, with a high half that must or must not matter. */
const argument = fc.tuple(
  fc.oneof(
    fc.constantFrom(
      0,
      1,
      4,
      -1,
      -SERVER,
      SERVER,
      2 ** 31 - 1,
      -(2 ** 31),
      0x80,
      0x81,
      0x7f,
      8,
      15,
      9,
      10,
      11,
    ),
    fc.constantFrom(...REFUSED_OPERATIONS, ...REFUSED_REQUESTS),
    fc.constantFrom(...REFUSED_OPERATIONS, ...REFUSED_REQUESTS).map((number) => number + 1),
    fc.constantFrom(TAG_RESOURCE, TAG_RESOURCE + 2 ** 8),
    fc.constantFrom(...NAMESPACES, 0x11, 0x3d0f00),
    fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
  ),
  fc.constantFrom(0n, 1n, 0xffff_ffffn, 0x7f00n),
).map(([low, high]) => BigInt.asUintN(32, BigInt(low)) | high << 32n);

const call = (architecture: Architecture): fc.Arbitrary<Call> =>
  fc.record({
    arch: fc.oneof(
      { weight: 20, arbitrary: fc.constant(AUDIT[architecture]) },
      { weight: 1, arbitrary: fc.constantFrom(...Object.values(AUDIT)) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 32 - 1 }) },
    ),
    nr: fc.tuple(
      fc.oneof(
        { weight: 10, arbitrary: fc.constantFrom(...Object.values(NUMBERS[architecture])) },
        { weight: 2, arbitrary: fc.integer({ min: 0, max: 500 }) },
        { weight: 1, arbitrary: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }) },
      ),
      fc.constantFrom(0, 0, 0, 0, 0x4000_0000),
    ).map(([nr, bit]) => nr | bit),
    args: fc.array(argument, { minLength: 6, maxLength: 6 }),
  });

for (const architecture of ARCHITECTURES) {
  const filter = FILTERS[architecture];
  const ask = (name: string, ...args: (number | bigint)[]) =>
    runFilter(filter, { arch: AUDIT[architecture], nr: NUMBERS[architecture][name]!, args });

  Deno.test(`filter, ${architecture}: it answers as intended, whatever the call`, () => {
    fc.assert(
      fc.property(call(architecture), (call) => {
        assert.deepEqual(runFilter(filter, call), intended(architecture, call));
      }),
      { numRuns: 5000 },
    );
  });

  Deno.test(`filter, ${architecture}: starting a program waits for leave, in either way`, () => {
    assert.equal(ask("execve", 1n << 40n), "notify");
    assert.equal(ask("execveat", 3, 0, 0, 0, 0x1000), "notify");
  });

  Deno.test(`filter, ${architecture}: another architecture's call ends the process`, () => {
    for (const [name, arch] of Object.entries(AUDIT)) {
      const verdict = runFilter(filter, { arch, nr: NUMBERS[architecture]["read"]!, args: [] });
      assert.equal(verdict, name === architecture ? "allow" : "kill", name);
    }
  });

  Deno.test(`filter, ${architecture}: limits may be read of anybody, and set of oneself, but for the mark`, () => {
    const limit = 0x7fff_0000_1000n;
    const highOnly = 1n << 32n;
    for (const pid of [0, 1, SERVER, -1]) {
      for (const resource of [0, 7, TAG_RESOURCE]) {
        assert.equal(ask("prlimit64", pid, resource, 0, limit), "allow", "reading");
      }
    }
    assert.equal(ask("prlimit64", 0, 7, limit, 0), "allow");
    assert.equal(ask("prlimit64", 0, 7, highOnly, 0), "allow");
    assert.deepEqual(ask("prlimit64", 0, TAG_RESOURCE, limit, 0), EPERM);
    assert.deepEqual(
      ask("prlimit64", 0, TAG_RESOURCE, highOnly, 0),
      EPERM,
      "a pointer with an empty low half",
    );
    // The kernel takes 32 bits of the resource and of the pid.
    assert.deepEqual(ask("prlimit64", 0, BigInt(TAG_RESOURCE) | highOnly, limit, 0), EPERM);
    assert.equal(ask("prlimit64", highOnly, 7, limit, 0), "allow");
    for (const pid of [1, SERVER, -1, 0xffff_ffff, highOnly | 1n]) {
      assert.deepEqual(ask("prlimit64", pid, 7, limit, 0), EPERM, `limits of ${pid}`);
    }
    assert.deepEqual(ask("setrlimit", TAG_RESOURCE, limit), EPERM);
    assert.deepEqual(ask("setrlimit", BigInt(TAG_RESOURCE) | highOnly, limit), EPERM);
    assert.equal(ask("setrlimit", 7, limit), "allow");
    assert.equal(ask("getrlimit", TAG_RESOURCE, limit), "allow");
  });

  Deno.test(`filter, ${architecture}: whoever wants to reach another waits for leave, one's own group is free`, () => {
    for (const pid of [1, -1, SERVER, -SERVER, 2 ** 31 - 1, -(2 ** 31), 7n | 0xffff_ffffn << 32n]) {
      assert.equal(ask("kill", pid, 9), "notify", `${pid}`);
      assert.equal(ask("setpgid", 0, pid), "notify", `${pid}`);
      assert.equal(ask("tkill", pid, 9), "notify");
      assert.equal(ask("tgkill", pid, pid, 9), "notify");
    }
    // The kernel takes 32 bits.
    for (const pid of [0, 1n << 32n]) {
      assert.equal(ask("kill", pid, 9), "allow");
      assert.equal(ask("setpgid", 0, pid), "allow");
      assert.equal(ask("setpgid", 4711, pid), "allow");
    }
    assert.deepEqual(ask("pidfd_send_signal", 3, 9, 0, 0), ENOSYS);
  });

  Deno.test(`filter, ${architecture}: no namespace of one's own, in which one has every capability`, () => {
    for (const flag of NAMESPACES) {
      assert.deepEqual(ask("clone", flag | 0x11), EPERM);
      assert.deepEqual(ask("unshare", flag), EPERM);
      assert.deepEqual(ask("unshare", BigInt(flag) | 1n << 32n), EPERM);
    }
    // fork(2), a thread, and a table of descriptors of one's own.
    assert.equal(ask("clone", 0x11), "allow");
    assert.equal(ask("clone", 0x3d0f00), "allow");
    assert.equal(ask("unshare", 0x400), "allow");
    assert.deepEqual(ask("clone3", 1n << 40n, 88), ENOSYS, "its flags are where a filter cannot look");
  });

  Deno.test(`filter, ${architecture}: a process changes its own priority and place, and nobody else's`, () => {
    for (const name of ["sched_setparam", "sched_setscheduler", "sched_setaffinity", "sched_setattr"]) {
      assert.equal(ask(name, 0, 1), "allow");
      for (const pid of [1, SERVER, -1]) assert.deepEqual(ask(name, pid, 1), EPERM);
    }
    for (const [name, process] of [["setpriority", 0], ["ioprio_set", 1]] as const) {
      assert.equal(ask(name, process, 0, 5), "allow");
      assert.deepEqual(ask(name, process, SERVER, 5), EPERM);
      // A group, a user.
      for (const which of [0, 1, 2, 3].filter((which) => which !== process)) {
        assert.deepEqual(ask(name, which, 0, 5), EPERM);
      }
    }
  });

  Deno.test(`filter, ${architecture}: no signal by way of input, nothing typed into a terminal`, () => {
    for (const operation of [8, 15]) {
      assert.deepEqual(ask("fcntl", 3, operation, SERVER), EPERM);
      assert.deepEqual(ask("fcntl", 3, BigInt(operation) | 1n << 32n, SERVER), EPERM);
    }
    // F_GETOWN, F_SETFD, F_SETFL, F_SETLK, F_SETSIG.
    for (const operation of [9, 2, 4, 6, 10]) assert.equal(ask("fcntl", 3, operation, 0), "allow");
    for (const request of [0x8901, 0x8902, 0x5412, 0x541c]) {
      assert.deepEqual(ask("ioctl", 3, request, 0), EPERM);
      assert.deepEqual(ask("ioctl", 3, BigInt(request) | 1n << 63n, 0), EPERM);
    }
    // Among them FIONREAD, FIONBIO and TIOCGWINSZ.
    for (const request of [0x8903, 0x541b, 0x5421, 0x5413, 0]) {
      assert.equal(ask("ioctl", 3, request, 0), "allow");
    }
  });

  Deno.test(`filter, ${architecture}: nobody is made to wait by a lease, nor told what others do in a folder`, () => {
    // F_SETLEASE with a lease to write, F_NOTIFY with everything, F_SETDELEG.
    for (const [operation, argument] of [[1024, 1], [1026, 0x8000_003f], [1040, 0x7fff_0000]] as const) {
      assert.deepEqual(ask("fcntl", 3, operation, argument), EPERM);
    }
    // F_GETLEASE, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_ADD_SEALS, F_GETDELEG.
    for (const operation of [1025, 1030, 1031, 1033, 1039]) {
      assert.equal(ask("fcntl", 3, operation, 0), "allow");
    }
  });

  Deno.test(`filter, ${architecture}: times and flags of files stay as they are, and can be read`, () => {
    const names = ["utime", "utimes", "futimesat", "utimensat", "file_setattr"]
      .filter((name) => NUMBERS[architecture][name] !== undefined);
    assert.equal(names.length, architecture === "x86_64" ? 5 : 2);
    for (const name of names) assert.deepEqual(ask(name, -100, 0x7fff_0000, 0, 0), EPERM);
    assert.equal(ask("file_getattr", -100, 0x7fff_0000, 0, 0, 0), "allow");
    for (const request of [0x4008_6602, 0x401c_5820, 0x4080_6685, 0x800c_6613]) {
      assert.deepEqual(ask("ioctl", 3, request, 0x7fff_0000), EPERM);
      assert.deepEqual(ask("ioctl", 3, BigInt(request) | 0xffff_ffffn << 32n, 0), EPERM);
    }
    // FS_IOC_GETFLAGS, FS_IOC_FSGETXATTR, FICLONE.
    for (const request of [0x8008_6601, 0x801c_581f, 0x4004_9409]) {
      assert.equal(ask("ioctl", 3, request, 0x7fff_0000), "allow");
    }
  });

  Deno.test(`filter, ${architecture}: no session of one's own, with a share of the processor of its own`, () => {
    assert.deepEqual(ask("setsid"), EPERM);
    assert.equal(ask("getsid", 0), "allow");
  });

  Deno.test(`filter, ${architecture}: every jump goes forward and stays inside, the last line answers`, () => {
    const code = instructionsOf(filter);
    assert.ok(code.length < 256, "so that no distance is cut to its low byte");
    assert.equal(code.at(-1)!.code, 0x06);
    for (const [at, { code: operation, then, otherwise }] of code.entries()) {
      if (operation === 0x20 || operation === 0x06) assert.deepEqual([then, otherwise], [0, 0]);
      else assert.ok(at + 1 + Math.max(then, otherwise) < code.length, `line ${at}`);
    }
  });

  Deno.test(`filter, ${architecture}: a notification says who wants what`, () => {
    const notified = (name: string, args: (number | bigint)[], pid = 77) => {
      const bytes = new Uint8Array(NOTIFICATION_BYTES);
      const view = new DataView(bytes.buffer);
      view.setBigUint64(0, 0xfedc_ba98_7654_3210n, true);
      view.setUint32(8, pid, true);
      view.setUint32(12, 0xffff_ffff, true);
      const nr = NUMBERS[architecture][name]!;
      bytes.set(new Uint8Array(dataOf({ arch: AUDIT[architecture], nr, args }).buffer), 16);
      return readNotification(bytes, architecture);
    };
    const about = { id: 0xfedc_ba98_7654_3210n, pid: 77 };
    assert.deepEqual(notified("execve", [1, 2, 3]), { ...about, wants: "execute" });
    assert.deepEqual(notified("execveat", [1, 2, 3]), { ...about, wants: "execute" });
    for (const name of ["kill", "tkill"]) {
      assert.deepEqual(notified(name, [88, 9]), { ...about, wants: { reach: 88 } });
      // The kernel takes 32 bits.
      assert.deepEqual(notified(name, [88n | 9n << 32n, 9]).wants, { reach: 88 });
    }
    assert.deepEqual(notified("tgkill", [88, 99, 9]).wants, { reach: 88 }, "the process, not the thread");
    assert.deepEqual(notified("setpgid", [0, 88]).wants, { reach: 88 });
    assert.deepEqual(notified("setpgid", [77, 88n | 1n << 40n]).wants, { reach: 88 });
    // A group is its leader's; everybody is init's.
    assert.deepEqual(notified("kill", [-88, 9]).wants, { reach: 88 });
    assert.deepEqual(notified("kill", [-1, 9]).wants, { reach: 1 });
    assert.deepEqual(notified("setpgid", [0, -88]).wants, { reach: -88 }, "of which there is none");
    assert.equal(notified("execve", [], 2 ** 22).pid, 2 ** 22);
  });
}

Deno.test("filter, x86_64: an x32 number is no system call, and ends nothing", () => {
  const ask = (nr: number) => runFilter(FILTERS.x86_64, { arch: AUDIT.x86_64, nr, args: [1, 9] });
  for (const nr of Object.values(NUMBERS.x86_64)) assert.deepEqual(ask(nr | 0x4000_0000), ENOSYS);
  // execve and kill have numbers of their own in x32; -1 is what a tracer leaves.
  for (const nr of [0x4000_0000 | 520, 0x4000_0000 | 524, 0x4000_0000, -1, -(2 ** 31)]) {
    assert.deepEqual(ask(nr), ENOSYS);
  }
  assert.equal(ask(0x3fff_ffff), "allow");
});

Deno.test("filter, aarch64: its bytes are those that were reviewed", () => {
  const bytes = FILTERS.aarch64.toHex();
  assert.deepEqual(bytes.match(/.{16}/g), REVIEWED_AARCH64.map(([line]) => line));
});

Deno.test("filter: the mark is the one that it is made for", () => {
  const program = filterProgram({ architecture: "x86_64", tagResource: 3 });
  const ask = (name: string, ...args: number[]) =>
    runFilter(program, { arch: AUDIT.x86_64, nr: NUMBERS.x86_64[name]!, args });
  assert.deepEqual([ask("setrlimit", 3, 1), ask("setrlimit", TAG_RESOURCE, 1)], [EPERM, "allow"]);
  assert.deepEqual([ask("prlimit64", 0, 3, 1), ask("prlimit64", 0, TAG_RESOURCE, 1)], [EPERM, "allow"]);
});

Deno.test("filter: the header says how many instructions there are, and where", () => {
  const program = FILTERS.x86_64;
  const view = new DataView(filterHeader(program, 0x7f12_3456_789a_bcden).buffer);
  assert.equal(view.byteLength, 16);
  assert.equal(view.getUint16(0, true), program.length / 8);
  assert.equal(view.getBigUint64(8, true), 0x7f12_3456_789a_bcden);
});

Deno.test("notifications: sizes, operations and requests are those of the kernel's headers", () => {
  // struct seccomp_notif { u64 id; u32 pid; u32 flags; struct seccomp_data data; }, and its answer.
  assert.equal(NOTIFICATION_BYTES, 8 + 4 + 4 + (4 + 4 + 8 + 6 * 8));
  assert.equal(RESPONSE_BYTES, 8 + 8 + 4 + 4);
  // _IOC of include/uapi/asm-generic/ioctl.h: direction (1 write, 2 read), size, '!', number.
  const request = (direction: number, size: number, number: number) =>
    (direction << 30 | size << 16 | "!".charCodeAt(0) << 8 | number) >>> 0;
  assert.deepEqual(NOTIFICATION_IOCTL, {
    receive: request(3, NOTIFICATION_BYTES, 0),
    send: request(3, RESPONSE_BYTES, 1),
    isValid: request(1, 8, 2),
  });
  assert.deepEqual(SECCOMP, { setModeFilter: 1, getNotificationSizes: 3, flagNewListener: 1 << 3 });
});

Deno.test("notifications: the answer is to go on, or an error, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.integer({ min: 1, max: 4095 }),
      (id, errno) => {
        const fields = (bytes: Uint8Array<ArrayBuffer>) => {
          assert.equal(bytes.length, RESPONSE_BYTES);
          const view = new DataView(bytes.buffer);
          return [
            view.getBigUint64(0, true),
            view.getBigInt64(8, true),
            view.getInt32(16, true),
            view.getUint32(20, true),
          ];
        };
        assert.deepEqual(fields(responseBytes(id, "continue")), [id, 0n, 0, 1]);
        assert.deepEqual(fields(responseBytes(id, { errno })), [id, 0n, -errno, 0]);
      },
    ),
  );
});
