/**
 * Writes `permissions.md`, and the permission set `serve` of `deno.json`, from the one table of permissions.
 *
 *     deno task permissions
 *
 * @module
 */
import { compiledGrants, PERMISSION_KINDS } from "../src/confinement/permissions.ts";
import { permissionsPage } from "../src/confinement/permissions_page.ts";
import { catalogCommands } from "./catalog_commands.ts";

const grants = compiledGrants(catalogCommands());

/** The generated files' texts, formatted as `deno fmt` wants them. */
export async function generatedFiles(): Promise<{ readonly path: string; readonly text: string }[]> {
  const config = JSON.parse(await Deno.readTextFile(fileOf("deno.json")));
  config.permissions.serve = Object.fromEntries(
    PERMISSION_KINDS.map((kind) => [kind, grants[kind] ?? false]),
  );
  return [
    { path: "permissions.md", text: await formatted("md", permissionsPage(grants)) },
    { path: "deno.json", text: await formatted("json", JSON.stringify(config, null, 2)) },
  ];
}

/** The path of one of the project's own files. */
export function fileOf(name: string): string {
  return decodeURIComponent(new URL(`../${name}`, import.meta.url).pathname);
}

async function formatted(extension: string, text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--ext", extension, "-"],
    cwd: fileOf("."),
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`deno fmt refused the generated ${extension}`);
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  for (const { path, text } of await generatedFiles()) await Deno.writeTextFile(fileOf(path), text);
}
