// deno-lint-ignore-file no-console -- a script speaks to the person who started it
/**
 * Makes the single executable: bundles the program and its workers, then compiles the bundles with the
 * permissions that `src/confinement/permissions.ts` names. `DENORT_BIN` is honoured by `deno compile` itself.
 *
 * With `--tools`, the manifests of a folder are checked as `bulkhead check` does and put into the executable
 * beside the built-in ones, and it may then start their programs too: that list can only be made here. What a
 * manifest declares as `helpers` is started by the tool's program and not by us, so it is not in the list.
 *
 * Bundled and minified, the executable is 25 MB smaller and a third faster to answer `initialize` (about 180 ms
 * against 270 ms with three tools, on two shared cores).
 *
 * With `--config`, it may also connect to the services in that configuration's `health.dependencies`, to check them.
 * Nothing else of the configuration goes into the executable.
 *
 *     deno task compile [--tools DIR]... [--config FILE] [--output FILE]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { loadCatalog, type ManifestFile } from "../src/catalog/load.ts";
import { EXIT, Exit } from "../src/core/exit.ts";
import { readManifests } from "../src/server/setup.ts";
import { configWorld, systemIo } from "../src/server/system.ts";
import { loadConfig } from "../src/config/load.ts";
import { ownCheckSettings } from "../src/config/settings.ts";
import type { Service } from "../src/confinement/prober_protocol.ts";
import { serviceOf } from "../src/confinement/services.ts";
import { compiledGrants, grantFlags } from "../src/confinement/permissions.ts";
import { resolvePath } from "../src/core/paths.ts";
import { plural } from "../src/core/text.ts";
import { NAME, VERSION } from "../src/core/version.ts";
import { formatDiagnostic } from "../src/documents/diagnostics.ts";

const USAGE = "usage: deno task compile [--tools DIR]... [--config FILE] [--output FILE]";
const ROOT = decodeURIComponent(new URL("..", import.meta.url).pathname);
const BUILD = `${ROOT}dist/build`;

/** The program; its source is written here, because it names the embedded manifests. */
const PROGRAM = { source: `${BUILD}/entry.ts`, bundle: `${BUILD}/main.js` };

/** The workers, which the program looks for beside itself. */
const WORKERS = [
  { source: "src/confinement/compartment_worker.ts", bundle: `${BUILD}/compartment_worker.js` },
  { source: "src/confinement/warden_worker.ts", bundle: `${BUILD}/warden_worker.js` },
  { source: "src/confinement/undertaker_worker.ts", bundle: `${BUILD}/undertaker_worker.js` },
  { source: "src/confinement/scribe_worker.ts", bundle: `${BUILD}/scribe_worker.js` },
  { source: "src/confinement/prober_worker.ts", bundle: `${BUILD}/prober_worker.js` },
  { source: "src/confinement/proof_worker.ts", bundle: `${BUILD}/proof_worker.js` },
];

/** What the command line asks for, as absolute paths; relative ones are taken from the project's folder. */
interface Options {
  readonly tools: readonly string[];
  readonly config: string | null;
  readonly output: string;
}

function readOptions(args: string[]): Options {
  try {
    const { tools, config, output } = parseArgs({
      args,
      options: {
        tools: { type: "string", multiple: true, default: [] },
        config: { type: "string" },
        output: { type: "string", default: "dist/bulkhead" },
      },
    }).values;
    return {
      tools: [...new Set(tools.map((folder) => resolvePath(ROOT, folder)))],
      config: config === undefined ? null : resolvePath(ROOT, config),
      output: resolvePath(ROOT, output),
    };
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    Deno.exit(EXIT.usage);
  }
}

function readFiles(folders: readonly string[]): ManifestFile[] {
  try {
    return readManifests(folders, systemIo);
  } catch (error) {
    if (error instanceof Exit) Deno.exit(error.code);
    throw error;
  }
}

/** The services that the configuration in a file has checked; none without one. */
function servicesIn(file: string | null): Service[] {
  if (file === null) return [];
  const world = { ...configWorld(), env: () => undefined };
  const loaded = loadConfig({ config: file, tools: [], allowTargets: [] }, world);
  if (loaded.ok) return ownCheckSettings(loaded.config).dependencies.map(serviceOf);
  for (const diagnostic of loaded.diagnostics) console.error(formatDiagnostic(diagnostic));
  Deno.exit(EXIT.usage);
}

