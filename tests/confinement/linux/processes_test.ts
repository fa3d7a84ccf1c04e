import assert from "node:assert/strict";
import fc from "fast-check";
import {
  killOnce,
  markedProcesses,
  readSelf,
  SIGNAL,
  signalRoot,
  tagOf,
  waitForAdopted,
} from "../../../src/confinement/linux/processes.ts";
import { Endings } from "../../../src/confinement/linux/endings.ts";
import { nonceOfTag, runTag } from "../../../src/confinement/linux/run_tag.ts";
import { FakeTime } from "../../support/fake_time.ts";
import { type FakeProcess, FakeProcessKernel, UNLIMITED } from "./fake_process_kernel.ts";

const OWN = "00000000aa";
const DEAD = "00000000bb";
const WANTED = runTag(OWN, 7);
const NEIGHBOUR = runTag(OWN, 8);
const isWanted = (tag: bigint) => tag === WANTED;
const nobody: ReadonlySet<number> = new Set();

/** A choice among what there is, by a number that fast-check draws. */
function pick<T>(items: readonly T[], draw: number): T | undefined {
  return items[draw % items.length];
}

/** What a process does next: any of these may be impossible for it, and then nothing happens. */
function act(kernel: FakeProcessKernel, process: FakeProcess, [kind, draw]: readonly [number, number]): void {
  const ownRun = kernel.living((tag) => tag === kernel.tagOf(process));
  const acts = [
    () => kernel.fork(process),
    () => kernel.fork(process),
    () => kernel.setsid(kernel.fork(process)),
    () => kernel.setsid(process),
    () => kernel.join(process, process.pid),
    // The warden lets it join a group that is led by a process of its own run, and no other.
    () => kernel.join(process, pick(ownRun, draw)!.pid),
    () => kernel.exit(process),
    () => void (process.name = [") Z 1 1 1 (", "a b", "((", "", "\u{e9}\n"][draw % 5]!),
  ];
  pick(acts, kind)!();
}

/** A machine on which runs, their neighbours and strangers do what they like, a step before each of our calls. */
interface Life {
  /** In which session of 50 (our own) and others the first processes are; whose they are. */
  readonly first: readonly (readonly [whose: "run" | "neighbour" | "stranger", session: number])[];
  readonly steps: readonly (readonly [who: number, kind: number, draw: number])[];
  /** How many steps happen between two of our calls. */
  readonly pace: number;
}

const life = (sessionsOf: (whose: string) => number): fc.Arbitrary<Life> =>
  fc.record({
    first: fc.array(
      fc.constantFrom("run", "run", "neighbour", "stranger").map((whose) =>
        [whose as "run" | "neighbour" | "stranger", sessionsOf(whose)] as const
      ),
      { minLength: 1, maxLength: 6 },
    ),
    steps: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { maxLength: 120 }),
    pace: fc.integer({ min: 1, max: 5 }),
  });

/**
 * Plays a life while `look` is repeated, until one that began when everybody had done what they were going to do has
 * met nobody.
 *
 * @param look told who is waited for, answers whether it met nobody
 */
function live(
  kernel: FakeProcessKernel,
  tags: Readonly<Record<string, bigint>>,
  { first, steps, pace }: Life,
  look: (roots: ReadonlySet<number>) => boolean,
): void {
  const roots = new Set<number>();
  for (const [whose, session] of first) {
    const made = kernel.add({ session, tag: tags[whose]!, group: session });
    if (whose === "stranger") continue;
    made.group = made.pid;
    roots.add(made.pid);
  }
  const left = [...steps];
  kernel.meanwhile = () => {
    for (const [who, kind, draw] of left.splice(0, pace)) {
      const marked = kernel.living((tag) => tag !== UNLIMITED && tag !== tags["stranger"]);
      const actor = pick(marked, who);
      if (actor !== undefined) act(kernel, actor, [kind, draw]);
      if (kind % 7 === 0) kernel.buryOrphans();
    }
  };
  for (let looks = 0; looks < 200; looks++) {
    const isQuiet = left.length === 0;
    if (look(roots) && isQuiet) return;
  }
  assert.fail("it does not come to an end");
}

