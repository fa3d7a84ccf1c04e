/**
 * What is kept of an nmap scan: the shape, and how much of it.
 *
 * @module
 */
import * as z from "zod";

/**
 * The most that is kept of one scan. A report may be longer than anybody wants to have as one object; what is left out
 * is said, and standard output has it.
 */
export const KEPT = {
  hosts: 4096,
  /** Of all hosts together. */
  ports: 10_000,
  /** Of all hosts together. */
  scripts: 5000,
  /** Texts of scripts, all together, in UTF-16 code units. */
  scriptText: 1_048_576,
  /** What one script answered, in UTF-16 code units. */
  scriptOutput: 8192,
  /** Values of one script. */
  scriptValues: 200,
  /** One value of a script, in UTF-16 code units: a certificate has its place. */
  scriptValue: 4096,
  /** Any other text, in UTF-16 code units. */
  text: 500,
  /** Each list that has no number of its own here: names of a host, guesses at its system. */
  list: 20,
} as const;

const Count = z.int().min(0);
const Accuracy = z.int().min(0).max(100).nullable();
const Cpe = z.array(z.string()).describe("Names of the product in the Common Platform Enumeration.");

const Script = z.strictObject({
  id: z.string(),
  output: z.string(),
  values: z.array(z.strictObject({ path: z.string(), value: z.string() }))
    .describe(
      "The parts of the answer that the script names, such as subject/commonName; unnamed ones are numbered from 0.",
    ),
}).describe("One NSE script's answer.");

const Service = z.strictObject({
  name: z.string(),
  product: z.string().nullable(),
  version: z.string().nullable(),
  extra_info: z.string().nullable(),
  tunnel: z.string().nullable().describe('"ssl" when the service answers inside TLS.'),
  method: z.string().nullable().describe(
    '"table": guessed from the port number; "probed": the service answered.',
  ),
  confidence: z.int().min(0).max(10).nullable().describe("0 to 10, as nmap rates its own answer."),
  cpe: Cpe,
});

const Port = z.strictObject({
  port: z.int().min(0).max(65535),
  protocol: z.string().describe("tcp, udp, sctp, or ip (then the port is an IP protocol number)."),
  state: z.string().describe("open, closed, filtered, unfiltered, open|filtered or closed|filtered."),
  reason: z.string().nullable().describe("Why nmap says so, such as syn-ack."),
  service: Service.nullable(),
  scripts: z.array(Script),
});

const OsGuess = z.strictObject({
  name: z.string(),
  accuracy: Accuracy.describe("In percent."),
  classes: z.array(z.strictObject({
    vendor: z.string().nullable(),
    family: z.string().nullable(),
    generation: z.string().nullable(),
    type: z.string().nullable().describe("The kind of device, such as general purpose."),
    accuracy: Accuracy,
    cpe: Cpe,
  })),
});

const Host = z.strictObject({
  address: z.string(),
  address_family: z.enum(["ipv4", "ipv6"]),
  mac: z.string().nullable(),
  mac_vendor: z.string().nullable(),
  hostnames: z.array(z.string()),
  state: z.string().describe("up, down, unknown or skipped."),
  reason: z.string().nullable().describe("Why nmap says so, such as echo-reply."),
  ports: z.array(Port),
  extra_ports: z.array(z.strictObject({
    state: z.string(),
    count: Count,
    reasons: z.array(z.strictObject({ reason: z.string(), count: Count })),
  })).describe("Ports that nmap counted by state instead of listing."),
  scripts: z.array(Script).describe("Scripts that looked at the host, not at one port."),
  os: z.array(OsGuess).describe("Guesses at the operating system, best first."),
});

/** The schema of a scan. */
export const NmapScanSchema = z.strictObject({
  hosts: z.array(Host),
  scripts: z.array(Script).describe("Scripts that looked at the scan as a whole."),
  hosts_up: Count.nullable(),
  hosts_down: Count.nullable(),
  hosts_total: Count.nullable(),
  elapsed_sec: z.number().min(0).nullable(),
  nmap_version: z.string().nullable(),
  arguments: z.string().nullable().describe("The command line, as nmap repeats it."),
  exit: z.enum(["success", "error"]).nullable(),
  error: z.string().nullable().describe("nmap's own message when it gave up."),
  warnings: z.array(z.string()).describe("The lines that nmap wrote to standard error, at most 20."),
  incomplete: z.string().nullable().describe(
    "What is missing from the report or was left out of it, or null when it is all here.",
  ),
});

/** One scan, as nmap reported it. A fact that nmap did not give is null. */
export type NmapScan = z.infer<typeof NmapScanSchema>;
/** One scanned host. */
export type NmapHost = z.infer<typeof Host>;
/** One port of a host. */
export type NmapPort = z.infer<typeof Port>;
/** One script's answer. */
export type NmapScript = z.infer<typeof Script>;
/** One guess at a host's operating system. */
export type NmapOsGuess = z.infer<typeof OsGuess>;
