import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CAPABILITIES,
  type CapabilityName,
  holdsCapability,
  readCapabilities,
  reduceCapabilities,
} from "../../../src/confinement/linux/capabilities.ts";
import type { Kernel, SyscallArgument } from "../../../src/confinement/linux/kernel.ts";
import type { SyscallName } from "../../../src/confinement/linux/syscalls.ts";

const [EPERM, EFAULT, EINVAL, ENOSYS] = [1, 14, 22, 38] as const;
const [SETPCAP, NET_RAW] = [8, 13] as const;
const VERSION_3 = 0x2008_0522;

const bit = (capability: number) => 1n << BigInt(capability);

interface Sets {
  effective: bigint;
  permitted: bigint;
  inheritable: bigint;
  bounding: bigint;
  ambient: bigint;
}

/** One thread's sets, changed as capabilities(7), capset(2) and prctl(2) say. */
class FakeCapabilityKernel implements Kernel {
  readonly architecture = "x86_64";
  readonly sets: Sets;
  /** The call that fails, counted from 0, and its error number. */
  failing: { readonly at: number; readonly errno: number } | null = null;
  readonly calls: (readonly [SyscallName, ...SyscallArgument[]])[] = [];

  /** @param last the highest capability that this kernel knows */
  constructor(sets: Partial<Sets>, readonly last = 40) {
    this.sets = { effective: 0n, permitted: 0n, inheritable: 0n, bounding: 0n, ambient: 0n, ...sets };
  }

  call(name: SyscallName, ...args: readonly SyscallArgument[]): number {
    this.calls.push([name, ...args]);
    if (this.failing?.at === this.calls.length - 1) return -this.failing.errno;
    if (name === "capget" || name === "capset") {
      const [header, data] = args as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
      const view = new DataView(header.buffer);
      if (header.length !== 8 || view.getUint32(0, true) !== VERSION_3) return -EINVAL;
      if (view.getInt32(4, true) !== 0) return -EPERM;
      if (data.length !== 24) return -EFAULT;
      return name === "capget" ? this.#get(data) : this.#set(data);
    }
    if (name === "prctl") return this.#prctl(args as number[]);
    throw new Error(`no ${name} here`);
  }

  #get(data: Uint8Array<ArrayBuffer>): number {
    const view = new DataView(data.buffer);
    const { effective, permitted, inheritable } = this.sets;
    for (const [index, set] of [effective, permitted, inheritable].entries()) {
      view.setUint32(4 * index, Number(set & 0xffff_ffffn), true);
      view.setUint32(12 + 4 * index, Number(set >> 32n), true);
    }
    return 0;
  }

  #set(data: Uint8Array<ArrayBuffer>): number {
    const view = new DataView(data.buffer);
    const set = (index: number) =>
      BigInt(view.getUint32(4 * index, true)) | BigInt(view.getUint32(12 + 4 * index, true)) << 32n;
    const [effective, permitted, inheritable] = [set(0), set(1), set(2)];
    const old = this.sets;
    const isIn = (small: bigint, large: bigint) => (small & ~large) === 0n;
    const hasSetpcap = (old.effective & bit(SETPCAP)) !== 0n;
    if (!hasSetpcap && !isIn(inheritable, old.inheritable | old.permitted)) return -EPERM;
    if (!isIn(inheritable, old.inheritable | old.bounding)) return -EPERM;
    if (!isIn(permitted, old.permitted) || !isIn(effective, permitted)) return -EPERM;
    Object.assign(this.sets, { effective, permitted, inheritable });
    this.sets.ambient &= permitted & inheritable;
    return 0;
  }

  #prctl([operation, first = 0, second = 0, third = 0, fourth = 0]: number[]): number {
    if (operation === 23) {
      return first > this.last ? -EINVAL : Number(this.sets.bounding >> BigInt(first) & 1n);
    }
    if (operation === 24) {
      if (first > this.last) return -EINVAL;
      if ((this.sets.effective & bit(SETPCAP)) === 0n) return -EPERM;
      this.sets.bounding &= ~bit(first);
      return 0;
    }
    if (operation !== 47 || third !== 0 || fourth !== 0) return -EINVAL;
    if (first === 4 && second === 0) {
      this.sets.ambient = 0n;
      return 0;
    }
    if (first !== 2) return -EINVAL;
    if ((this.sets.permitted & this.sets.inheritable & bit(second)) === 0n) return -EPERM;
    this.sets.ambient |= bit(second);
    return 0;
  }

  /**
   * What a program has after execve(2) under no_new_privs, which voids file capabilities: the ambient set, and for
   * root what is in the bounding set and permitted before.
   */
  afterExecve(isRoot: boolean): bigint {
    const { ambient, inheritable, bounding, permitted } = this.sets;
    return isRoot ? (inheritable | bounding) & permitted : ambient;
  }
}

