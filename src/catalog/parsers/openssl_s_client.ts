/**
 * Reads what `openssl s_client -showcerts -connect host:port` says about one TLS handshake (openssl-s_client(1)).
 *
 * The report on standard output is a row of sections between lines of "---". After the last of them comes whatever
 * the server sends, so nothing behind the report is read, and each fact is taken only from its own section.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { type Certificate, CertificateSchema, decodeCertificate } from "./certificate.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { findPemBlocks, PEM_BEGIN, pemBytes } from "./pem.ts";
import { cutText, decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";

/** How many certificates are decoded; by default OpenSSL itself refuses chains of more than 100 KiB. */
const MAX_CERTIFICATES = 64;
/** How many different messages of OpenSSL's error queue are kept, and how much of each. */
const MAX_ERRORS = 5;
const MAX_ERROR_LENGTH = 300;

const TlsSessionSchema = z.strictObject({
  connected: z.boolean().describe("The TCP connection stood; the handshake may still have failed."),
  protocol: z.string().nullable().describe('Such as "TLSv1.3"; null when none was negotiated.'),
  cipher: z.string().nullable(),
  server_temp_key: z.string().nullable().describe("The ephemeral key or group of the key exchange."),
  alpn: z.string().nullable().describe("The application protocol that the server chose."),
  verify_code: z.int().min(0).nullable().describe(
    "X.509 verification result; 0: verified. Names only count with -verify_hostname.",
  ),
  verify_message: z.string().nullable(),
  chain: z.array(CertificateSchema).describe("The certificates as the server sent them, its own first."),
  expires_at: z.iso.datetime().nullable().describe("When the server's own certificate ends."),
  error: z.string().nullable().describe("OpenSSL's messages about what failed."),
  incomplete: z.string().nullable().describe("What could not be read, or null when nothing is missing."),
});

/** One attempt at a TLS handshake. A fact that is not known is null. */
export type TlsSession = z.infer<typeof TlsSessionSchema>;

/** The lines of each section of the report. */
interface Sections {
  connected: boolean;
  /** "Certificate chain": PEM blocks and the names in them, which the server chose. */
  chain: string[];
  /** "Server certificate" and what follows it up to the count of bytes: the leaf, signature and key exchange. */
  server: string[];
  /** "SSL handshake has read": ends with the outcome of the verification. */
  traffic: string[];
  /** "New" or "Reused": the negotiated parameters. */
  status: string[];
  /** Whether the report has its last line. */
  whole: boolean;
}

/** The facts of the status section. */
interface Status {
  protocol: string | null;
  cipher: string | null;
  alpn: string | null;
  verifyCode: number | null;
  verifyMessage: string | null;
}

const STATUS_LINE = /^(?:New|Reused), (.+), Cipher is (.+)$/;
const VERIFY_LINE = /^ {0,4}Verify return code: ([0-9]{1,6}) \((.*)\)$/;

function sectionsOf(lines: readonly string[]): Sections {
  const sections: Sections = {
    connected: false,
    chain: [],
    server: [],
    traffic: [],
    status: [],
    whole: false,
  };
  let current: string[] | null = null;
  let atStart = false;
  for (const line of lines) {
    if (line === "---") {
      if (current === sections.status) {
        sections.whole = true;
        break;
      }
      atStart = true;
      continue;
    }
    if (atStart) {
      atStart = false;
      if (line === "Certificate chain") current = sections.chain;
      else if (line.startsWith("SSL handshake has read ")) current = sections.traffic;
      else if (STATUS_LINE.test(line)) current = sections.status;
      else current = sections.server;
    }
    if (current === null && line.startsWith("CONNECTED(")) sections.connected = true;
    current?.push(line);
  }
  return sections;
}

/** @returns the first capture of the first line that matches, or null. */
function firstMatch(lines: readonly string[], pattern: RegExp): string | null {
  for (const line of lines) {
    const match = pattern.exec(line);
    if (match !== null) return match[1] ?? null;
  }
  return null;
}

function statusOf(lines: readonly string[]): Status {
  const [, version, suite] = STATUS_LINE.exec(lines[0] ?? "") ?? [];
  const handshake = suite !== undefined && suite !== "(NONE)";
  const verify = lines.find((line) => VERIFY_LINE.test(line));
  const [, code, message] = VERIFY_LINE.exec(verify ?? "") ?? [];
  const verifyCode = code === undefined ? null : Number(code);
  // Without a handshake, 0 only means that nothing was ever verified.
  const verified = verifyCode !== null && (handshake || verifyCode !== 0);
  return {
    // Up to TLS 1.2 the first line names the oldest protocol that has the cipher, not the one in use.
    protocol: handshake ? firstMatch(lines, /^ {0,4}Protocol *: (\S+)$/) ?? version ?? null : null,
    cipher: handshake ? suite : null,
    alpn: handshake ? firstMatch(lines, /^ALPN protocol: (.+)$/) : null,
    verifyCode: verified ? verifyCode : null,
    verifyMessage: verified ? message ?? null : null,
  };
}

/**
 * Settles the verification result. What the server sends first appears in the status section, before its verify line
 * (the ALPN name), so a code that contradicts the verification line of the section before is not believed.
 */
