import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Ceilings,
  landLimits,
  type Limit,
  limitsOf,
  ownHardLimits,
  readLimit,
  RESOURCE,
} from "../../../src/confinement/linux/ceilings.ts";
import { runTag, TAG_RESOURCE } from "../../../src/confinement/linux/run_tag.ts";
import { FakeProcessKernel, UNLIMITED } from "./fake_process_kernel.ts";

const CEILINGS: Ceilings = { memoryBytes: 512 << 20, cpuSec: 31, openFiles: 256, fileBytes: 64 << 20 };
const TAG = runTag("00000000aa", 7);
const ALL = [...Object.values(RESOURCE), TAG_RESOURCE];

const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 });
const ceilings: fc.Arbitrary<Ceilings> = fc.record({
  memoryBytes: whole,
  cpuSec: whole,
  openFiles: whole,
  fileBytes: whole,
});

/** A machine on which this process and its children have these hard limits. */
function machine(most: ReadonlyMap<number, bigint> = new Map()) {
  const kernel = new FakeProcessKernel();
  const self = kernel.processes.get(100)!;
  for (const [resource, hard] of most) self.limits.set(resource, [hard, hard]);
  return { kernel, child: kernel.fork(self) };
}

const both = (value: bigint | number): Limit => ({ soft: BigInt(value), hard: BigInt(value) });

Deno.test("ceilings: resource numbers are those of the kernel's asm-generic/resource.h", () => {
  assert.deepEqual(RESOURCE, {
    cpu: 0,
    fileSize: 1,
    core: 4,
    processes: 6,
    openFiles: 7,
    addressSpace: 9,
  });
});

Deno.test("ceilings: each is a limit, soft as hard, but for a second of processor time; no core; the mark last", () => {
  assert.deepEqual([...limitsOf(CEILINGS, TAG)], [
    [0, { soft: 31n, hard: 32n }],
    [1, both(64 << 20)],
    [4, both(0)],
    [7, both(256)],
    [9, both(512 << 20)],
    [10, both(TAG)],
  ]);
});

Deno.test("ceilings: what lands is what was wanted, as far as this process may give it", () => {
  const most = fc.dictionary(
    fc.constantFrom(...ALL.filter((resource) => resource !== TAG_RESOURCE).map(String)),
    fc.oneof(fc.bigInt({ min: 0n, max: UNLIMITED }), whole.map(BigInt)),
  );
  fc.assert(fc.property(ceilings, most, (ceilings, most) => {
    const { kernel, child } = machine(
      new Map(Object.entries(most).map(([resource, hard]) => [Number(resource), hard])),
    );
    const own = ownHardLimits(kernel, ALL);
    const wanted = limitsOf(ceilings, TAG);
    assert.equal(landLimits(kernel, child.pid, wanted, own), null);
    for (const [resource, { soft, hard }] of wanted) {
      const cap = own.get(resource)!;
      const landed = readLimit(kernel, child.pid, resource);
      assert.deepEqual(landed, { soft: soft < cap ? soft : cap, hard: hard < cap ? hard : cap });
    }
    assert.deepEqual(kernel.limitsSet.at(-1), { pid: child.pid, resource: TAG_RESOURCE });
    assert.equal(kernel.limitsSet.length, wanted.size, "each was set once");
  }));
});

Deno.test("ceilings: a limit beyond what was asked about is tried as it is", () => {
  const { kernel, child } = machine(new Map([[7, 100n]]));
  assert.match(landLimits(kernel, child.pid, limitsOf(CEILINGS, TAG), new Map())!, /resource 7 .*: EPERM/);
});

Deno.test("ceilings: the first that does not land is named, and the mark is not set then", () => {
  const { kernel } = machine();
  const reason = landLimits(kernel, 4711, limitsOf(CEILINGS, TAG), new Map());
  assert.equal(reason, "the limit of resource 0 did not land: ESRCH");
  const foreign = kernel.add({ foreign: true });
  assert.match(landLimits(kernel, foreign.pid, limitsOf(CEILINGS, TAG), new Map())!, /EPERM/);
  assert.deepEqual(kernel.limitsSet, []);
});

Deno.test("ceilings: reading answers with the limit, or with the error", () => {
  const { kernel, child } = machine(new Map([[TAG_RESOURCE, 5n]]));
  assert.deepEqual(readLimit(kernel, child.pid, TAG_RESOURCE), both(5));
  assert.deepEqual(readLimit(kernel, child.pid, 0), both(UNLIMITED));
  assert.equal(readLimit(kernel, 4711, 0), -3);
  assert.deepEqual(kernel.limitsSet, [], "and sets nothing");
});

Deno.test("ceilings: own limits that cannot be read are fatal", () => {
  const { kernel } = machine();
  kernel.failing.set("prlimit64", 38);
  assert.throws(() => ownHardLimits(kernel, [0]), /prlimit64: ENOSYS/);
});
