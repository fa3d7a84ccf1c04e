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
  net: "Listening on loopback, with `--transport http` only. Nothing is connected to.",
  env: "The configuration's variables; never a secret.",
  sys: "The server's own user and group: programs that others may write are refused.",
  ffi: "The C library, for the warden and, until they are confined, the compartments; not in tier basic.",
  import: "No code is loaded from the network: `--deny-import` takes even Deno's own list of hosts away.",
};

/** What the person who relies on this must know. */
const NOT_ENFORCED: readonly (readonly [string, string])[] = [
  [
    "Where a program connects",
    "The target is checked and normalised before it is passed; what the program then does is its own affair.",
  ],
  [
    "Memory, processor time, files and processes of a run",
    "Time-outs and output caps are enforced. A manifest's `memory_mb`, `cpu_sec`, `open_files`, `file_size_mb` and `processes` are checked, shown as not enforced, and have no effect in this version.",
  ],
  [
    "What a program's own children do",
    "A time-out ends the program itself, SIGTERM first. A child that it started and left behind lives on. So does the program itself when the server is killed outright or its compartment dies.",
  ],
  [
    "Which files a program reads",
    "It reads what the server's user may read. Run the server as a user of its own.",
  ],
  [
    "What a program writes",
    "It has no home and no folder for temporary files, and starts in `/`; nothing else stops it from writing where the user may.",
  ],
  ["Host names", "They are refused, except `localhost`: this version does not resolve names."],
  ["The server's own listener", "With `loopback` allowed, a tool may be aimed at it."],
  [
    "The home of the server's user",
    "`HOME` names no folder, but a program can ask the system for its user's home and read configuration there. The manifests of the catalog turn that off with the program's own flags.",
  ],
  [
    "Scripts of nmap",
    "`-sV` runs those of nmap's category `version`. No other script can be asked for; `-A` is marked intrusive.",
  ],
  ["Raw sockets", "A tool that declares `capabilities: [net_raw]` is unavailable in this version."],
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
    '  client["MCP client"] -- "JSON-RPC: untrusted" --> main["main: parses, decides; holds nothing"]',
    '  main -- "checked arguments" --> nmap["compartment nmap: run nmap"]',
    '  main -- "checked arguments" --> curl["compartment curl: run curl"]',
    '  nmap -- "output: untrusted" --> main',
    '  curl -- "output: untrusted" --> main',
    '  nmap --> nmapProgram["/usr/bin/nmap"]',
    '  curl --> curlProgram["/usr/bin/curl"]',
    "```",
    "",
    "Untrusted bytes, what clients send and what programs print, are parsed in main, which by then can start nothing,",
    "connect nowhere and touch no file. A compartment moves bytes and parses none.",
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
    "- no standard input; standard output and standard error are read, capped, and never passed through",
    "- a deadline: SIGTERM, then SIGKILL after `confinement.kill_grace_sec`",
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
