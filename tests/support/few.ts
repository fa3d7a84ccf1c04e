/**
 * Whether tests of many rounds are to take few. The counts that are asked for run on the newest Deno; on the oldest one
 * CI asks whether they hold at all.
 */
export const FEW: boolean = Deno.env.get("BULKHEAD_FEW") === "true";
