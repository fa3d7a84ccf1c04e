/**
 * The page `permissions.md`: who holds which permission and why, and what is not enforced.
 *
 * @module
 */
import { CHILD_ENVIRONMENT } from "./child_environment.ts";
import { type Grants, PERMISSION_KINDS, type PermissionKind, THREADS } from "./permissions.ts";

/** What each kind of permission is for, at the start. */
const PURPOSES: Readonly<Record<PermissionKind, string>> = {
  run: "Handed to the compartments, one path each, and given up.",
  read: "The configuration, the manifests, and whether somebody else could have replaced a program.",
  write: "Handed to the scribe: the folders that runs work in, the record of this server, the log file.",
  net:
    "Listening on `server.host` (the executable: on loopback), with `--transport http` only; and the services in `health.dependencies`, handed to the prober. Main itself connects nowhere.",
  env: "The configuration's variables; never a secret.",
  sys:
    "The server's own user and group: programs that others may write are refused. Handed to the scribe, for the server's health: the processors' times, the machine's memory, the space on a disk.",
  ffi:
    "The C library, for the warden and, until they are confined, the compartments, and to ask once how many files may be open; not in tier basic.",
  import: "No code is loaded from the network: `--deny-import` takes even Deno's own list of hosts away.",
};

/** What the person who relies on this must know. */
const NOT_ENFORCED: readonly (readonly [string, string])[] = [
  [
    "Where a program connects",
    "The target is checked and normalised before it is passed; what the program then does is its own affair.",
  ],
  [
    "In tier basic: everything that the kernel enforces",
    "macOS, musl, kernels without seccomp notifications, and `confinement.tier: basic` have time-outs and output caps only; children that a program leaves behind live on. `bulkhead doctor` says which tier there is and why; every result says it in `metadata.confinement`.",
  ],
  [
    "Memory and processes of a run taken together",
    "The ceilings hold for each process by itself. Together they are counted only where a cgroup v2 is delegated to the server (`Delegate=yes` in its systemd unit); otherwise `limits.processes` has no effect, and doctor says so.",
  ],
  [
    "Which files a program reads",
    "It reads what the server's user may read, but for devices below `/dev`. Run the server as a user of its own. What is made directly below `/` later is read after a restart only.",
  ],
  [
    "What native code a program maps",
    "Landlock stops execve(2) of files that are not declared, and the filter files that have no place. Through the dynamic loader, which must be declared, a program can still have another file's code run inside its own confinement; nothing is gained by that but the code.",
  ],
  [
    "Times and modes in a run's own folder",
    "A filter does not see which file is meant, so they are refused there too: what `curl -R`, `tar` or `cp -p` write has the time of the writing, and some programs (`tar`, `touch`) say so and end with an error.",
  ],
  [
    "What the user's programs share",
    "A program may use up the inotify instances of the server's user, 128 by default, and lock (flock) any file that it can read; whoever watches files or waits for such a lock is kept from it until the run ends.",
  ],
  [
    "Runs of one tool among themselves",
    "They share a compartment: one may read and write another's folder, and read its memory, while both go on. Signals between runs are refused, whichever tool they are of.",
  ],
  [
    "What runs of different tools see of each other",
    "As processes of one user they can read each other's command lines and, in the scratch folders, each other's files; they can write, signal and trace nothing of each other.",
  ],
  [
    "Space on the disk, and processes without a cgroup",
    "A file may be as large as `limits.file_size_mb`, but how many there are below the scratch folder is not counted before they are removed; processes are counted by user only, and a quarter of what the server's user may have, at most 256, is kept from programs (root's are not counted). All of them come after the server where processors are short (niceness 19), so that beside other work of its session a tool may be slow.",
  ],
  [
    "Folders that cannot be removed",
    "Deno cannot name a folder whose name is no Unicode. What lies below such a one, and a folder of more than 8 MB of names that holds others, is put aside in `unremovable` below the state folder, once, and the log says so; remove it by hand.",
  ],
  [
    "A machine without descriptors left",
    "When the server's user has used up what it may open, the warden cannot look at processes any more and fails; the server stops rather than go on without it, and what still runs is ended at the next start.",
  ],
  [
    "Older kernels",
    "Landlock came with Linux 5.13, its rules for truncation with 6.2, for device requests with 6.10. What a kernel lacks is missing; doctor lists it. Signals to others are refused by the filter on every kernel.",
  ],
  [
    "A server that is killed outright (SIGKILL, out of memory)",
    "Its programs go on, still with every limit, until they end, use up their processor time, or are ended at the next start with the same state folder.",
  ],
  [
    "Sockets of other services",
    "A program may connect to any socket by path that the server's user may, such as that of a container engine.",
  ],
  [
    "A name that changes its address",
    "A name is resolved before each run, all of its addresses must be allowed, and the first (of IPv4, where there is one) stands in its place in the arguments or is named beside it. A manifest with `pin: none` leaves the name to the program, which looks it up again.",
  ],
  [
    "Where names are asked for",
    "The system's own resolver decides (`/etc/hosts`, DNS servers); only names that are allowed reach it.",
  ],
  [
    "The server's own listener",
    "No URL and no host with a port may name it. A scan of the server's own address sees that the port is open, where that address is allowed.",
  ],
  [
    "The home of the server's user",
    "`HOME` names the run's own empty folder, but a program can ask the system for its user's home and read configuration there. The manifests of the catalog turn that off with the program's own flags.",
  ],
  [
    "Scripts of nmap",
    "`-sV` runs those of nmap's category `version`. Others can be asked for by name from a closed list; what is in the categories of intrusive or worse scripts is not on it, but for a few that are marked intrusive, as `-A` is.",
  ],
  [
    "aarch64",
    "The filter for it is tested as bytes, against a model of the kernel's interpreter; it has not run on hardware.",
  ],
  [
    "Who may write the configuration",
    "Neither the configuration file nor the folders of manifests are judged by who may write to them, as programs and the file of tokens are, and symbolic links among them are followed. A change is taken over while the server runs: keep them for root or the server's user.",
  ],
  [
    "Shares of one tool",
    "A client may take every place of a tool's queue, or every probe of its circuit breaker, for as long as it asks often enough; `rate_limit`, which is off by default, is what there is against that.",
  ],
  [
    "Clients that share an address",
    "Connections are counted, timed and shared out by address. Clients on one machine, or behind one proxy, have one address, and may keep each other out.",
  ],
  [
    "Outputs of earlier runs",
    "With `runs.store: folder` they lie below the state folder, where a program can read them as it can read all files of the server's user; in tier kernel it cannot write there.",
  ],
];

