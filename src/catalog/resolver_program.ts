/**
 * The program that resolves names. It is no tool: nobody can ask for it, and it has a compartment of its own.
 *
 * @module
 */

/** Its command, the package that holds it, and the name of its compartment, which no tool may have. */
export const RESOLVER = { command: "getent", package: "libc-bin", name: "resolver" } as const;