Deno.test("ending a run: all of it dies, whatever it does meanwhile, and nobody else is signalled", () => {
  const tags = { run: WANTED, neighbour: NEIGHBOUR, stranger: UNLIMITED };
  fc.assert(
    fc.property(life(() => 50), (life) => {
      const kernel = new FakeProcessKernel();
      const self = readSelf(kernel);
      live(kernel, tags, life, (roots) => killOnce(kernel, self, isWanted, roots).length === 0);
      assert.deepEqual(kernel.living(isWanted), []);
      for (const { tag, signal } of kernel.delivered) assert.deepEqual([tag, signal], [WANTED, SIGNAL.kill]);
      assert.equal(kernel.open, 0);
      assert.deepEqual(kernel.waitedFor, [], "we are not the first process: nobody is ours to wait for");
    }),
    { numRuns: 500 },
  );
});

/** How many of our calls a fork and an end take: 5 is nobody's machine, and with 4 the last has gone before it is met. */
for (const pace of [5, 15, 30, 100]) {
  Deno.test(`ending a run: what forks and ends at once, again and again, is met, ${pace} calls each`, async () => {
    using time = new FakeTime({ readingMs: 1 });
    const kernel = new FakeProcessKernel();
    const self = readSelf(kernel);
    kernel.join(kernel.add({ tag: WANTED, parent: 1 }), 1000);
    let calls = 0;
    kernel.meanwhile = () => {
      // Every so many of our calls each of them forks and ends.
      if (++calls % pace === 0) {
        for (const process of kernel.living(isWanted)) kernel.exit((kernel.fork(process), process));
      }
      kernel.buryOrphans();
    };
    let ended: unknown = null;
    void new Endings(kernel, self, () => nobody).end(isWanted).then((value) => ended = value);
    while (ended === null) await time.advance(1);
    assert.deepEqual(kernel.living(isWanted), []);
  });
}

/** The pids that signals reached by their group, each once. */
const reachedAsGroup = (kernel: FakeProcessKernel) =>
  [...new Set(kernel.delivered.filter(({ asGroup }) => asGroup).map(({ pid }) => pid))].sort();

Deno.test("ending a run: each of its groups is killed as a whole, in our own session too, and nobody else's", () => {
  const kernel = new FakeProcessKernel();
  const self = readSelf(kernel);
  const neighbour = kernel.add({ tag: NEIGHBOUR });
  neighbour.group = neighbour.pid;
  // As it is between fork and the landing of its limits: in our group, and without a mark.
  const landing = kernel.add();
  const root = kernel.add({ tag: WANTED });
  assert.equal(kernel.join(root, root.pid), 0);
  const child = kernel.fork(root);
  const ofGroup = kernel.fork(root);
  assert.equal(kernel.join(ofGroup, ofGroup.pid), 0);
  const daemon = kernel.fork(root);
  kernel.setsid(daemon);
  killOnce(kernel, self, isWanted, nobody);
  assert.deepEqual(reachedAsGroup(kernel), [root, child, ofGroup, daemon].map(({ pid }) => pid));
  assert.deepEqual(kernel.living(() => true).filter(({ pid }) => pid > 999), [neighbour, landing]);
});

Deno.test("ending a run: whoever has outrun the look dies with the group of the dead that it left", () => {
  const kernel = new FakeProcessKernel();
  const self = readSelf(kernel);
  const root = kernel.add({ tag: WANTED, parent: 1 });
  kernel.join(root, root.pid);
  // It is not there yet when the processes are listed, and its number is not near those that are.
  let next: FakeProcess | null = null;
  let calls = 0;
  kernel.meanwhile = () => {
    if (++calls !== 4) return;
    next = kernel.add({ pid: 5000, parent: root.pid });
    kernel.exit(root);
  };
  assert.deepEqual(killOnce(kernel, self, isWanted, nobody), []);
  assert.ok(next !== null && kernel.tagOf(next) === WANTED);
  assert.equal(kernel.isAlive(next), false);
});

Deno.test("ending a run: neither our own group nor one whose leader is somebody else's is ever signalled", () => {
  // Neither can be by the warden's rules.
  for (const tag of [NEIGHBOUR, UNLIMITED]) {
    const kernel = new FakeProcessKernel();
    const self = readSelf(kernel);
    const leader = kernel.add({ tag });
    leader.group = leader.pid;
    const joined = kernel.add({ tag: WANTED });
    assert.equal(kernel.join(joined, leader.pid), 0);
    const ours = kernel.add({ tag: WANTED });
    assert.equal(ours.group, self.group);
    killOnce(kernel, self, isWanted, nobody);
    assert.deepEqual(kernel.delivered.map(({ pid }) => pid), [ours.pid, joined.pid]);
    assert.deepEqual(reachedAsGroup(kernel), []);
  }
});

