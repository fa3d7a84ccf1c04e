// deno-lint-ignore-file no-console -- a script speaks to the person who started it
/**
 * Makes the single executable: bundles the program and its worker, then compiles the bundles with the permissions
 * that `src/confinement/permissions.ts` names. `DENORT_BIN` is honoured by `deno compile` itself.
 *
 * Bundled and minified, the executable is 25 MB smaller and a third faster to answer `initialize` (about 180 ms
 * against 270 ms with three tools, on two shared cores).
 *
 *     deno task compile [--output FILE]
 *
 * @module
 */
import { compiledGrants, grantFlags } from "../src/confinement/permissions.ts";
import { catalogCommands } from "./catalog_commands.ts";

const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const BUILD = `${ROOT}dist/build`;

/** The program and, beside it in the same folder, the worker that it looks for there. */
const BUNDLES = [
  { source: "main.ts", bundle: `${BUILD}/main.js` },
  { source: "src/confinement/compartment_worker.ts", bundle: `${BUILD}/compartment_worker.js` },
];

async function deno(...args: string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    // Where the system's certificates are the right ones, such as behind a company's proxy, `deno bundle` needs them.
    env: {
      DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system",
      DENO_NO_UPDATE_CHECK: "1",
    },
  }).spawn().status;
  if (!success) {
    console.error(`deno ${args[0]} failed`);
    Deno.exit(1);
  }
}

function outputPath(args: readonly string[]): string {
  if (args.length === 0) return "dist/bulkhead";
  if (args.length === 2 && args[0] === "--output") return args[1]!;
  console.error("usage: deno task compile [--output FILE]");
  Deno.exit(2);
}

const output = outputPath(Deno.args);
await Deno.mkdir(BUILD, { recursive: true });
for (const { source, bundle } of BUNDLES) {
  await deno("bundle", "--quiet", "--minify", "--platform=deno", `--output=${bundle}`, source);
}
await deno(
  "compile",
  "--quiet",
  "--no-check",
  "--unstable-worker-options",
  "--unstable-no-legacy-abort",
  ...grantFlags(compiledGrants(catalogCommands())),
  ...BUNDLES.slice(1).map(({ bundle }) => `--include=${bundle}`),
  `--output=${output}`,
  BUNDLES[0]!.bundle,
);
const { size } = await Deno.stat(output.startsWith("/") ? output : `${ROOT}${output}`);
console.log(`${output}: ${(size / 1_048_576).toFixed(0)} MiB`);
