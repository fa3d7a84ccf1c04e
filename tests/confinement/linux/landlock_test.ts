import assert from "node:assert/strict";
import { executableFiles } from "../../../src/confinement/executable_files.ts";
import {
  ERRNO,
  type Kernel,
  LIBC_PATHS,
  openKernel,
  type SyscallArgument,
} from "../../../src/confinement/linux/kernel.ts";
import type { SyscallName } from "../../../src/confinement/linux/syscalls.ts";
import {
  landlockAbi,
  landlockRules,
  type Restriction,
  restrictThread,
} from "../../../src/confinement/linux/landlock.ts";
import type { Attempt, ToProbe } from "./landlock_probe.ts";

const GRANTS = {
  executables: ["/usr/bin/nmap", "/lib/ld.so"],
  writableFolder: "/scratch",
  readable: ["/usr", "/dev/null"],
};

/** A kernel that hands out descriptors from 10 on, knows one folder, and fails where it is told to. */
class FakeKernel implements Kernel {
  readonly architecture = "x86_64";
  readonly calls: { name: SyscallName; args: SyscallArgument[] }[] = [];
  readonly open = new Map<number, string>();
  /** The rules that were added: which path, which rights. */
  readonly rules: [string, bigint][] = [];
  #next = 10;

  constructor(readonly failing: { readonly at: number; readonly errno: number } | null = null) {}

  call(name: SyscallName, ...args: readonly SyscallArgument[]): number {
    // A buffer may be used again later: what counts is what it held at the call.
    this.calls.push({ name, args: args.map((arg) => arg instanceof Uint8Array ? arg.slice() : arg) });
    if (this.failing?.at === this.calls.length - 1) return -this.failing.errno;
    if (name === "close") return this.open.delete(args[0] as number) ? 0 : -9;
    if (name === "openat" && args[1] === ".") {
      return this.open.get(args[0] as number) === "/scratch" ? this.#descriptor("/scratch") : -ERRNO.ENOTDIR;
    }
    if (name === "openat") return this.#descriptor(args[1] as string);
    if (name === "landlock_create_ruleset") return this.#descriptor("ruleset");
    if (name === "landlock_add_rule") this.rules.push(this.#rule(args));
    return 0;
  }

  named(name: SyscallName) {
    return this.calls.filter((call) => call.name === name);
  }

  #rule([ruleset, type, attributes, flags]: readonly SyscallArgument[]): [string, bigint] {
    assert.deepEqual([this.open.get(ruleset as number), type, flags], ["ruleset", 1, 0]);
    const bytes = attributes as Uint8Array;
    assert.equal(bytes.length, 12);
    const view = new DataView(bytes.buffer);
    return [this.open.get(view.getInt32(8, true))!, view.getBigUint64(0, true)];
  }

  #descriptor(what: string): number {
    this.open.set(this.#next, what);
    return this.#next++;
  }
}

const hex = (bytes: unknown) => (bytes as Uint8Array).toHex();

Deno.test("the ABI is asked for, and every refusal of the question is 0", () => {
  const answering = (result: number) => {
    const asked: unknown[] = [];
    const kernel: Kernel = {
      architecture: "aarch64",
      call: (name, ...args) => (asked.push(name, ...args), result),
    };
    const abi = landlockAbi(kernel);
    assert.deepEqual(asked, ["landlock_create_ruleset", null, 0, 1]);
    return abi;
  };
  assert.equal(answering(7), 7);
  for (const errno of [ERRNO.ENOSYS, ERRNO.EOPNOTSUPP, ERRNO.EPERM]) assert.equal(answering(-errno), 0);
});

Deno.test("each ABI has its rights and scopes, and an unknown newer one those of the newest known", () => {
  const handled: [number, bigint, bigint][] = [
    [0, 0n, 0n],
    [1, 0x1ff7n, 0n],
    [2, 0x3ff7n, 0n],
    [3, 0x7ff7n, 0n],
    [4, 0x7ff7n, 0n],
    [5, 0xfff7n, 0n],
    [6, 0xfff7n, 3n],
    [7, 0xfff7n, 3n],
    [99, 0xfff7n, 3n],
  ];
  for (const [abi, handledFs, scoped] of handled) {
    const rules = landlockRules(abi);
    assert.deepEqual([rules.handledFs, rules.scoped], [handledFs, scoped], `ABI ${abi}`);
  }
});

