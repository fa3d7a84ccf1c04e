/**
 * How many connections the listener takes: as many as the configuration says, as far as the process may have files open.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { connectionSettings, pipelineSettings } from "../config/settings.ts";
import { openFileLimit } from "../confinement/machine.ts";
import { connectionLimit } from "../http/connection_limit.ts";
import type { Engine } from "./engine.ts";

const logger = getLogger(["bulkhead", "http"]);

/**
 * Finds out how many files there may be, while the kernel may still be asked, and warns when they are too few.
 *
 * @returns how many connections are taken at the moment that it is asked: at least 1
 */
export function takenConnections({ inEffect, toolbox }: Pick<Engine, "inEffect" | "toolbox">): () => number {
  const openFiles = openFileLimit();
  const wanted = () => connectionSettings(inEffect.setup.config).maxConnections;
  const taken = () =>
    connectionLimit(wanted(), openFiles, {
      tools: [...toolbox.values()].filter(({ executor }) => executor !== null).length,
      runs: pipelineSettings(inEffect.setup.config).maxConcurrency,
    });
  if (taken() < wanted()) {
    logger.warn(
      "fewer connections than server.max_connections are taken: the limit of open files is too low",
      {
        connections: taken(),
        open_files: openFiles,
        remedy: "raise the limit (ulimit -n), or lower server.max_connections",
      },
    );
  }
  return taken;
}
