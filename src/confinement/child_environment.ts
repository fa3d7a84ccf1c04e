/**
 * The environment of every program: an allow-list of its own, nothing is inherited.
 *
 * @module
 */

/**
 * HOME and TMPDIR are added for each run: its own empty folder, where a program that looks for configuration of its own
 * finds none. Some ask the system for their user's home instead; a manifest must stop them. Output is in English and
 * UTF-8, times in UTC, for the parsers.
 */
export const CHILD_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/bin:/usr/sbin:/bin:/sbin",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  TZ: "UTC",
};
