/**
 * Real programs and stand-ins for them.
 *
 * @module
 */

/** In CI every program is installed, and a missing one is a failure there rather than a skip. */
export const IN_CI = Deno.env.get("CI") === "true";

/** Whether a program is there; says so when it is not. */
export function hasProgram(name: string): boolean {
  const found = ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/bin"].some((folder) =>
    isFile(`${folder}/${name}`)
  );
  if (found) return true;
  if (IN_CI) throw new Error(`${name} is not installed`);
  // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
  console.log(`skipped: no ${name}`);
  return false;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Whether this process has CAP_NET_RAW to give; capabilities(7). A child is asked: Deno itself keeps /proc shut. */
export function haveNetRaw(): boolean {
  const { stdout } = new Deno.Command("cat", { args: ["/proc/self/status"] }).outputSync();
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(new TextDecoder().decode(stdout))?.[1] ?? "0";
  return (BigInt(`0x${effective}`) & (1n << 13n)) !== 0n;
}

/** Whether the machine speaks IPv6 on loopback; some containers do not. */
export function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** A folder of a test's own, removed at its end. Only its owner may write to it, or its programs would be refused. */
export class TestFolder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "bulkhead-test-" });

  constructor() {
    Deno.chmodSync(this.path, 0o755);
  }

  /** Writes a file; returns its path. */
  write(name: string, text: string, mode = 0o644): string {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o755 });
    Deno.writeTextFileSync(path, text);
    Deno.chmodSync(path, mode);
    return path;
  }

  /** Writes a shell script that can be executed; returns its path. */
  script(name: string, body: string): string {
    return this.write(name, `#!/bin/sh\n${body}\n`, 0o755);
  }

  /** The text of a file, or null when there is none. */
  read(name: string): string | null {
    try {
      return Deno.readTextFileSync(`${this.path}/${name}`);
    } catch {
      return null;
    }
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** A manifest without a target for a stand-in program, with `more` lines of YAML at its end. */
export function standInManifest(name: string, command: string, more = ""): string {
  return [
    `name: ${name}`,
    "title: A stand-in",
    "description: A stand-in for a real program.",
    `command: ${command}`,
    more,
    "",
  ].join("\n");
}