Deno.test("ending what a dead server left: all of it dies, and in a session of its own nobody else", () => {
  const tags = { run: runTag(DEAD, 1), neighbour: runTag(DEAD, 2), stranger: UNLIMITED };
  const isDead = (tag: bigint) => nonceOfTag(tag) === DEAD;
  fc.assert(
    fc.property(life((whose) => whose === "stranger" ? 50 : 70), (life) => {
      const kernel = new FakeProcessKernel();
      const self = readSelf(kernel);
      live(kernel, tags, life, (roots) => killOnce(kernel, self, isDead, roots).length === 0);
      assert.deepEqual(kernel.living(isDead), []);
      for (const { tag } of kernel.delivered) assert.ok(isDead(tag));
    }),
    { numRuns: 300 },
  );
});

Deno.test(
  "ending what a dead server left: whoever shares the session that it ran in is not signalled",
  () => {
    const tags = { run: runTag(DEAD, 1), neighbour: runTag(DEAD, 2), stranger: UNLIMITED };
    const isDead = (tag: bigint) => nonceOfTag(tag) === DEAD;
    fc.assert(
      // 70 is a login's session: a shell in it, or an editor, had started the server.
      fc.property(life(() => 70), (life) => {
        const kernel = new FakeProcessKernel();
        const self = readSelf(kernel);
        live(kernel, tags, life, (roots) => killOnce(kernel, self, isDead, roots).length === 0);
        for (const { tag } of kernel.delivered) assert.ok(isDead(tag), "a stranger was signalled");
      }),
      { numRuns: 300 },
    );
  },
);

Deno.test("ending a run: what cannot be killed is told, each time, and signalled once a look", () => {
  const kernel = new FakeProcessKernel();
  const self = readSelf(kernel);
  const stuck = kernel.add({ tag: WANTED, stuck: true });
  for (let look = 1; look <= 3; look++) {
    assert.deepEqual(killOnce(kernel, self, isWanted, nobody).map(({ pid }) => pid), [stuck.pid]);
    assert.equal(kernel.delivered.length, look);
  }
});

Deno.test("ending a run: the dead are met once, and are not among the living", () => {
  const kernel = new FakeProcessKernel();
  const self = readSelf(kernel);
  const dead = new Set<number>();
  const zombies = [
    kernel.add({ tag: WANTED, zombie: true }),
    kernel.add({ tag: WANTED, zombie: true, session: 4000, group: 4000 }),
  ];
  assert.deepEqual(killOnce(kernel, self, isWanted, nobody, dead), []);
  assert.deepEqual([...dead].sort(), zombies.map(({ pid }) => pid));
  const count = kernel.delivered.length;
  assert.deepEqual(killOnce(kernel, self, isWanted, nobody, dead), []);
  assert.equal(kernel.delivered.length, count);
});

Deno.test("ending a run: one whose first thread has ended goes on in the others, and is killed", () => {
  const kernel = new FakeProcessKernel();
  const self = readSelf(kernel);
  const process = kernel.add({ tag: WANTED, zombie: true, threads: 3 });
  assert.deepEqual(killOnce(kernel, self, isWanted, nobody).map(({ pid }) => pid), [process.pid]);
  assert.equal(kernel.isAlive(process), false);
});

Deno.test("looking: all with what /proc shows, whatever the name is, and nobody is touched", () => {
  const unit = fc.constantFrom(..."ab) (ZX1\n\u{e9}\u{20ac}");
  fc.assert(fc.property(fc.array(fc.string({ unit, maxLength: 15 }), { minLength: 1 }), (names) => {
    const kernel = new FakeProcessKernel();
    const made = names.map((name, index) =>
      kernel.add({ name, tag: WANTED, parent: 1, group: 7, zombie: index % 2 === 1 })
    );
    assert.deepEqual(
      markedProcesses(kernel, isWanted),
      made.map(({ pid, zombie }) => ({
        pid,
        tag: WANTED,
        parent: 1,
        group: 7,
        alive: !zombie,
      })),
    );
    assert.deepEqual(kernel.delivered, []);
  }));
});

Deno.test("looking: who belongs to others, or is gone meanwhile, is not among them", () => {
  const kernel = new FakeProcessKernel();
  const process = kernel.add({ tag: WANTED });
  const foreign = kernel.add({ tag: WANTED, foreign: true });
  assert.equal(tagOf(kernel, foreign.pid), null);
  assert.equal(tagOf(kernel, 4711), null);
  assert.equal(tagOf(kernel, process.pid), WANTED);
  assert.deepEqual(markedProcesses(kernel, isWanted).map(({ pid }) => pid), [process.pid]);
  let calls = 0;
  for (let at = 1; at < 40; at++) {
    const kernel = new FakeProcessKernel();
    const process = kernel.add({ tag: WANTED });
    kernel.meanwhile = () => void (++calls === at && kernel.processes.delete(process.pid));
    calls = 0;
    assert.ok(markedProcesses(kernel, isWanted).length <= 1);
    assert.equal(kernel.open, 0);
  }
});