const ALL = (1n << 41n) - 1n;
const set = fc.bigInt({ min: 0n, max: ALL });
const declared: fc.Arbitrary<CapabilityName[]> = fc.subarray(Object.keys(CAPABILITIES) as CapabilityName[]);
/** Sets that a thread can have: what is in effect is permitted, what is ambient is permitted and inheritable. */
const sets: fc.Arbitrary<Sets> = fc.record({ a: set, b: set, c: set, d: set, e: set, isFull: fc.boolean() })
  .map(({ a, b, c, d, e, isFull }) =>
    isFull
      ? { effective: ALL, permitted: ALL, inheritable: 0n, bounding: ALL, ambient: 0n }
      : { permitted: a, effective: a & b, inheritable: c, bounding: d, ambient: a & c & e }
  );

Deno.test("capabilities: numbers are those of the kernel's linux/capability.h", () => {
  assert.deepEqual(CAPABILITIES, { net_raw: NET_RAW });
});

Deno.test("capabilities: reading gives all 64 bits, of the three sets in their order", () => {
  fc.assert(fc.property(set, set, set, (effective, permitted, inheritable) => {
    const kernel = new FakeCapabilityKernel({ effective, permitted, inheritable });
    assert.deepEqual(readCapabilities(kernel), { effective, permitted, inheritable });
    assert.equal(holdsCapability(kernel, "net_raw"), (permitted & bit(NET_RAW)) !== 0n);
  }));
  const kernel = new FakeCapabilityKernel({ permitted: ALL });
  kernel.failing = { at: 0, errno: ENOSYS };
  assert.equal(readCapabilities(kernel), -ENOSYS);
  kernel.failing = { at: 1, errno: ENOSYS };
  assert.equal(holdsCapability(kernel, "net_raw"), false);
});

Deno.test("capabilities: what is left is what was declared, in the thread and in its programs, or nothing starts", () => {
  fc.assert(
    fc.property(sets, declared, (sets, declared) => {
      const kernel = new FakeCapabilityKernel({ ...sets });
      const kept = declared.reduce((all, name) => all | bit(CAPABILITIES[name]), 0n);
      const reason = reduceCapabilities(kernel, declared);
      const after = kernel.sets;
      if (reason === null) {
        assert.equal(sets.permitted & kept, kept);
        assert.deepEqual([after.effective, after.permitted, after.inheritable], [kept, kept, kept]);
        assert.equal(after.ambient, kept);
        assert.equal(kernel.afterExecve(false), kept);
        assert.equal(kernel.afterExecve(true) & ~kept, 0n);
        const canDrop = (sets.effective & bit(SETPCAP)) !== 0n;
        assert.equal(after.bounding, canDrop ? sets.bounding & kept : sets.bounding);
      } else if ((sets.permitted & kept) !== kept) {
        assert.match(reason, /does not have the capability net_raw/);
        assert.deepEqual(after, sets, "and nothing was begun");
      } else {
        // Permitted, but neither inheritable nor in the bounding set: a program could not be given it.
        assert.match(reason, /^capset: EPERM$/);
        assert.notEqual(kept & ~(sets.inheritable | sets.bounding), 0n);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("capabilities: nothing declared leaves nothing, also to a process that had an ambient set", () => {
  const raw = bit(NET_RAW);
  const kernel = new FakeCapabilityKernel({ effective: raw, permitted: raw, inheritable: raw, ambient: raw });
  assert.equal(reduceCapabilities(kernel, []), null);
  assert.deepEqual(kernel.sets, { effective: 0n, permitted: 0n, inheritable: 0n, bounding: 0n, ambient: 0n });
});

Deno.test("capabilities: every one that the kernel knows is dropped, however many there are", () => {
  for (const last of [30, 40, 63]) {
    const full = (1n << BigInt(last + 1)) - 1n;
    const kernel = new FakeCapabilityKernel({ effective: full, permitted: full, bounding: full }, last);
    assert.equal(reduceCapabilities(kernel, ["net_raw"]), null);
    assert.equal(kernel.sets.bounding, bit(NET_RAW));
  }
});

Deno.test("capabilities: whichever step fails, it is named, and is fatal", () => {
  const full = { effective: ALL, permitted: ALL, bounding: bit(3) | bit(NET_RAW) };
  const whole = new FakeCapabilityKernel(full);
  assert.equal(reduceCapabilities(whole, ["net_raw"]), null);
  const reasons = new Set<string>();
  for (const [at, [name, operation]] of whole.calls.entries()) {
    const kernel = new FakeCapabilityKernel(full);
    kernel.failing = { at, errno: EPERM };
    const reason = reduceCapabilities(kernel, ["net_raw"]);
    // A bounding set that cannot be read is not dropped; the permitted set holds then.
    if (name === "prctl" && operation === 23) continue;
    reasons.add(reason!);
    assert.equal(kernel.calls.length, at + 1, "nothing is tried after it");
  }
  assert.deepEqual([...reasons], [
    "capget: EPERM",
    "clearing the ambient set: EPERM",
    "dropping capability 3: EPERM",
    "capset: EPERM",
    "raising net_raw: EPERM",
  ]);
});
