/**
 * Faults of tools like this one, each seen in a run or in code, that must not come back. A test that holds one of them
 * off has its number in its name: "(D7)".
 *
 * @module
 */

/** What goes wrong, by number. */
export const FAULTS: Readonly<Record<number, string>> = {
  1: "every run fails, and nobody notices at the start",
  2: "checks that are declared and never called",
  3: "a pattern that takes a newline, or a range by accident",
  4: "words that are no flags pass unchecked",
  5: "flags allowed by their beginning",
  6: "a flag swallows the target, or the target is a flag",
  7: "'private' that means more than RFC 1918",
  8: "one value is checked, another one is passed",
  9: "names that are never resolved",
  10: "failures that the breaker does not count",
  11: "a breaker that never half-opens",
  12: "a run that is counted twice",
  13: "durations that include the wait",
  14: "output that is held whole before it is capped",
  15: "processes that outlive their run, or stretch its deadline",
  16: "a program that reads the server's own input",
  17: "limits that miss, or land too late",
  18: "a health check that blocks, and calls load an outage",
  19: "a protocol that no client was ever tried with",
  20: "every origin is allowed",
  21: "no check of who calls",
  22: "one answer for every kind of error",
  23: "ids that repeat, and forge lines of the log",
  24: "configuration that is loaded and not used",
  25: "tools that are found by patterns of their names",
  26: "limits that come after the work",
  27: "queues without bound, and places that are never given back",
};

/** The faults that a test's name says it holds off: "(D3)", "(D7, D8)", "(D3 to D6)". */
export function faultsIn(name: string): number[] {
  return [...name.matchAll(/\((D[0-9]+(?:(?:, | to )D[0-9]+)*)\)/g)].flatMap(([, list]) => {
    const [first, ...more] = [...list!.matchAll(/[0-9]+/g)].map(Number) as [number, ...number[]];
    const last = more.at(-1) ?? first;
    return list!.includes(" to ")
      ? Array.from({ length: last - first + 1 }, (_, step) => first + step)
      : [first, ...more];
  });
}
