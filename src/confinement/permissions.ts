/**
 * Who holds which Deno permission, once. The flags that are printed, the flags that are compiled in, the page
 * `permissions.md` and what the running program gives up all come from here.
 *
 * @module
 */
import { PROGRAM_FOLDERS, programCandidates } from "../catalog/program.ts";
import { RESOLVER } from "../catalog/resolver_program.ts";
import { LIBC_PATHS } from "./linux/kernel.ts";
import { type Place, placeText } from "./place.ts";
import type { WantedTier } from "./tier.ts";
import { HEALTH_SYS_NAMES } from "./workers.ts";
import { ENVIRONMENT_NAMES } from "../config/environment.ts";
import { folderOf } from "../core/paths.ts";
import { LOCALHOST } from "../policy/hostname.ts";

/** The kinds of permission that Deno knows. */
export const PERMISSION_KINDS = ["run", "read", "write", "net", "env", "sys", "ffi", "import"] as const;

/** One of {@link PERMISSION_KINDS}. */
export type PermissionKind = (typeof PERMISSION_KINDS)[number];

/** What each kind is granted for; a kind that is absent, or whose list is empty, is not granted; true is everything. */
export type Grants = Readonly<Partial<Record<PermissionKind, readonly string[] | true>>>;

/** What one configuration needs before its start is done. */
export interface GrantNeeds {
  /** Absolute paths of the tools' programs. */
  readonly programs: readonly string[];
  /** The configuration file, the folders of manifests, and those of loaders and interpreters. */
  readonly readable: readonly string[];
  /** The folders for state and for the log file. */
  readonly writable: readonly string[];
  readonly tier: WantedTier;
  /** Where to listen, or null for stdio. Port 0 is any port. */
  readonly listener: Place | null;
  /** The services that are asked whether they are there (`health.dependencies`). */
  readonly services: readonly Place[];
}

/** The folder of the worker's source, which a worker made from a file must be able to read; none in a binary. */
export function workerSourceFolder(): string | null {
  return import.meta.url.startsWith("file:") && import.meta.url.endsWith(".ts")
    ? decodeURIComponent(folderOf(new URL(import.meta.url).pathname))
    : null;
}

/** The grants for `deno run`, as narrow as the configuration allows. */
export function runGrants(needs: GrantNeeds): Grants {
  const sources = workerSourceFolder();
  return {
    run: unique(needs.programs),
    read: unique([
      ...needs.readable,
      ...needs.writable,
      ...(sources === null ? [] : [sources]),
      ...needs.programs.map(folderOf),
      ...PROGRAM_FOLDERS,
    ]),
    write: unique(needs.writable),
    net: unique([...(needs.listener === null ? [] : [needs.listener]), ...needs.services].map(netGrant)),
    env: ENVIRONMENT_NAMES,
    sys: SYS_NAMES,
    ffi: needs.tier === "basic" ? [] : LIBC_PATHS,
  };
}

/** A place as Deno's permission for it is written; port 0 is any port. */
export function netGrant({ host: named, port }: Place): string {
  const host = named === LOCALHOST.name ? LOCALHOST.address : named;
  const text = placeText({ host, port });
  return port === 0 ? text.slice(0, -":0".length) : text;
}

/**
 * Whose files are trusted: those of root and of the server's own user and group. The others are handed to the scribe, for
 * the server's health.
 */
const SYS_NAMES = ["uid", "gid", ...HEALTH_SYS_NAMES] as const;

/** Without tokens nobody but this machine may connect. */
const LOOPBACK_HOSTS = ["127.0.0.1", "[::1]"] as const;

/**
 * The grants that are compiled into the executable. They cannot be narrowed later, so they name every place where a
 * catalog program may be; configuration, state and log may be anywhere, and the right to touch any of them ends before
 * the first client is served, but for the scribe's two folders.
 *
 * @param services the services that it may ask whether they are there, beside those on loopback
 */
export function compiledGrants(commands: readonly string[], services: readonly Place[] = []): Grants {
  return {
    run: unique([...commands, RESOLVER.command].flatMap(programCandidates)),
    read: true,
    write: true,
    net: unique([...LOOPBACK_HOSTS, ...services.map(netGrant)]),
    env: ENVIRONMENT_NAMES,
    sys: SYS_NAMES,
    ffi: LIBC_PATHS,
  };
}

/** The command-line flags of Deno that make these grants and no other; never a prompt. */
export function grantFlags(grants: Grants): string[] {
  // Without the second, Deno lets code be imported from a list of hosts of its own.
  const flags = ["--no-prompt", "--deny-import"];
  for (const kind of PERMISSION_KINDS) {
    const items = grants[kind];
    if (items === true) flags.push(`--allow-${kind}`);
    else if (items !== undefined && items.length > 0) flags.push(`--allow-${kind}=${items.join(",")}`);
  }
  return flags;
}

/**
 * Gives up every permission of the calling thread, for good.
 *
 * @param programs the paths that run was granted for; Deno keeps grants by path and forgets them by path
 * @param paths the paths beside those of programs that read or write may have been granted for
 * @param services the places beside those of loopback that net may have been granted for
 * @throws {Error} when one of the permissions that a start may hold is still there afterwards, so that nothing is
 * served with it
 */
