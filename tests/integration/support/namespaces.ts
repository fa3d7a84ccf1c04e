/**
 * Namespaces of a test's own: what a test changes in them, nobody else sees; see namespaces(7).
 *
 * @module
 */
import { hasProgram, IN_CI, TestFolder } from "./programs.ts";

// By their paths: a compiled executable is tested with nothing on its PATH, and so is what it goes behind.
const UNSHARE = "/usr/bin/unshare";
const MOUNT = "/bin/mount";
const IP = "/sbin/ip";

/** Whether namespaces can be made: by root. In CI, root without them is a failure rather than a skip. */
export function canMakeNamespaces(...probe: [string, ...string[]]): boolean {
  if (!hasProgram(probe[0].slice(probe[0].lastIndexOf("/") + 1))) return false;
  if (Deno.uid() === 0) {
    const { success, stderr } = run(probe);
    if (success) return true;
    if (IN_CI) throw new Error(`root cannot make namespaces: ${new TextDecoder().decode(stderr)}`);
  }
  // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
  console.log("skipped: namespaces need root");
  return false;
}

function run([program, ...args]: readonly [string, ...string[]]) {
  return new Deno.Command(program, { args: [...args], stdin: "null" }).outputSync();
}

/** A view of the file system in which the machine knows other names. */
export interface Hosts extends Disposable {
  /** What the command whose view it is goes behind. */
  readonly wrapper: readonly string[];
}

/**
 * A view in which these lines are all of /etc/hosts, and nothing else is asked for a name: no DNS server.
 *
 * @returns the view, or null where there is none to be had, which is said
 */
export function hostsOf(...lines: readonly string[]): Hosts | null {
  if (!canMakeNamespaces(UNSHARE, "--mount", "/bin/true")) return null;
  const folder = new TestFolder();
  const hosts = folder.write("hosts", `${lines.join("\n")}\n`);
  const sources = folder.write("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n");
  const script = folder.script(
    "view",
    `${MOUNT} --bind ${hosts} /etc/hosts && ${MOUNT} --bind ${sources} /etc/nsswitch.conf && exec "$@"`,
  );
  return {
    wrapper: [UNSHARE, "--mount", script],
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
}

/** Two network namespaces, joined by a cable, and nothing beside. */
export interface Cable extends Disposable {
  /** What a command of the one end goes behind; its address is {@link CABLE}'s first. */
  readonly scanner: readonly string[];
  /** What a command of the other end goes behind; its address is {@link CABLE}'s second. */
  readonly lab: readonly string[];
}

/** The addresses of both ends, and the name of the interface at the first. */
export const CABLE = { scanner: "10.77.0.1", lab: "10.77.0.2", interface: "scan0" } as const;

/**
 * Makes a {@link Cable}. The other end is the router of the first one.
 *
 * @returns the cable, or null where there is none to be had, which is said
 */
export function cable(): Cable | null {
  if (!canMakeNamespaces(IP, "netns", "list")) return null;
  const id = crypto.randomUUID().slice(0, 6);
  const [scanner, lab] = [`bulkhead-s-${id}`, `bulkhead-l-${id}`];
  const made: string[] = [];
  const end = () => made.forEach((name) => ip("netns", "delete", name));
  try {
    for (const name of [scanner, lab]) {
      ip("netns", "add", name);
      made.push(name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    const [near, far] = [CABLE.interface, "lab0"];
    ip("-n", scanner, "link", "add", near, "type", "veth", "peer", "name", far, "netns", lab);
    for (const [name, device, address] of [[scanner, near, CABLE.scanner], [lab, far, CABLE.lab]] as const) {
      ip("-n", name, "address", "add", `${address}/24`, "dev", device);
      ip("-n", name, "link", "set", device, "up");
    }
    ip("-n", scanner, "route", "add", "default", "via", CABLE.lab);
  } catch (error) {
    end();
    throw error;
  }
  const inside = (name: string) => [IP, "netns", "exec", name];
  return { scanner: inside(scanner), lab: inside(lab), [Symbol.dispose]: end };
}

function ip(...args: readonly string[]): void {
  const { success, stderr } = run([IP, ...args]);
  if (!success) throw new Error(`ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
