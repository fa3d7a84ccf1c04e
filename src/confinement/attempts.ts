/**
 * What a thread might try: each kind of thing that a permission of Deno's stands for, tried for real. What is found
 * out so is what the runtime does, not what a table says.
 *
 * @module
 */

import { type Place, placeText } from "./place.ts";

/** One thing that was tried: whether it could be done, and what came of it. */
export interface Attempt {
  /** What was tried, such as `execute /usr/bin/curl`. */
  readonly what: string;
  readonly allowed: boolean;
  /** The error's name and message, or what came of it. */
  readonly detail: string;
}

/** What there is to be tried. */
export interface AttemptPlan {
  /** Programs, by absolute path. They are started with `--version`. */
  readonly programs: readonly string[];
  /** Files to be read; folders to write a file to, which is removed again. */
  readonly files: readonly string[];
  readonly folders: readonly string[];
  /** Native libraries, by path. */
  readonly libraries: readonly string[];
  /** Where to connect, beside a port of loopback that nobody needs. */
  readonly services: readonly Place[];
}

/** A port of loopback on which nothing listens for long: discard (RFC 863), which hardly anybody serves. */
const NOBODY = { host: "127.0.0.1", port: 9 } as const satisfies Place;

/** Tries everything of the plan, and to connect, to listen, and to ask for the environment and the system. */
export async function tryAll(plan: AttemptPlan): Promise<Attempt[]> {
  const attempts: (readonly [what: string, act: () => unknown])[] = [
    ...plan.programs.map((path) =>
      [
        `execute ${path}`,
        () => void new Deno.Command(path, { args: ["--version"], clearEnv: true }).outputSync(),
      ] as const
    ),
    ...plan.files.map((path) => [`read ${path}`, () => void Deno.readFileSync(path)] as const),
    ...plan.folders.map((folder) => [`write ${folder}`, () => writeIn(folder)] as const),
    ...plan.libraries.map((path) => [`load ${path}`, () => Deno.dlopen(path, {}).close()] as const),
    ...[NOBODY, ...plan.services].map((place) => [connecting(place), () => connectTo(place)] as const),
    ["listen on 127.0.0.1", () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close()],
    ["read the environment", () => void Deno.env.get("HOME")],
    ["ask for the user", () => void Deno.uid()],
  ];
  const results: Attempt[] = [];
  for (const [what, act] of attempts) results.push(await attempt(what, act));
  return results;
}

async function attempt(what: string, act: () => unknown): Promise<Attempt> {
  try {
    await act();
    return { what, allowed: true, detail: "it could" };
  } catch (error) {
    const { name, message } = error as Error;
    // Only this one says that a permission was missing; what failed otherwise was allowed to be tried.
    const allowed = name !== "NotCapable";
    return {
      what,
      allowed,
      detail: allowed ? `${name}: ${message}`.slice(0, 300) : "the permission is missing",
    };
  }
}

/** What connecting to a place is called. */
export function connecting(place: Place): string {
  return `connect to ${placeText(place)}`;
}

async function connectTo({ host, port }: Place): Promise<void> {
  (await Deno.connect({ hostname: host, port })).close();
}

function writeIn(folder: string): void {
  const path = `${folder}/bulkhead-proof`;
  Deno.writeTextFileSync(path, "");
  Deno.removeSync(path);
}
