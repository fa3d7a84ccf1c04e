/**
 * Which files the kernel opens for execution when a program is started: the program, and the loader or the interpreters
 * that it names. These, and no others, are what a confined program must be allowed to execute. The libraries that a
 * loader maps are only read.
 *
 * Sources: execve(2), elf(5), and the kernel's fs/exec.c, fs/binfmt_elf.c and fs/binfmt_script.c. Formats that an
 * administrator registered (binfmt_misc) are not known here.
 *
 * @module
 */
import { MAKE_USABLE } from "../catalog/program.ts";
import { escapeLine, quote } from "../core/text.ts";

/** What is asked of the file system. Both may throw, with a message for a person. */
export interface ProgramFiles {
  /** The path with every symbolic link followed. */
  realPath(path: string): string;
  /** The first bytes of a file: `bytes` of them, or fewer when the file ends before. */
  readHead(path: string, bytes: number): Uint8Array;
}

/** The real paths, each once, or why they cannot be told. */
export type ExecutableFiles =
  | { readonly ok: true; readonly files: readonly string[] }
  | { readonly ok: false; readonly reason: string; readonly remedy: string };

/** How far into a file its headers are looked for. Linkers put them, and the loader's name, at the very beginning. */
const HEAD_BYTES = 65_536;
/** BINPRM_BUF_SIZE: how much of a script's first line the kernel looks at. */
const SCRIPT_LINE_BYTES = 256;
/** How many interpreters the kernel follows, one inside the other, before it answers ELOOP. */
const MAX_INTERPRETERS = 5;
/** PATH_MAX: the longest name of a loader, with its NUL. */
const MAX_LOADER_BYTES = 4096;

/** Why a file cannot be understood. It never leaves this module. */
class NotUnderstood extends Error {}

/**
 * Every file that is executed when one of `programs` is started.
 *
 * A script that begins with `#!/usr/bin/env NAME` gives `env` itself; which NAME it starts depends on PATH at that
 * moment, so NAME must be among `programs` too: a manifest declares it as a helper. The same holds for everything that
 * a program starts by itself.
 *
 * @param programs absolute paths
 * @returns the files, or the first program that cannot be followed to its end and why
 */
export function executableFiles(programs: readonly string[], files: ProgramFiles): ExecutableFiles {
  const found = new Set<string>();
  for (const program of programs) {
    try {
      for (const file of filesOf(program, files)) found.add(file);
    } catch (error) {
      // Whatever the file system throws is a reason as well: nothing is granted then.
      const why = escapeLine(error instanceof Error ? error.message : String(error));
      const reason = `Cannot tell which files ${quote(program)} executes: ${why}`;
      return { ok: false, reason, remedy: remedyOf(error) };
    }
  }
  return { ok: true, files: [...found] };
}

function remedyOf(error: unknown): string {
  if (error instanceof Deno.errors.PermissionDenied) return MAKE_USABLE;
  if (error instanceof Deno.errors.NotCapable) {
    return "Start with the flags that `bulkhead permissions --format flags` prints.";
  }
  return "Name another program in tools.overrides, or choose confinement.tier: basic.";
}

/** Follows one program: through scripts to an ELF file, and to its loader. */
function filesOf(program: string, files: ProgramFiles): readonly string[] {
  const found: string[] = [];
  let next = program;
  for (let interpreters = 0; interpreters <= MAX_INTERPRETERS; interpreters += 1) {
    const { path, head } = open(next, files);
    found.push(path);
    if (isElf(head)) {
      const loader = elfLoader(path, head);
      if (loader === null) return found;
      // The kernel maps the loader itself; a loader that the loader names is not looked at.
      const opened = open(loader, files);
      if (!isElf(opened.head)) throw new NotUnderstood(`the loader ${quote(loader)} is not an ELF file`);
      return [...found, opened.path];
    }
    next = scriptInterpreter(path, head);
  }
  throw new NotUnderstood(`more than ${MAX_INTERPRETERS} interpreters, one inside the other`);
}

function open(named: string, files: ProgramFiles): { readonly path: string; readonly head: Uint8Array } {
  // Relative to what, would depend on where the program is started.
  if (!named.startsWith("/")) throw new NotUnderstood(`${quote(named)} is not an absolute path`);
  const path = files.realPath(named);
  return { path, head: files.readHead(path, HEAD_BYTES).subarray(0, HEAD_BYTES) };
}

function isElf(head: Uint8Array): boolean {
  return head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46;
}