Deno.test("what is enforced and what is missing are told in words, and make up the whole", () => {
  const all = landlockRules(6);
  assert.deepEqual(all.missing, []);
  assert.ok(all.unrestricted.some((text) => /^reading files that are not below \/dev/.test(text)));
  for (let abi = 0; abi <= 6; abi += 1) {
    const { enforced, missing } = landlockRules(abi);
    assert.equal(enforced.length + missing.length, all.enforced.length);
  }
  assert.deepEqual(landlockRules(0).enforced, []);
  assert.match(landlockRules(5).missing.join("\n"), /signals .*: from Linux 6\.12 \(Landlock ABI 6\)/);
  assert.match(landlockRules(2).missing.join("\n"), /truncates .*: from Linux 6\.2 \(Landlock ABI 3\)/);
});

Deno.test("the attributes have the size and the bytes of the ABI, little-endian", () => {
  const expected: [number, string][] = [
    [1, "f71f000000000000"],
    [2, "f73f000000000000"],
    [3, "f77f000000000000"],
    [4, "f77f000000000000" + "0000000000000000"],
    [5, "f7ff000000000000" + "0000000000000000"],
    [6, "f7ff000000000000" + "0000000000000000" + "0300000000000000"],
    [7, "f7ff000000000000" + "0000000000000000" + "0300000000000000"],
  ];
  for (const [abi, bytes] of expected) {
    const kernel = new FakeKernel();
    assert.deepEqual(restrictThread(kernel, abi, GRANTS), { ok: true });
    const [created] = kernel.named("landlock_create_ruleset");
    assert.equal(hex(created!.args[0]), bytes, `ABI ${abi}`);
    assert.deepEqual(created!.args.slice(1), [bytes.length / 2, 0]);
  }
});

Deno.test("each path gets its rights, and no file a right that only folders have", () => {
  const expected: [number, bigint, bigint][] = [
    [1, 0x17b6n, 0x2n],
    [2, 0x37b6n, 0x2n],
    [3, 0x77b6n, 0x4002n],
    [5, 0x77b6n, 0xc002n],
    [7, 0x77b6n, 0xc002n],
  ];
  for (const [abi, folder, devNull] of expected) {
    const kernel = new FakeKernel();
    assert.deepEqual(restrictThread(kernel, abi, GRANTS), { ok: true });
    assert.deepEqual(kernel.rules, [
      ["/usr/bin/nmap", 5n],
      ["/lib/ld.so", 5n],
      ["/usr", 4n],
      ["/dev/null", 4n],
      ["/scratch", folder],
      ["/dev/null", devNull],
    ], `ABI ${abi}`);
  }
});

Deno.test("the rules come before the enforcement, which is the last step; nothing is left open", () => {
  const kernel = new FakeKernel();
  assert.deepEqual(restrictThread(kernel, 7, GRANTS), { ok: true });
  assert.deepEqual(kernel.calls.slice(-2).map(({ name, args }) => [name, ...args]), [
    ["landlock_restrict_self", 10, 0],
    ["close", 10],
  ]);
  assert.deepEqual([...kernel.open], []);
  for (const { args } of kernel.named("openat")) assert.deepEqual(args.slice(2), [0x200000 | 0x80000, 0]);
  for (const { args } of kernel.named("openat").filter(({ args }) => args[1] !== ".")) {
    assert.equal(args[0], -100);
  }
});

Deno.test("whichever step fails, it is named with its error, nothing is enforced and nothing left open", () => {
  const whole = new FakeKernel();
  const grants = { ...GRANTS, readable: ["/usr"] };
  restrictThread(whole, 7, grants);
  // That one is for the next test.
  const placeOpened = whole.calls.findIndex(({ args }) => args[1] === "/usr");
  const reasons: string[] = [];
  for (const [at, { name }] of whole.calls.entries()) {
    if (name === "close" || at === placeOpened) continue;
    const kernel = new FakeKernel({ at, errno: ERRNO.EACCES });
    const result = restrictThread(kernel, 7, grants);
    assert.ok(!result.ok, `call ${at}, ${name}`);
    assert.deepEqual([...kernel.open], [], `call ${at}, ${name}`);
    const enforced = kernel.named("landlock_restrict_self").length;
    assert.equal(enforced, name === "landlock_restrict_self" ? 1 : 0);
    reasons.push(result.reason);
  }
  assert.deepEqual(reasons, [
    "Cannot make the Landlock ruleset: EACCES",
    "Cannot open the file /usr/bin/nmap: EACCES",
    "Cannot tell what /usr/bin/nmap is: EACCES",
    "Cannot add the rule for the file /usr/bin/nmap: EACCES",
    "Cannot open the file /lib/ld.so: EACCES",
    "Cannot tell what /lib/ld.so is: EACCES",
    "Cannot add the rule for the file /lib/ld.so: EACCES",
    "Cannot add the rule for the place /usr: EACCES",
    "Cannot open the folder /scratch: EACCES",
    "Cannot tell what /scratch is: EACCES",
    "Cannot add the rule for the folder /scratch: EACCES",
    "Cannot open the file /dev/null: EACCES",
    "Cannot tell what /dev/null is: EACCES",
    "Cannot add the rule for the file /dev/null: EACCES",
    "Cannot enforce the Landlock ruleset: EACCES",
  ]);
});

