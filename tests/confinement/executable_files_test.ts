import assert from "node:assert/strict";
import fc from "fast-check";
import { executableFiles, type ProgramFiles } from "../../src/confinement/executable_files.ts";

const HEAD_BYTES = 65_536;

/** Files that are played: what a path holds, and where a link leads. */
function play(
  contents: Readonly<Record<string, string | Uint8Array>>,
  links: Readonly<Record<string, string>> = {},
): ProgramFiles {
  return {
    realPath(path) {
      const real = links[path] ?? path;
      if (!Object.hasOwn(contents, real)) throw new Error(`no such file: ${path}`);
      return real;
    },
    readHead(path, bytes) {
      const content = contents[path]!;
      const all = typeof content === "string" ? new TextEncoder().encode(content) : content;
      return all.subarray(0, bytes);
    },
  };
}

interface ElfShape {
  readonly bits?: 32 | 64;
  readonly littleEndian?: boolean;
  readonly type?: number;
  /** What the loader's field holds, its NUL included; null for a static file. */
  readonly loader?: string | null;
  readonly phoff?: bigint;
  readonly phentsize?: number;
  readonly phnum?: number;
  readonly loaderOffset?: bigint;
  readonly loaderBytes?: bigint;
  /** Bytes between the program headers and the loader's name. */
  readonly gap?: number;
}

/** An ELF file by the book (elf(5)): a header, two program headers, the loader's name. */
function elf(shape: ElfShape = {}): Uint8Array {
  const { bits = 64, littleEndian = true, type = 3, loader = "/lib/ld.so\0", gap = 0 } = shape;
  const wide = bits === 64;
  const header = wide ? 64 : 52;
  const entry = wide ? 56 : 32;
  const name = new TextEncoder().encode(loader ?? "");
  const nameAt = header + 2 * entry + gap;
  const bytes = new Uint8Array(nameAt + name.length);
  const view = new DataView(bytes.buffer);
  const half = (at: number, value: number) => view.setUint16(at, value, littleEndian);
  const word = (at: number, value: bigint) =>
    wide
      ? view.setBigUint64(at, value, littleEndian)
      : view.setUint32(at, Number(BigInt.asUintN(32, value)), littleEndian);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, littleEndian ? 1 : 2, 1]);
  half(16, type);
  word(wide ? 32 : 28, shape.phoff ?? BigInt(header));
  half(wide ? 54 : 42, shape.phentsize ?? entry);
  half(wide ? 56 : 44, shape.phnum ?? 2);
  const [PT_LOAD, PT_INTERP] = [1, 3];
  const second = header + entry;
  view.setUint32(header, PT_LOAD, littleEndian);
  view.setUint32(second, loader === null ? PT_LOAD : PT_INTERP, littleEndian);
  word(second + (wide ? 8 : 4), shape.loaderOffset ?? BigInt(nameAt));
  word(second + (wide ? 32 : 16), shape.loaderBytes ?? BigInt(name.length));
  bytes.set(name, nameAt);
  return bytes;
}

const STATIC = elf({ loader: null });
const LOADER = { "/lib/ld.so": STATIC };

function filesOf(program: string, files: ProgramFiles): readonly string[] {
  const result = executableFiles([program], files);
  assert.ok(result.ok, result.ok ? "" : result.reason);
  return result.files;
}

function refusal(
  content: string | Uint8Array,
  others: Readonly<Record<string, string | Uint8Array>> = LOADER,
) {
  const result = executableFiles(["/p"], play({ ...others, "/p": content }));
  assert.ok(!result.ok);
  assert.match(result.reason, /^Cannot tell which files "\/p" executes: /);
  return result.reason;
}

Deno.test("an ELF file brings its loader, in both classes and byte orders", () => {
  for (const bits of [32, 64] as const) {
    for (const littleEndian of [true, false]) {
      for (const type of [2, 3]) {
        const files = play({ ...LOADER, "/p": elf({ bits, littleEndian, type }) });
        assert.deepEqual(filesOf("/p", files), ["/p", "/lib/ld.so"], `${bits} ${littleEndian} ${type}`);
      }
      const files = play({ "/p": elf({ bits, littleEndian, loader: null }) });
      assert.deepEqual(filesOf("/p", files), ["/p"]);
    }
  }
});