export async function giveUpPermissions(
  programs: readonly string[],
  paths: readonly string[],
  services: readonly Place[],
): Promise<void> {
  for (const command of programs) await Deno.permissions.revoke({ name: "run", command });
  for (const path of LIBC_PATHS) await Deno.permissions.revoke({ name: "ffi", path });
  for (const name of PERMISSION_KINDS) await Deno.permissions.revoke({ name });
  // A kind as a whole is "prompt" also while parts of it are granted, so the parts are what is asked for.
  const descriptors: Deno.PermissionDescriptor[] = [
    ...PERMISSION_KINDS.map((name) => ({ name })),
    ...programs.map((command) => ({ name: "run", command }) as const),
    ...ENVIRONMENT_NAMES.map((variable) => ({ name: "env", variable }) as const),
    ...SYS_NAMES.map((kind) => ({ name: "sys", kind }) as const),
    ...["/", ...PROGRAM_FOLDERS, ...paths].flatMap((path) =>
      [{ name: "read", path }, { name: "write", path }] as const
    ),
    ...LIBC_PATHS.map((path) => ({ name: "ffi", path }) as const),
    ...[...LOOPBACK_HOSTS, ...services.map(netGrant)].map((host) => ({ name: "net", host }) as const),
  ];
  const held: string[] = [];
  for (const descriptor of descriptors) {
    const { state } = await Deno.permissions.query(descriptor);
    if (state === "granted") held.push(JSON.stringify(descriptor));
  }
  if (held.length > 0) throw new Error(`permissions could not be given up: ${held.join(", ")}`);
}

/** Whether the calling thread may run the program at `path` now. */
export function mayRun(path: string): boolean {
  return Deno.permissions.querySync({ name: "run", command: path }).state === "granted";
}

/** Whether the calling thread may connect to a place now. */
export function mayConnect(place: Place): boolean {
  return Deno.permissions.querySync({ name: "net", host: netGrant(place) }).state === "granted";
}

/** One thread of the running server and what it holds, for people to read. */
export interface ThreadPermissions {
  readonly thread: string;
  readonly holds: Readonly<Partial<Record<PermissionKind, string>>>;
  readonly why: string;
}

/** The threads of the server. `permissions.md` is this table. */
export const THREADS: readonly ThreadPermissions[] = [
  {
    thread: "main, until start is done",
    holds: {
      run: "the program of every available tool and of the resolver, by absolute path",
      ffi: "libc, in tier kernel",
      read:
        "configuration, manifests, the file of tokens, the folders of programs and loaders; under `deno run` the workers' sources",
      write: "the folders of state and of the log file",
      net: "the listener, with HTTP only; the services in `health.dependencies`",
      env: "the names listed below",
      sys: SYS_NAMES.join(", "),
    },
    why:
      "It reads the configuration, checks that nobody else could have replaced a program, binds the listener and " +
      "makes warden, scribe and prober, which can hold no more than it holds itself.",
  },
  {
    thread: "main, from then on",
    holds: {},
    why:
      "It parses what clients send and what programs print. It can start nothing, connect nowhere, read and write " +
      "no file; a listener that is bound keeps accepting.",
  },
  {
    thread: "warden",
    holds: {
      run:
        "every path that was granted for the program of a tool or of the resolver, whether it is there yet or not",
      ffi: "libc, in tier kernel",
      read: "the workers' sources, under `deno run` only",
    },
    why:
      "It makes the compartments, lets a program go on only when its limits have landed, and ends every process of a " +
      "run. It is told neither arguments nor targets, and no output passes it. Native code is the whole authority of " +
      "the process, so this is the code to review.",
  },
  {
    thread: "undertaker, in tier kernel",
    holds: { ffi: "libc" },
    why:
      "It ends everything that runs when the warden does not answer any more, and does nothing before that.",
  },
  {
    thread:
      "compartment NAME, one for each available tool; NAME.2 and so on beside it once its program has changed",
    holds: {
      run: "that tool's program, by absolute path",
      ffi: "libc, given up before it takes its first order",
    },
    why: "It starts the program with the arguments that main has checked and passes its output on.",
  },
  {
    thread: "compartment resolver, where a name is allowed",
    holds: {
      run: "getent, by absolute path",
      ffi: "libc, given up before it takes its first order",
    },
    why:
      "It asks the system for the addresses of a name that is allowed; main then checks every one of them.",
  },
  {
    thread: "scribe",
    holds: {
      read:
        "the folders of state, of the log file, and of word lists (`tools.wordlist_dirs`); what is read again while " +
        "the server runs: the configuration file, the tokens file, the folders of manifests, of programs and of loaders",
      write: "the folders of state and of the log file",
      sys: HEALTH_SYS_NAMES.join(", "),
    },
    why:
      "It makes and removes the folders that runs work in, writes the log file, looks whether a word list is there and " +
      "how long it is, and notices and reads for main what has changed. For the server's health it reads how busy the " +
      "processors are and how much of memory and disk is taken. It parses nothing, and reads nothing for main " +
      "below the folders that programs write to. Deno judges a path by its name and follows its links.",
  },
  {
    thread: "prober, only where there are `health.dependencies`",
    holds: { net: "those services, each by host and port" },
    why:
      "It asks them whether they are there: a connection, or a GET of whose answer the status alone is read; no redirect " +
      "is followed and no proxy used. It is told of them once, when it is made, and from then on only which of them to " +
      "ask, so that nothing a client sends can name another. They are the operator's own choice, beside " +
      "`security.allowed_targets` and not bound by it; no client can name one, or see more of it than whether it is " +
      "there. The system's resolver looks names up, in this thread, each time.",
  },
];

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