function settleVerification(status: Status, traffic: readonly string[], losses: string[]): void {
  const outcome = firstMatch(traffic, /^Verification(: OK| error: .*)$/);
  if (outcome === null || status.verifyCode === null) return;
  if ((outcome === ": OK") === (status.verifyCode === 0)) return;
  status.verifyCode = null;
  status.verifyMessage = outcome === ": OK" ? null : outcome.slice(" error: ".length);
  losses.push("the verify code contradicts the verification line and is left out");
}

/** @returns one entry for each block in order; null for a block that is not a certificate. */
async function decodeBlocks(blocks: readonly string[]): Promise<(Certificate | null)[]> {
  if (blocks.length === 0) return [];
  const { X509Certificate } = await import("node:crypto");
  return blocks.map((block) => {
    const der = pemBytes(block);
    return der && decodeCertificate(der, X509Certificate);
  });
}

/** @returns the reasons in OpenSSL's error queue, which it prints as `id:error:code:library:function:reason:...`. */
function errorsIn(stderr: string): string | null {
  const reasons = new Set<string>();
  for (const line of stderr.split("\n")) {
    const match = /^[0-9A-Fa-f]+:error:[^:]*:[^:]*:[^:]*:([^:]+)/.exec(line) ??
      /^(?:connect|getaddrinfo|gethostbyname failure|s_client)[:,] ?(\S.*)$/.exec(line);
    const reason = match?.[1];
    // The errno repeats, as a number, what the queue said in words.
    if (reason === undefined || (reasons.size > 0 && reason.startsWith("errno="))) continue;
    reasons.add(cutText(reason, MAX_ERROR_LENGTH));
    if (reasons.size === MAX_ERRORS) break;
  }
  return reasons.size === 0 ? null : [...reasons].join("; ");
}

async function parse({ stdout, stderr, partial }: ProgramOutput): Promise<TlsSession | null> {
  const sections = sectionsOf(decodeText(stdout).split(/\r?\n/));
  const error = errorsIn(decodeText(stderr));
  if (!sections.connected && error === null) return null;

  const losses: string[] = [];
  // Without a connection there is no report, unless the report was what was cut.
  if ((sections.connected || partial) && !sections.whole) {
    losses.push("output ended before the end of the report");
  }
  const status = statusOf(sections.status);
  settleVerification(status, sections.traffic, losses);

  // Without -showcerts the only PEM block is the leaf, in the section on the server's certificate.
  const { blocks, cut } = findPemBlocks(
    sections.chain.includes(PEM_BEGIN) ? sections.chain : sections.server,
  );
  const certificates = await decodeBlocks(blocks.slice(0, MAX_CERTIFICATES));
  const chain = certificates.filter((certificate) => certificate !== null);
  const unreadable = certificates.length - chain.length + Number(cut);
  if (unreadable > 0) losses.push(`${plural(unreadable, "certificate")} could not be read`);
  const surplus = blocks.length - certificates.length;
  if (surplus > 0) losses.push(`${plural(surplus, "more certificate")} left out`);

  return {
    connected: sections.connected,
    protocol: status.protocol,
    cipher: status.cipher,
    // The names of authorities, which the server chose, stand before this line.
    server_temp_key: firstMatch(
      sections.server.toReversed(),
      /^(?:(?:Server|Peer) Temp Key|Negotiated TLS1\.3 group): (?!<NULL>)(.+)$/,
    ),
    alpn: status.alpn,
    verify_code: status.verifyCode,
    verify_message: status.verifyMessage,
    chain,
    expires_at: certificates[0]?.valid_to ?? null,
    error,
    incomplete: joinLosses(losses),
  };
}

function certificateLine(certificate: Certificate, index: number): string {
  const { subject, issuer, valid_from, valid_to, key_type, key_bits, san } = certificate;
  const key = [key_type ?? "unknown key", key_bits ?? ""].join(" ").trim();
  const names = san.length === 0 ? "" : `; names ${onePiece(san.join(", "))}`;
  return `${index}: ${onePiece(subject)}; issued by ${onePiece(issuer)}; ` +
    `valid ${valid_from} to ${valid_to}; ${key}${names}`;
}

function summarize(session: TlsSession): string {
  const { protocol, cipher, server_temp_key: key, alpn, verify_code: code, verify_message: message } =
    session;
  const parts = [protocol, cipher, key, alpn === null ? null : `ALPN ${alpn}`].filter((part) =>
    part !== null
  );
  const lines: string[] = [];
  if (protocol !== null) lines.push(`Negotiated: ${parts.map(onePiece).join(", ")}`);
  else lines.push(session.connected ? "Connected, but no TLS was negotiated" : "Not connected");
  if (code !== null || message !== null) {
    lines.push(`Verification: ${[code ?? "", onePiece(message ?? "")].join(" ").trim()}`);
  }
  if (session.error !== null) lines.push(`Error: ${onePiece(session.error)}`);
  if (session.incomplete !== null) lines.push(`Incomplete: ${session.incomplete}`);
  return joinSummary([...lines, ...session.chain.map(certificateLine)]);
}

/** The parser `openssl_s_client`: one TLS handshake. */
export const opensslSClient: OutputParser<TlsSession> = { schema: TlsSessionSchema, parse, summarize };
