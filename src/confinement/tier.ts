/**
 * The tier of confinement: what is enforced on a program beside the permissions of its compartment.
 *
 * @module
 */

/** `basic`: time-outs and output caps. Stronger tiers are not built yet, and asking for one stops the start. */
export type Tier = "basic";

/** The tier that a configuration's `confinement.tier` comes to on this machine. */
export function effectiveTier(wanted: "auto" | Tier): Tier {
  // The strongest tier that there is, so far, is the one that can also be asked for.
  return wanted === "auto" ? "basic" : wanted;
}