Deno.test("a place to read that cannot be opened is left out, and nothing else for it", () => {
  for (const place of GRANTS.readable) {
    const whole = new FakeKernel();
    restrictThread(whole, 7, GRANTS);
    const at = whole.calls.findIndex(({ args }) => args[1] === place);
    const kernel = new FakeKernel({ at, errno: ERRNO.EACCES });
    assert.deepEqual(restrictThread(kernel, 7, GRANTS), { ok: true });
    assert.deepEqual(kernel.rules, whole.rules.filter(([path, access]) => path !== place || access !== 4n));
    assert.deepEqual([...kernel.open], []);
  }
  const result = restrictThread(new FakeKernel(), 7, { ...GRANTS, readable: ["usr"] });
  assert.ok(!result.ok && /"usr" is not an absolute path/.test(result.reason));
});

Deno.test("a kernel without Landlock confines nothing, and is not asked further", () => {
  const kernel = new FakeKernel();
  assert.deepEqual(restrictThread(kernel, 0, GRANTS), {
    ok: false,
    reason: "Cannot confine the thread: this kernel offers no Landlock",
  });
  assert.deepEqual(kernel.calls, []);
});

Deno.test("a folder is not granted as a program, nor a file as the folder, nor a path that is not absolute", () => {
  const refused: [Partial<typeof GRANTS>, RegExp][] = [
    [{ executables: ["/scratch"] }, /Cannot grant the file \/scratch: it is not a file/],
    [{ writableFolder: "/usr/bin/nmap" }, /Cannot grant the folder \/usr\/bin\/nmap: it is not a folder/],
    [{ executables: ["nmap"] }, /"nmap" is not an absolute path/],
    [{ executables: [""] }, /"" is not an absolute path/],
    [{ writableFolder: "." }, /"\." is not an absolute path/],
    [{ executables: ["/bin/sh\0.txt"] }, /is not an absolute path/],
  ];
  for (const [changes, reason] of refused) {
    const kernel = new FakeKernel();
    const result = restrictThread(kernel, 7, { ...GRANTS, ...changes });
    assert.ok(!result.ok);
    assert.match(result.reason, reason);
    assert.deepEqual([...kernel.open], []);
    assert.deepEqual(kernel.named("landlock_restrict_self"), []);
  }
});

/** What a shell in the confined thread tries: `$in` is the writable folder, `$out` one beside it. */
interface Try {
  /** What makes it ready, and works in any case. */
  readonly first?: string;
  readonly script: string;
  /** Whether it works when confined. All of them work when not. */
  readonly works: boolean;
  /** The first ABI that decides so. */
  readonly abi?: number;
  /** Whether it takes a privilege that this test need not have. */
  readonly privileged?: boolean;
}

/** The programs that the tries name; `id` and what a try writes itself are not among them. */
const NAMED = ["sh", "cat", "chmod", "echo", "ln", "mkdir", "mknod", "mv", "rm"].map((name) =>
  `/bin/${name}`
);

