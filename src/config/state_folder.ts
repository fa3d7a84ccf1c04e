/**
 * Where state is kept between runs.
 *
 * @module
 */
import { resolvePath } from "../core/paths.ts";
import type { ConfigWorld } from "./load.ts";
import type { Config } from "./schema.ts";

/**
 * The absolute path of the folder for state: `confinement.state_dir`, else the one that the XDG base
 * directory specification gives; null without a home. Whether the folder is there is not asked.
 */
export function stateFolder(
  config: Pick<Config, "confinement">,
  world: Pick<ConfigWorld, "env">,
): string | null {
  const { state_dir: named } = config.confinement;
  if (named !== undefined) return named;
  const home = world.env("HOME") ?? "";
  // The specification again: a relative path is to be ignored, as if the variable were not set.
  const base = [world.env("XDG_STATE_HOME") ?? "", home === "" ? "" : `${home}/.local/state`]
    .find((path) => path.startsWith("/"));
  return base === undefined ? null : resolvePath(base, "bulkhead");
}