/**
 * The page.
 *
 * @param grants what main holds until start is done
 */
export function permissionsPage(grants: Grants): string {
  const threadRows = THREADS.map(({ thread, holds, why }) =>
    row([thread, ...PERMISSION_KINDS.map((kind) => holds[kind] ?? "–"), why])
  );
  const grantRows = PERMISSION_KINDS.map((kind) => row([kind, shown(grants[kind]), PURPOSES[kind]]));
  return [
    "# Permissions",
    "",
    "Who holds which permission, why, and what is not enforced. This page is generated from the table that the",
    "program itself uses; `deno task permissions` writes it, and a test fails when it is stale.",
    "",
    "## Who holds what",
    "",
    ...table(["thread", ...PERMISSION_KINDS, "why"], threadRows),
    "",
    "```mermaid",
    "flowchart LR",
    '  client["MCP client"] -- "JSON-RPC: untrusted bytes" --> main["main: parses, decides; holds nothing"]',
    '  main -- "limits, which run begins and ends" --> warden["warden: run, libc"]',
    '  main -- "folders to make and to remove, log lines" --> scribe["scribe: two folders"]',
    '  main -- "checked arguments" --> nmap["compartment nmap: run nmap"]',
    '  main -- "checked arguments" --> curl["compartment curl: run curl"]',
    '  nmap -- "output: untrusted bytes, moved" --> main',
    '  curl -- "output: untrusted bytes, moved" --> main',
    '  warden -. "makes it; lets each execve go on" .-> nmap',
    '  warden -. "makes it; lets each execve go on" .-> curl',
    '  nmap --> nmapProgram["/usr/bin/nmap: limits, Landlock, filter"]',
    '  curl --> curlProgram["/usr/bin/curl: limits, Landlock, filter"]',
    '  warden -- "SIGTERM, SIGKILL, by mark" --> nmapProgram',
    '  warden -- "SIGTERM, SIGKILL, by mark" --> curlProgram',
    "```",
    "",
    "Untrusted bytes, what clients send and what programs print, are parsed in main, which by then can start nothing,",
    "connect nowhere and touch no file. A compartment moves bytes and parses none. Warden and scribe see neither: the",
    "warden is told which run of which tool begins and with which limits, the scribe what folders to make. Every message",
    "between threads is checked against a table, and one that is not in it ends whoever sent it.",
    "",
    "## What happens before a program's first instruction",
    "",
    "In tier kernel (Linux, x86_64 and aarch64, glibc):",
    "",
    "1. When it is made, a compartment confines its own thread, for good: no_new_privs; no capability but declared ones,",
    "   the bounding set included; Landlock; a seccomp filter. Then it gives native code up. All its programs inherit this.",
    "   The filter refuses what Landlock does not look at: files without a place (memfd_create); modes, owners, times and",
    "   flags of files; leases and notices about files; memory that outlives its process; keys; namespaces; sessions;",
    "   tracing; other processes' scheduling; typing into a terminal. Landlock lets no device below `/dev` be read, and so",
    "   no terminal and no disk, but null, zero, full, random and urandom.",
    "2. The filter stops every execve(2) of the compartment's children, before anything of the new program runs, and tells",
    "   the warden. Unless main has announced the run, it fails. In the same way the warden is asked for every signal to",
    "   another process, and allows those within the run.",
    "3. The warden gives the process its own group, the last place for processors, its ceilings (address space, processor",
    "   time, open files, file size, no core), and the run's mark: the limit `RLIMIT_LOCKS`, which no kernel since 2.4.24",
    "   uses, which every child inherits, and which the filter lets nobody change. If one of these fails, so does the",
    "   execve, and the run is reported.",
    "4. Only then does the program begin. Whatever it starts later is asked for in the same way and has all of it by",
    "   inheritance.",
    "",
    "A run is ended by its mark: SIGTERM to its group, SIGKILL after the grace to every process that carries the mark,",
    "until a look at all processes finds none. Parents, sessions, environments and names do not matter, and processes",
    "without the mark are never touched. What a program leaves behind when it ends is ended in the same way.",
    "",
    "## What main holds until start is done",
    "",
    ...table(["kind", "granted for", "what for"], grantRows),
    "",
    "All of it is given up before the first request is served, and the start fails if one of them is still there. There are no",
    "prompts: every set of flags carries `--no-prompt`.",
    "",
    "## What a program is given",
    "",
    "- its arguments: the manifest's own, then those that the grammar accepted, and the normalised target",
    "- an environment of its own and nothing of the server's: " +
    Object.entries(CHILD_ENVIRONMENT).map(([name, value]) => `\`${name}=${value}\``).join(", "),
    "- a folder that nobody has used before, which is its working folder, `HOME` and `TMPDIR`, and is removed afterwards",
    "- no standard input; standard output and standard error are read, capped, and never passed through",
    "- a deadline: SIGTERM, then SIGKILL after `confinement.kill_grace_sec`, to every process of the run",
    "",
    "## Not enforced",
    "",
    ...table(["what", "how it is"], NOT_ENFORCED.map(row)),
    "",
  ].join("\n");
}

function shown(granted: readonly string[] | true | undefined): string {
  if (granted === true) return "everything";
  if (granted === undefined || granted.length === 0) return "–";
  return granted.map((item) => `\`${item}\``).join(" ");
}

function table(head: readonly string[], rows: readonly string[]): string[] {
  return [row(head), row(head.map(() => "---")), ...rows];
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