const TRIES: Readonly<Record<string, Try>> = {
  "write inside": { script: "echo x >$in/new && cat $in/new", works: true },
  "write inside a folder of its own": { script: "mkdir $in/deep && echo x >$in/deep/new", works: true },
  "remove inside": { script: "rm $in/goes", works: true },
  "write to /dev/null": { script: "echo x >/dev/null", works: true },
  "read outside": { script: "cat $out/file", works: true },
  "start a named program": { script: "/bin/echo x", works: true },
  "write outside": { script: "echo x >$out/new", works: false },
  "append to a file outside": { script: "echo x >>$out/file", works: false },
  "make a folder outside": { script: "mkdir $out/folder", works: false },
  "remove outside": { script: "rm -f $out/goes", works: false },
  "write outside through a link of its own": {
    script: "ln -s $out/file $in/to && echo x >$in/to",
    works: false,
  },
  "move inwards": { script: "mv $out/moves $in/moved", works: false },
  "move outwards": { script: "mv $in/moves $out/moved", works: false },
  "move between folders inside": { script: "mv $in/one/file $in/two/file", works: true, abi: 2 },
  "link a file outside into the folder": { script: "ln $out/file $in/linked", works: false },
  "start another program": { script: "/usr/bin/id", works: false },
  "start a program that it wrote": {
    first: "cat /bin/echo >$in/own && chmod 755 $in/own",
    script: "$in/own x",
    works: false,
  },
  "start a script that it wrote": {
    first: "echo '#!/bin/sh' >$in/script && chmod 755 $in/script",
    script: "$in/script",
    works: false,
  },
  "make a character device": { script: "mknod $in/null c 1 3", works: false, privileged: true },
  "make a block device": { script: "mknod $in/disk b 7 0", works: false, privileged: true },
  "signal the server": { script: "kill -0 $server", works: false, abi: 6 },
  "read the server's environment": { script: "cat /proc/$server/environ >/dev/null", works: false },
  "read the random device": { script: ": </dev/urandom", works: true },
  "read a device through a link of its own": {
    script: "ln -s /dev/zero $in/zero && : <$in/zero",
    works: true,
  },
  "read its own input, by each of its names": {
    script: "for name in /dev/stdin /dev/fd/0 /proc/self/fd/0; do echo x | cat $name || exit; done",
    works: true,
  },
  "read its own output again": { script: "echo x >$in/again && cat /dev/fd/3 3<$in/again", works: true },
  "see which terminals there are": { script: "cd /dev && echo *", works: true },
  "read a script by its interpreter": { script: "echo 'echo x' >$in/read && /bin/sh $in/read", works: true },
  "open a terminal to read it": { script: ": </dev/ptmx", works: false },
  "open a terminal through a link of its own": {
    script: "ln -s /dev/ptmx $in/terminal && : <$in/terminal",
    works: false,
  },
  "open a terminal by way of its own root": { script: ": </proc/self/root/dev/ptmx", works: false },
  "read a disk": {
    script: "for disk in /dev/vda /dev/sda /dev/nvme0n1 /dev/loop0; do (: <$disk) && exit; done; false",
    works: false,
    privileged: true,
  },
  "signal itself": { script: "kill -0 $$", works: true },
};

/** Two folders side by side, as the tries expect them. */
function makeFolders() {
  const root = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "bulkhead-landlock-" }));
  for (const folder of ["in/one", "in/two", "out"]) Deno.mkdirSync(`${root}/${folder}`, { recursive: true });
  for (const file of ["in/goes", "in/moves", "in/one/file", "out/file", "out/goes", "out/moves"]) {
    Deno.writeTextFileSync(`${root}/${file}`, file);
  }
  return {
    inside: `${root}/in`,
    outside: `${root}/out`,
    /** The files of the folder outside, and what they hold. */
    look: () =>
      [...Deno.readDirSync(`${root}/out`)].map(({ name }) => name).sort()
        .map((name) => [name, Deno.readTextFileSync(`${root}/out/${name}`)]),
    [Symbol.dispose]: () => Deno.removeSync(root, { recursive: true }),
  };
}

function startProbe() {
  const worker = new Worker(new URL("./landlock_probe.ts", import.meta.url), {
    type: "module",
    deno: {
      permissions: {
        run: ["/bin/sh"],
        ffi: LIBC_PATHS.filter(exists),
        env: false,
        import: false,
        net: false,
        read: false,
        sys: false,
        write: false,
      },
    },
  });
  return {
    ask: <Answer>(message: ToProbe): Promise<Answer> =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(event.message));
        };
        worker.postMessage(message);
      }),
    [Symbol.dispose]: () => worker.terminate(),
  };
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** This machine's ABI, or 0 with a line that says so. */
function liveAbi(): number {
  const kernel = openKernel();
  const abi = "reason" in kernel ? 0 : landlockAbi(kernel);
  if (!("reason" in kernel)) kernel.close();
  if (abi === 0 && Deno.env.get("CI") === "true") throw new Error("this machine has no Landlock");
  // deno-lint-ignore no-console -- a test that did not test must not look as if it had
  if (abi === 0) console.log("skipped: no Landlock");
  return abi;
}