Deno.test("looking: a /proc that cannot be read is no empty one", () => {
  const kernel = new FakeProcessKernel();
  kernel.failing.set("openat", 13);
  assert.throws(() => markedProcesses(kernel, isWanted), /Cannot list the processes/);
});

Deno.test("as the first process: what has died and was inherited is waited for, and nobody else's children", () => {
  const step = fc.tuple(fc.nat(), fc.nat(), fc.nat());
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.array(fc.boolean(), { maxLength: 6 }),
      (steps, first) => {
        const kernel = new FakeProcessKernel({ self: 1, session: 1 });
        const self = readSelf(kernel);
        const roots = first.map((isOurs) => {
          const root = kernel.add({ tag: isOurs ? WANTED : NEIGHBOUR });
          root.group = root.pid;
          return root.pid;
        });
        const left = [...steps];
        kernel.meanwhile = () => {
          const [step] = left.splice(0, 1);
          if (step === undefined) return;
          const actor = pick(kernel.living((tag) => tag !== UNLIMITED), step[0]);
          if (actor !== undefined) act(kernel, actor, [step[1], step[2]]);
        };
        const waitedFor = new Set(roots);
        for (let look = 0; look < 200 && (left.length > 0 || kernel.living(isWanted).length > 0); look++) {
          killOnce(kernel, self, isWanted, waitedFor);
        }
        killOnce(kernel, self, isWanted, waitedFor);
        for (const pid of kernel.waitedFor) assert.ok(!waitedFor.has(pid), "somebody else waits for it");
        const dead = [...kernel.processes.values()].filter(({ zombie }) => zombie);
        assert.deepEqual(
          dead.filter((process) => isWanted(kernel.tagOf(process)) && process.parent === 1)
            .filter(({ pid }) => !waitedFor.has(pid)),
          [],
          "nothing that was inherited stays",
        );
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("as the first process: the living are not waited for, nor what another has to wait for", () => {
  const kernel = new FakeProcessKernel({ self: 1, session: 1 });
  const self = readSelf(kernel);
  const parent = kernel.add({ tag: WANTED });
  kernel.add({ tag: WANTED, parent: parent.pid, zombie: true });
  waitForAdopted(kernel, self, markedProcesses(kernel, isWanted), nobody);
  assert.deepEqual(kernel.waitedFor, []);
  kernel.exit(parent);
  waitForAdopted(kernel, self, markedProcesses(kernel, isWanted), new Set([parent.pid]));
  assert.deepEqual(kernel.waitedFor, [parent.pid + 1]);
});

Deno.test("stopping: the first process and its group get the signal, if it is still that process", () => {
  const machine = () => {
    const kernel = new FakeProcessKernel();
    const root = kernel.add({ tag: WANTED, ignoresTerm: true });
    root.group = root.pid;
    return { kernel, root, child: kernel.fork(root) };
  };
  const reached = (kernel: FakeProcessKernel) => kernel.delivered.map(({ pid, signal }) => [pid, signal]);

  const { kernel, root, child } = machine();
  assert.equal(signalRoot(kernel, root.pid, WANTED, SIGNAL.term), true);
  assert.deepEqual(reached(kernel), [[root.pid, 15], [child.pid, 15]]);

  const left = machine();
  left.kernel.setsid(left.kernel.fork(left.root));
  left.kernel.join(left.root, 50);
  assert.equal(signalRoot(left.kernel, left.root.pid, WANTED, SIGNAL.term), true);
  assert.deepEqual(reached(left.kernel), [[left.child.pid, 15], [left.root.pid, 15]], "it left its group");

  for (
    const change of [
      ({ kernel, root }: ReturnType<typeof machine>) => void kernel.processes.delete(root.pid),
      ({ kernel, root }: ReturnType<typeof machine>) => kernel.exit(root),
      ({ root }: ReturnType<typeof machine>) => void root.limits.clear(),
      ({ root }: ReturnType<typeof machine>) => void root.limits.set(10, [NEIGHBOUR, NEIGHBOUR]),
    ]
  ) {
    const gone = machine();
    change(gone);
    assert.equal(signalRoot(gone.kernel, gone.root.pid, WANTED, SIGNAL.term), false);
    assert.deepEqual(gone.kernel.delivered, []);
  }
});
