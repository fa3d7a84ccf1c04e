/**
 * Imported before everything else by the program: a server's standard output is for its protocol, and the modules that
 * are loaded next are to find it taken.
 *
 * @module
 */
import { reserveStandardOutput } from "../confinement/standard_output.ts";

if (Deno.args[0] === "serve") reserveStandardOutput();
