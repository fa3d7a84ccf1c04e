/**
 * The tiers of confinement: what is enforced on a program beside the permissions of its compartment.
 *
 * @module
 */

/**
 * `kernel`: ceilings, rules for files and signals, and the end of a run's every process, by the Linux kernel.
 * `basic`: time-outs and output caps only.
 */
export type Tier = "kernel" | "basic";

/** What `confinement.tier` may say; `auto` takes the strongest that there is. */
export type WantedTier = "auto" | Tier;
