// deno-lint-ignore-file no-console -- a script speaks to the person who started it
/**
 * Holds the order of the layers: a folder under `src` imports only from itself and from the folders above it. And what
 * workers load lies in `src/confinement`.
 *
 *     deno run -P=inspect scripts/check_layers.ts
 *
 * @module
 */

/** From the ground up. */
const LAYERS = [
  "core",
  "documents",
  "resilience",
  "policy",
  "metrics",
  "logging",
  "events",
  "catalog",
  "config",
  "confinement",
  "runs",
  "health",
  "mcp",
  "http",
  "server",
  "cli",
];

const SOURCE = decodeURIComponent(new URL("../src/", import.meta.url).pathname);

/** The imports in a module's text that go to another file, static and dynamic, types included. */
export function relativeImports(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.{1,2}\/[^"]+)"/g)].map((match) => match[1]!);
}

/** The folder under `src` that a path relative to `src` lies in. */
function layerOf(path: string): string {
  return path.split("/")[0]!;
}

/** Every import that goes up, as `file: import`. */
export function violations(files: readonly { readonly path: string; readonly text: string }[]): string[] {
  return files.flatMap(({ path, text }) => {
    const own = LAYERS.indexOf(layerOf(path));
    if (own < 0) return [`${path}: its folder is not in the list of layers`];
    return relativeImports(text).flatMap((target) => {
      const resolved = new URL(target, `file:///src/${path}`).pathname;
      if (!resolved.startsWith("/src/")) {
        return resolved === "/deno.json" ? [] : [`${path}: ${target} leaves src`];
      }
      const layer = LAYERS.indexOf(layerOf(resolved.slice("/src/".length)));
      return layer < 0 || layer > own ? [`${path}: ${target}`] : [];
    });
  });
}

/** The same without those that only name types, which nothing loads. */
function loadedImports(text: string): string[] {
  return relativeImports(text.replace(/^(?:im|ex)port type\b[^;]*;/gm, ""));
}

/**
 * What the workers load from outside their folder, as `file: import`: from source they may read no other.
 */
export function strayLoads(files: readonly { readonly path: string; readonly text: string }[]): string[] {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const loaded = new Set([...texts.keys()].filter((path) => /^confinement\/.*_worker\.ts$/.test(path)));
  const stray: string[] = [];
  // A set that grows while it is walked through is walked through to its new end.
  for (const path of loaded) {
    for (const target of loadedImports(texts.get(path) ?? "")) {
      const next = new URL(target, `file:///${path}`).pathname.slice(1);
      if (next.startsWith("confinement/")) loaded.add(next);
      else stray.push(`${path}: ${target}`);
    }
  }
  return stray;
}

/** All modules under `src`. */
export function sourceFiles(folder = ""): { path: string; text: string }[] {
  return [...Deno.readDirSync(`${SOURCE}${folder}`)].flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) return sourceFiles(`${path}/`);
    return path.endsWith(".ts") ? [{ path, text: Deno.readTextFileSync(`${SOURCE}${path}`) }] : [];
  });
}

if (import.meta.main) {
  const files = sourceFiles();
  const found = [
    ...violations(files).map((violation) => `import against the layers: ${violation}`),
    ...strayLoads(files).map((load) => `a worker may load src/confinement only: ${load}`),
  ];
  for (const one of found) console.error(one);
  if (found.length > 0) Deno.exit(1);
}