/**
 * Where an ELF header and a program header hold what is needed here, for each class: offsets in bytes, and how wide
 * addresses and sizes are.
 */
const ELF_CLASSES = {
  1: { word: 4, headerBytes: 52, phoff: 28, phentsize: 42, phnum: 44, entryBytes: 32, offset: 4, filesz: 16 },
  2: { word: 8, headerBytes: 64, phoff: 32, phentsize: 54, phnum: 56, entryBytes: 56, offset: 8, filesz: 32 },
} as const;

const ET_EXEC = 2;
const ET_DYN = 3;
const PT_INTERP = 3;

/** The loader that an ELF file names, or null when it has none: it is linked statically. */
function elfLoader(path: string, head: Uint8Array): string | null {
  const fail = (why: string): never => {
    throw new NotUnderstood(`${quote(path)} has a bad ELF header: ${why}`);
  };
  const [elfClass, byteOrder] = [head[4], head[5]];
  if (elfClass !== 1 && elfClass !== 2) return fail("neither 32 nor 64 bits");
  if (byteOrder !== 1 && byteOrder !== 2) return fail("neither byte order");
  const layout = ELF_CLASSES[elfClass];
  const littleEndian = byteOrder === 1;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  /** @param start as the file says it, up to 64 bits wide */
  const inside = (what: string, start: bigint, length: bigint): number => {
    if (start + length <= BigInt(head.length)) return Number(start);
    const where = head.length < HEAD_BYTES ? "the end of the file" : `the first ${HEAD_BYTES} bytes`;
    return fail(`${what} reaches beyond ${where}`);
  };
  const word = (at: number) =>
    layout.word === 8 ? view.getBigUint64(at, littleEndian) : BigInt(view.getUint32(at, littleEndian));

  inside("the header", 0n, BigInt(layout.headerBytes));
  const type = view.getUint16(16, littleEndian);
  if (type !== ET_EXEC && type !== ET_DYN) return fail("not an executable");
  const count = view.getUint16(layout.phnum, littleEndian);
  if (count === 0 || view.getUint16(layout.phentsize, littleEndian) !== layout.entryBytes) {
    return fail("no program headers, or of another size");
  }
  const table = inside("the table of program headers", word(layout.phoff), BigInt(count * layout.entryBytes));
  for (let entry = table; entry < table + count * layout.entryBytes; entry += layout.entryBytes) {
    if (view.getUint32(entry, littleEndian) !== PT_INTERP) continue;
    // The kernel, too, takes the first.
    const length = word(entry + layout.filesz);
    if (length < 2n || length > BigInt(MAX_LOADER_BYTES)) return fail("a loader's name of a bad length");
    const start = inside("the loader's name", word(entry + layout.offset), length);
    const name = head.subarray(start, start + Number(length));
    if (name.at(-1) !== 0) return fail("a loader's name that does not end");
    return pathText(path, name.subarray(0, name.indexOf(0)));
  }
  return null;
}

const SPACE = 0x20;
const TAB = 0x09;
const NEWLINE = 0x0a;

/** The interpreter that a script's first line names. It ends at a space, a tab, a NUL or the line's end. */
function scriptInterpreter(path: string, head: Uint8Array): string {
  if (head[0] !== 0x23 || head[1] !== 0x21) {
    throw new NotUnderstood(`${quote(path)} is neither an ELF file nor a script`);
  }
  const line = head.subarray(2, SCRIPT_LINE_BYTES);
  let start = 0;
  while (line[start] === SPACE || line[start] === TAB) start += 1;
  const length = line.subarray(start).findIndex((byte) => [SPACE, TAB, NEWLINE, 0].includes(byte));
  if (length === 0 || start === line.length) {
    throw new NotUnderstood(`${quote(path)} is a script whose first line names no interpreter`);
  }
  // A line that goes on past what the kernel looks at may name another file than it seems to.
  if (length < 0 && head.length >= SCRIPT_LINE_BYTES) {
    throw new NotUnderstood(
      `${quote(path)} is a script whose interpreter does not end in its first ${SCRIPT_LINE_BYTES} bytes`,
    );
  }
  return pathText(path, line.subarray(start, length < 0 ? line.length : start + length));
}

/** A path's bytes as text. Bytes that are not UTF-8 could not be named to the kernel again as they were. */
function pathText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new NotUnderstood(`${quote(path)} names a file in bytes that are not UTF-8`);
  }
}