function readHead(path: string, bytes: number): Uint8Array {
  using file = Deno.openSync(path);
  const head = new Uint8Array(bytes);
  return head.subarray(0, file.readSync(head) ?? 0);
}

Deno.test("a confined thread's programs can do what was granted and nothing else", async (test) => {
  const abi = liveAbi();
  if (abi === 0) return;
  const named = executableFiles(NAMED, { realPath: Deno.realPathSync, readHead });
  assert.ok(named.ok);

  using probe = startProbe();
  using folders = makeFolders();
  const make = async ({ first = ":", script }: Try, where: { inside: string; outside: string }) => {
    const names = `in=${where.inside} out=${where.outside} server=${Deno.pid}`;
    const attempt = await probe.ask<Attempt>({
      type: "shell",
      script: `${names}\n{ ${first}; } || exit 99\n${script}`,
    });
    assert.notEqual(attempt.code, 99, attempt.text);
    return attempt;
  };
  const impossible = new Set<string>();

  await test.step("before: all of it works, so whatever fails later fails for Landlock", async () => {
    for (const [name, attempt] of Object.entries(TRIES)) {
      using fresh = makeFolders();
      const { code, text } = await make(attempt, fresh);
      if (attempt.privileged && code !== 0) impossible.add(name);
      else assert.equal(code, 0, `${name}: ${text}`);
    }
  });

  const before = folders.look();
  const grants = { executables: named.files, writableFolder: folders.inside };
  assert.deepEqual(await probe.ask<Restriction>({ type: "confine", grants }), { ok: true });

  for (const [name, attempt] of Object.entries(TRIES)) {
    await test.step({
      name: `${attempt.works ? "can" : "cannot"} ${name}`,
      ignore: abi < (attempt.abi ?? 1) || impossible.has(name),
      fn: async () => {
        const { code, text } = await make(attempt, folders);
        if (attempt.works) return assert.equal(code, 0, text);
        assert.notEqual(code, 0);
        assert.match(text, /Permission denied|Operation not permitted|Invalid cross-device link/);
      },
    });
  }

  await test.step({
    name: "cannot truncate a file outside, which takes no right to write",
    ignore: abi < 3,
    fn: async () => {
      const [O_RDONLY, O_TRUNC, O_CLOEXEC] = [0, 0x200, 0x80000];
      const open = (path: string) =>
        probe.ask<number>({ type: "open", path, flags: O_RDONLY | O_TRUNC | O_CLOEXEC });
      assert.equal(await open(`${folders.outside}/file`), -ERRNO.EACCES);
      assert.equal(await open(`${folders.inside}/new`), 0);
      assert.equal(Deno.statSync(`${folders.inside}/new`).size, 0);
    },
  });

  await test.step("outside, all is as it was", () => assert.deepEqual(folders.look(), before));

  await test.step("this thread stays as free as before", async () => {
    Deno.writeTextFileSync(`${folders.outside}/by the main thread`, "");
    assert.equal((await new Deno.Command("/usr/bin/id", { stdout: "null" }).output()).code, 0);
  });

  await test.step("a second worker is not confined by the first one's rules", async () => {
    using other = startProbe();
    const path = `${folders.outside}/by another worker`;
    const { code } = await other.ask<Attempt>({ type: "shell", script: `echo x >'${path}' && /usr/bin/id` });
    assert.equal(code, 0);
  });
});

Deno.test("the real kernel refuses a program that is not there, and a folder in its place", async () => {
  if (liveAbi() === 0) return;
  using probe = startProbe();
  using folders = makeFolders();
  const confine = (executables: string[], writableFolder: string) =>
    probe.ask<Restriction>({ type: "confine", grants: { executables, writableFolder } });
  const missing = `${folders.inside}/missing`;
  assert.deepEqual(await confine([missing], folders.inside), {
    ok: false,
    reason: `Cannot open the file ${missing}: ENOENT`,
  });
  assert.deepEqual(await confine([folders.inside], folders.inside), {
    ok: false,
    reason: `Cannot grant the file ${folders.inside}: it is not a file`,
  });
  assert.deepEqual(await confine(["/bin/sh"], "/bin/sh"), {
    ok: false,
    reason: "Cannot grant the folder /bin/sh: it is not a folder",
  });
  // None of these left the thread confined.
  const script = `echo x >${folders.outside}/new && /usr/bin/id`;
  assert.equal((await probe.ask<Attempt>({ type: "shell", script })).code, 0);
});
