/**
 * Imported before everything else by each worker: standard output is the whole process's, and no worker has anything to
 * say there.
 *
 * @module
 */
import { reserveStandardOutput } from "./standard_output.ts";

reserveStandardOutput();
