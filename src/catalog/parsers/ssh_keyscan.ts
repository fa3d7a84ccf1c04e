/**
 * Reads what ssh-keyscan says about one SSH server (ssh-keyscan(1)).
 *
 * Standard output is a line for each key, in the form of a known_hosts file; standard error holds the server's banner,
 * once for each connection, and messages. A server that cannot be reached leaves both empty.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import * as z from "zod";
import { joinMessages, splitLines } from "./output_lines.ts";
import type { OutputParser, ProgramOutput } from "./parser.ts";
import { pemBytes } from "./pem.ts";
import { cutText, decodeText, joinLosses, joinSummary, onePiece } from "./plain_text.ts";
import { readSshPublicKey, sshFingerprint } from "./ssh_public_key.ts";

/** How many keys are kept; a server has one of each kind. */
const MAX_KEYS = 32;
/** A longer banner is not one: RFC 4253 section 4.2. */
const MAX_BANNER_LENGTH = 255;

const HostKeySchema = z.strictObject({
  type: z.string().describe('Such as "ssh-ed25519".'),
  bits: z.int().min(0).nullable(),
  fingerprint: z.string().describe("As ssh-keygen -l shows it."),
  known_hosts: z.string().describe("The line for a known_hosts file."),
});

const HostKeysSchema = z.strictObject({
  banner: z.string().nullable().describe("What the server said that it is: chosen by the server."),
  keys: z.array(HostKeySchema),
  error: z.string().nullable().describe("ssh-keyscan's own messages."),
  incomplete: z.string().nullable().describe("What is missing here, or null when nothing is."),
});

/** The host keys of one server. A fact that is not known is null. */
export type HostKeys = z.infer<typeof HostKeysSchema>;
type HostKey = z.infer<typeof HostKeySchema>;

/** Host (perhaps `[host]:port`), type and key. */
const KEY_LINE =
  /^(?:[0-9A-Za-z.:%_-]{1,255}|\[[0-9A-Za-z.:%_-]{1,255}\]:\d{1,5}) ([A-Za-z0-9@.-]{1,64}) ([A-Za-z0-9+/]+={0,2})$/;
const BANNER_LINE = /^# \S{1,300}:\d{1,5} (SSH-.*)$/;

async function readKey(line: string): Promise<HostKey | null> {
  const [, type, text] = KEY_LINE.exec(line) ?? [];
  if (type === undefined || text === undefined) return null;
  const blob = pemBytes(text);
  const key = blob === null ? null : readSshPublicKey(blob);
  if (blob === null || key === null || key.format !== type) return null;
  return { type, bits: key.bits, fingerprint: await sshFingerprint(new Uint8Array(blob)), known_hosts: line };
}

async function parse({ stdout, stderr, partial }: ProgramOutput): Promise<HostKeys | null> {
  const out = splitLines(decodeText(stdout));
  const messages = splitLines(decodeText(stderr)).lines;
  const banner = messages.map((line) => BANNER_LINE.exec(line)?.[1]).find((text) => text !== undefined);
  const error = joinMessages(messages.filter((line) => !line.startsWith("#")));
  const candidates = out.lines.filter((line) => line !== "" && !line.startsWith("#"));
  const read = await Promise.all(candidates.slice(0, MAX_KEYS).map(readKey));
  const keys = read.filter((key) => key !== null);
  if (keys.length === 0 && banner === undefined && error === null) return null;

  const losses: string[] = [];
  if (partial || out.rest !== "") losses.push("standard output is only the beginning");
  const unreadable = read.length - keys.length + out.dropped;
  if (unreadable > 0) losses.push(`${plural(unreadable, "line")} could not be read`);
  const surplus = candidates.length - read.length;
  if (surplus > 0) losses.push(`${plural(surplus, "more line")} left out`);
  return {
    banner: banner === undefined ? null : cutText(banner, MAX_BANNER_LENGTH),
    keys,
    error,
    incomplete: joinLosses(losses),
  };
}

function summarize({ banner, keys, error, incomplete }: HostKeys): string {
  const lines = [plural(keys.length, "host key")];
  if (banner !== null) lines.push(`Banner: ${onePiece(banner)}`);
  if (error !== null) lines.push(`Error: ${onePiece(error)}`);
  if (incomplete !== null) lines.push(`Incomplete: ${incomplete}`);
  const keyLine = ({ type, bits, fingerprint }: HostKey) =>
    `${onePiece(type)}${bits === null ? "" : ` (${plural(bits, "bit")})`} ${fingerprint}`;
  return joinSummary([...lines, ...keys.map(keyLine)]);
}

/** The parser `ssh_keyscan`: the host keys of one server. */
export const sshKeyscan: OutputParser<HostKeys> = { schema: HostKeysSchema, parse, summarize };