/** The commands of the catalog that the files make together with the built-in manifests. */
function commandsWith(files: readonly ManifestFile[]): string[] {
  const catalog = loadCatalog(files);
  if (catalog.ok) return catalog.manifests.map(({ manifest }) => manifest.command);
  for (const diagnostic of catalog.diagnostics) console.error(formatDiagnostic(diagnostic));
  Deno.exit(EXIT.usage);
}

/** Writes the program's source: what `main.ts` does, with the manifests embedded first. */
async function writeProgram(files: readonly ManifestFile[]): Promise<void> {
  const manifests = files.map(({ file, bytes }) => ({
    file: `embedded/${file.slice(file.lastIndexOf("/") + 1)}`,
    text: new TextDecoder().decode(bytes),
  }));
  await Deno.mkdir(BUILD, { recursive: true });
  await Deno.writeTextFile(
    PROGRAM.source,
    [
      // First, since it keeps standard output for the protocol.
      `import { main } from "../../src/cli/main.ts";`,
      `import { embedManifests } from "../../src/catalog/embedded.ts";`,
      `import { systemIo } from "../../src/server/system.ts";`,
      `embedManifests(${JSON.stringify(manifests)});`,
      `Deno.exit(await main(Deno.args, systemIo));`,
      "",
    ].join("\n"),
  );
}

/** Runs Deno to its end. Whether it succeeded; if not, that is said. */
async function deno(...args: string[]): Promise<boolean> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    // Where the system's certificates are the right ones, such as behind a company's proxy, `deno bundle` needs them.
    env: {
      DENO_TLS_CA_STORE: Deno.env.get("DENO_TLS_CA_STORE") ?? "mozilla,system",
      DENO_NO_UPDATE_CHECK: "1",
    },
  }).spawn().status;
  if (!success) console.error(`deno ${args[0]} failed`);
  return success;
}

/** Whether the executable at `path` starts: with a base of another version it does not. */
async function starts(path: string): Promise<boolean> {
  try {
    const { stdout } = await new Deno.Command(path, { args: ["--version"], stderr: "inherit" }).output();
    return new TextDecoder().decode(stdout) === `${NAME} ${VERSION}\n`;
  } catch {
    return false;
  }
}

/** Compiles beside `output` first: what works there is replaced only by what works. Whether it was. */
async function compileTo(
  output: string,
  commands: readonly string[],
  services: readonly Service[],
): Promise<boolean> {
  const unproved = `${output}.new`;
  try {
    const made = await deno(
      "compile",
      "--quiet",
      "--no-check",
      "--unstable-worker-options",
      "--unstable-no-legacy-abort",
      "--v8-flags=--max-semi-space-size=1",
      // The cache would be a file in the common folder for temporary files, under a name that anybody can have taken
      // first, and what is in it is executed.
      "--no-code-cache",
      ...grantFlags(compiledGrants(commands, services)),
      ...WORKERS.map(({ bundle }) => `--include=${bundle}`),
      `--output=${unproved}`,
      PROGRAM.bundle,
    );
    if (!made || !await starts(unproved)) {
      console.error(
        made
          ? "what was compiled does not start"
          : "where the runtime base cannot be fetched, DENORT_BIN names one",
      );
      console.error(
        `DENORT_BIN is ${
          Deno.env.get("DENORT_BIN") || "not set"
        }; it must be the base of Deno ${Deno.version.deno}`,
      );
      return false;
    }
    await Deno.rename(unproved, output);
    return true;
  } finally {
    await Deno.remove(unproved).catch(() => {});
  }
}

const { tools, config, output } = readOptions(Deno.args);
const services = servicesIn(config);
const files = readFiles(tools);
const commands = commandsWith(files);
await writeProgram(files);
for (const { source, bundle } of [PROGRAM, ...WORKERS]) {
  const bundled = await deno(
    "bundle",
    "--quiet",
    "--minify",
    "--platform=deno",
    `--output=${bundle}`,
    source,
  );
  if (!bundled) Deno.exit(1);
}
if (!await compileTo(output, commands, services)) Deno.exit(1);
const { size } = await Deno.stat(output);
const own = tools.length === 0 ? "" : `, with ${plural(files.length, "manifest")} of your own`;
console.log(`${output}: ${(size / 1_048_576).toFixed(0)} MiB${own}`);
