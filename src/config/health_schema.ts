/**
 * The part of the configuration that says what belongs to the server's health.
 *
 * @module
 */
import * as z from "zod";
import { parseTarget, type TargetKind } from "../policy/target.ts";

/** What a check's result means for the server as a whole, the gravest first. */
export const PRIORITIES = ["critical", "important", "informational"] as const;

const name = z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "expected a name such as lab_dns");

const priority = z.enum(PRIORITIES).default("informational");

/** A text that is read as a target is; whether it is an allowed one is nothing to this. */
const endpoint = (kind: TargetKind) =>
  z.string().superRefine((text, context) => {
    const target = parseTarget(text, [kind]);
    if (typeof target === "string") context.addIssue({ code: "custom", message: target });
  });

/** A service that the server's users need; it is asked whether it is there. */
const dependency = z.strictObject({
  name,
  tcp: endpoint("host_port").optional().describe("HOST:PORT, which must accept a connection"),
  http: endpoint("url").optional().describe("A URL whose answer to GET must have a status below 400"),
  priority,
}).refine(
  (one) => (one.tcp === undefined) !== (one.http === undefined),
  "expected one of tcp and http",
);

/** A run that must succeed. */
const check = z.strictObject({
  name,
  tool: z.string().min(1).max(64).describe("The tool that is run"),
  target: z.string().min(1).max(4096).optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  extra_args: z.string().max(65_536).optional(),
  priority,
});

/** Whether each name is there only once. */
function distinct(items: readonly { readonly name: string }[]): boolean {
  return new Set(items.map(({ name }) => name)).size === items.length;
}

const percent = z.number().min(1).max(100).default(80);

/** The section `health`. */
export const healthSchema = z.strictObject({
  check_interval_sec: z.number().min(1).max(3600).default(30).describe("Seconds between rounds of checks"),
  cpu_threshold: percent.describe("Percent of all processors' time that are too much"),
  memory_threshold: percent.describe("Percent of the machine's memory that are too much"),
  disk_threshold: percent.describe("Percent of the state folder's disk that are too much"),
  timeout_sec: z.number().min(0.1).max(300).default(10).describe("Seconds that one check may take"),
  dependencies: z.array(dependency).max(64).refine(distinct, "expected names that differ").default([])
    .describe("Services that are asked whether they are there"),
  checks: z.array(check).max(64).refine(distinct, "expected names that differ").default([])
    .describe("Runs of tools that must succeed"),
});
