/**
 * The environment of every program: an allow-list of its own, nothing is inherited.
 *
 * @module
 */

/**
 * No home and no folder for temporary files: a program that looks there for configuration of its own finds none, and
 * one that wants to write there cannot. Some ask the system for their user's home instead; a manifest must stop them. Output is in English and UTF-8, times in UTC, for the parsers.
 */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/bin:/usr/sbin:/bin:/sbin",
  HOME: "/nonexistent",
  TMPDIR: "/nonexistent",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
};
