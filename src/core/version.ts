/**
 * The program's name and version, taken from `deno.json` so that they are written down once.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** The program's name, as MCP's server information and `--version` give it. */
export const NAME: string = config.name;

/** The program's version (semver.org). */
export const VERSION: string = config.version;
