/**
 * The output parsers by the name that a tool's manifest uses.
 *
 * @module
 */
import type { OutputParser } from "./parser.ts";

/** What is known about the data of a parser that is chosen by name. */
export interface ParsedData {
  incomplete: string | null;
}

/** Loads a parser when it is first needed: most runs of the program need none. */
export type ParserLoader = () => Promise<OutputParser<ParsedData>>;

const loaders = {
  nmap_xml: async () => (await import("./nmap_xml.ts")).nmapXml,
  curl_report: async () => (await import("./curl_report.ts")).curlReport,
  openssl_s_client: async () => (await import("./openssl_s_client.ts")).opensslSClient,
  ping: async () => (await import("./ping.ts")).ping,
  traceroute: async () => (await import("./traceroute.ts")).traceroute,
  mtr: async () => (await import("./mtr.ts")).mtr,
  ssh_keyscan: async () => (await import("./ssh_keyscan.ts")).sshKeyscan,
  dig: async () => (await import("./dig.ts")).dig,
  masscan: async () => (await import("./masscan.ts")).masscan,
  gobuster: async () => (await import("./gobuster.ts")).gobuster,
} satisfies Record<string, ParserLoader>;

/** The name of a parser. */
export type ParserName = keyof typeof loaders;

/** Every parser's loader by the parser's name. */
export const parsers: Readonly<Record<ParserName, ParserLoader>> = Object.freeze(loaders);

/** Every parser's name. */
export const parserNames: readonly ParserName[] = Object.freeze(Object.keys(loaders) as ParserName[]);