Deno.test("the name of a loader ends at its first NUL, as the kernel reads it", () => {
  assert.deepEqual(filesOf("/p", play({ ...LOADER, "/p": elf({ loader: "/lib/ld.so\0/other\0" }) })), [
    "/p",
    "/lib/ld.so",
  ]);
});

Deno.test("the loader may be named far into the file, but not beyond its head", () => {
  const room = HEAD_BYTES - elf().length;
  const within = elf({ gap: room });
  assert.equal(within.length, HEAD_BYTES);
  assert.deepEqual(filesOf("/p", play({ ...LOADER, "/p": within })), ["/p", "/lib/ld.so"]);
  assert.match(refusal(elf({ gap: room + 1 })), /the loader's name reaches beyond the first 65536 bytes/);
});

Deno.test("the paths are real ones, and each is given once", () => {
  const files = play(
    { "/usr/bin/a": elf(), "/usr/bin/b": elf({ loader: "/lib64/ld.so\0" }), "/usr/lib/ld.so": STATIC },
    { "/bin/a": "/usr/bin/a", "/lib/ld.so": "/usr/lib/ld.so", "/lib64/ld.so": "/usr/lib/ld.so" },
  );
  assert.deepEqual(executableFiles(["/bin/a", "/usr/bin/a", "/usr/bin/b"], files), {
    ok: true,
    files: ["/usr/bin/a", "/usr/lib/ld.so", "/usr/bin/b"],
  });
  assert.deepEqual(executableFiles([], files), { ok: true, files: [] });
});

Deno.test("a program or loader that is missing, unreadable or not named absolutely is refused", () => {
  assert.match(refusal(elf({ loader: "/gone\0" })), /no such file: \/gone$/);
  assert.match(refusal(elf({ loader: "ld.so\0" })), /"ld\.so" is not an absolute path$/);
  assert.match(refusal(elf({ loader: "\0\0" })), /"" is not an absolute path$/);
  assert.match(refusal(elf({ loader: "/s\0" }), { "/s": "#!/p\n" }), /the loader "\/s" is not an ELF file$/);
  const unreadable: ProgramFiles = {
    realPath: (path) => path,
    readHead: () => {
      throw new Deno.errors.PermissionDenied("not yours");
    },
  };
  assert.deepEqual(executableFiles(["/p"], unreadable), {
    ok: false,
    reason: 'Cannot tell which files "/p" executes: not yours',
    remedy:
      "Make it readable and executable for the server's user, or name another program in tools.overrides.",
  });
  const notGranted: ProgramFiles = {
    ...unreadable,
    readHead: () => {
      throw new Deno.errors.NotCapable("not granted");
    },
  };
  const missing = executableFiles(["/p"], notGranted);
  assert.match(missing.ok ? "" : missing.remedy, /^Start with the flags/);
  assert.deepEqual(executableFiles(["curl"], play({ curl: STATIC })), {
    ok: false,
    reason: 'Cannot tell which files "curl" executes: "curl" is not an absolute path',
    remedy: "Name another program in tools.overrides, or choose confinement.tier: basic.",
  });
});

Deno.test("a header that is cut off anywhere is refused", () => {
  const whole = elf();
  for (let length = 0; length < whole.length; length += 1) refusal(whole.slice(0, length));
  assert.match(refusal(whole.slice(0, 63)), /the header reaches beyond the end of the file/);
  assert.match(
    refusal(whole.slice(0, 170)),
    /the table of program headers reaches beyond the end of the file/,
  );
  assert.match(refusal(whole.slice(0, -1)), /the loader's name reaches beyond the end of the file/);
});

Deno.test("a header that lies is refused", () => {
  const endless = 2n ** 64n - 1n;
  for (const bits of [32, 64] as const) {
    const lies: [ElfShape, RegExp][] = [
      [{ phoff: endless }, /the table of program headers reaches beyond/],
      [{ phoff: 1n << 31n }, /the table of program headers reaches beyond/],
      [{ phnum: 0xffff }, /the table of program headers reaches beyond/],
      [{ phnum: 0 }, /no program headers/],
      [{ phentsize: 0 }, /no program headers, or of another size/],
      [{ phentsize: bits === 64 ? 32 : 56 }, /no program headers, or of another size/],
      [{ loaderOffset: endless }, /the loader's name reaches beyond/],
      [{ loaderOffset: endless - 5n }, /the loader's name reaches beyond/],
      [{ loaderBytes: endless }, /a loader's name of a bad length/],
      [{ loaderBytes: 0n }, /a loader's name of a bad length/],
      [{ loaderBytes: 1n }, /a loader's name of a bad length/],
      [{ loaderBytes: 4097n }, /a loader's name of a bad length/],
      [{ loader: "/lib/ld.so" }, /a loader's name that does not end/],
      [{ type: 1 }, /not an executable/],
      [{ type: 4 }, /not an executable/],
    ];
    for (const [shape, reason] of lies) {
      assert.match(refusal(elf({ bits, ...shape })), reason, JSON.stringify(Object.keys(shape)));
    }
  }
  for (const [at, value, reason] of [[4, 3, /neither 32 nor 64/], [5, 0, /neither byte order/]] as const) {
    const bytes = elf();
    bytes[at] = value;
    assert.match(refusal(bytes), reason);
  }
});

Deno.test("a loader's name that is not UTF-8 is refused", () => {
  const bytes = elf();
  bytes[bytes.length - 2] = 0xff;
  assert.match(refusal(bytes), /names a file in bytes that are not UTF-8/);
});

Deno.test("a script brings its interpreter, and that one its loader", () => {
  const sh = { ...LOADER, "/bin/sh": elf() };
  const lines = [
    "#!/bin/sh\n",
    "#!/bin/sh -e\n",
    "#! \t /bin/sh\t-e -x \n",
    "#!/bin/sh",
    "#!/bin/sh ",
    "#!/bin/sh\0rest",
    `#!/bin/sh ${"x".repeat(1000)}`,
    `#!${" ".repeat(200)}/bin/sh\necho`,
  ];
  for (const line of lines) {
    const files = filesOf("/p", play({ ...sh, "/p": line }));
    assert.deepEqual(files, ["/p", "/bin/sh", "/lib/ld.so"], JSON.stringify(line));
  }
});

Deno.test("of a script through env, env alone can be told", () => {
  const files = play({ ...LOADER, "/usr/bin/env": elf(), "/p": "#!/usr/bin/env python3\n" });
  assert.deepEqual(filesOf("/p", files), ["/p", "/usr/bin/env", "/lib/ld.so"]);
});

Deno.test("a first line that names no interpreter, or not surely, is refused", () => {
  const sh = { "/bin/sh": STATIC };
  for (const line of ["#!", "#!\n/bin/sh\n", "#! \t\n", `#!${" ".repeat(400)}/bin/sh\n`, "#!\0/bin/sh\n"]) {
    assert.match(refusal(line, sh), /names no interpreter/, JSON.stringify(line));
  }
  assert.match(refusal("#!sh\n", sh), /"sh" is not an absolute path/);
  assert.match(refusal("#!bin/sh\n", sh), /"bin\/sh" is not an absolute path/);
  // The kernel takes the carriage return for a part of the name.
  assert.match(refusal("#!/bin/sh\r\n", sh), /no such file: \/bin\/sh\\r$/);
  assert.match(refusal(Uint8Array.of(0x23, 0x21, 0x2f, 0xff, 0x0a), sh), /not UTF-8/);
  for (const text of ["", "#", "echo", "MZ", "\x7fEL", "# !/bin/sh\n", " #!/bin/sh\n"]) {
    assert.match(refusal(text, sh), /"\/p" is neither an ELF file nor a script/, JSON.stringify(text));
  }
});

Deno.test("an interpreter's name may fill the 256 bytes that the kernel reads, its end included", () => {
  const name = (bytes: number) => `/${"n".repeat(bytes - 1)}`;
  // "#!" and one byte for the end leave 253.
  for (const end of ["\n", " ", "\0", ""]) {
    const files = play({ [name(253)]: STATIC, "/p": `#!${name(253)}${end}` });
    assert.deepEqual(filesOf("/p", files), ["/p", name(253)]);
  }
  for (const end of ["\n", " ", "\0", ""]) {
    assert.match(refusal(`#!${name(254)}${end}`, { [name(254)]: STATIC }), /does not end in its first 256/);
  }
});

Deno.test("interpreters are followed five deep, like the kernel does, and not in circles", () => {
  const chain = (scripts: number) => {
    const contents: Record<string, string | Uint8Array> = { "/s0": STATIC };
    for (let index = 1; index <= scripts; index += 1) contents[`/s${index}`] = `#!/s${index - 1}\n`;
    return executableFiles([`/s${scripts}`], play(contents));
  };
  assert.deepEqual(chain(5), { ok: true, files: ["/s5", "/s4", "/s3", "/s2", "/s1", "/s0"] });
  const tooDeep = /more than 5 interpreters, one inside the other$/;
  const six = chain(6);
  assert.ok(!six.ok);
  assert.match(six.reason, tooDeep);
  assert.match(refusal("#!/b\n", { "/b": "#!/p\n" }), tooDeep);
  assert.match(refusal("#!/p\n", {}), tooDeep);
});

Deno.test("a reason shows no control characters of a file", () => {
  for (const reason of [refusal("#!sh\x1b[31m\n"), refusal("#!/sh\x1b[31m\n")]) {
    assert.ok(!reason.includes("\x1b"), JSON.stringify(reason));
  }
});

Deno.test("whatever a file holds, nothing is thrown, and what is told is absolute", () => {
  const check = (bytes: Uint8Array) => {
    const files: ProgramFiles = {
      realPath: (path) => path,
      readHead: (path) => path === "/p" ? bytes : STATIC,
    };
    const result = executableFiles(["/p"], files);
    if (result.ok) assert.ok(result.files.every((file) => file.startsWith("/")));
    else assert.ok(result.reason.length > 0);
  };
  const magic = fc.constantFrom([], [0x7f, 0x45, 0x4c, 0x46], [0x23, 0x21], [0x23, 0x21, 0x2f]);
  fc.assert(
    fc.property(magic, fc.uint8Array({ maxLength: 400 }), (start, rest) => {
      check(Uint8Array.of(...start, ...rest));
    }),
    { numRuns: 2000 },
  );
  // A good file with some bytes changed gets further.
  const edits = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 255 })), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(32, 64), fc.boolean(), edits, (bits, littleEndian, changes) => {
      const bytes = elf({ bits: bits as 32 | 64, littleEndian });
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      check(bytes);
    }),
    { numRuns: 2000 },
  );
});

function run(program: string, args: readonly string[]): string | null {
  try {
    const { success, stdout } = new Deno.Command(program, { args: [...args], stderr: "null" }).outputSync();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch {
    return null;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

for (const program of ["/bin/sh", "/usr/bin/curl"]) {
  Deno.test({
    name: `${program} of this machine brings the loader that readelf names`,
    ignore: Deno.build.os !== "linux" || !isFile(program),
    fn: () => {
      const listed = run("readelf", ["-lW", program]);
      const named = listed === null
        ? "/lib64/ld-linux-x86-64.so.2"
        : /program interpreter: (\S+)\]/.exec(listed)?.[1];
      const expected = [program, ...(named === undefined ? [] : [named])];
      const files = filesOf(program, {
        realPath: Deno.realPathSync,
        readHead(path, bytes) {
          using file = Deno.openSync(path);
          const head = new Uint8Array(bytes);
          return head.subarray(0, file.readSync(head) ?? 0);
        },
      });
      assert.deepEqual(files, expected.map((path) => Deno.realPathSync(path)));
    },
  });
}
