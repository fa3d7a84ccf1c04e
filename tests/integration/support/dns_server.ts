/**
 * A small DNS server on loopback (RFC 1035), over UDP and TCP on one port, for programs that ask one. It belongs to
 * the test that made it.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import {
  type DnsRecord,
  type DnsZone,
  LAB_ZONE,
  RESPONSE_CODES,
  TYPES,
  wire16,
  wireName,
} from "./dns_zone.ts";

const INTERNET_CLASS = 1;
const RECURSION_DESIRED = 0x0100;
const TRUNCATED = 0x0200;
/** Response, authoritative answer, recursion available. */
const RESPONSE_FLAGS = 0x8480;
/** The most that a UDP answer holds here; a longer one is sent truncated, so that the client comes again by TCP. */
const MAX_UDP_BYTES = 512;

const SOA_DATA = Uint8Array.from([
  ...wireName("ns.lab.internal"),
  ...wireName("admin.lab.internal"),
  // Serial, refresh, retry, expire, minimum: 32 bits each.
  ...[2026, 7200, 900, 86400, 60].flatMap((number) => wire16(number >> 16, number & 0xffff)),
]);

interface Question {
  readonly name: string;
  readonly type: number;
  /** The question as it was asked, to be sent back. */
  readonly bytes: Uint8Array;
}

function readQuestion(query: Uint8Array): Question | null {
  const labels: string[] = [];
  let position = 12;
  for (;;) {
    const length = query[position];
    if (length === undefined || length > 63) return null;
    position++;
    if (length === 0) break;
    labels.push(new TextDecoder("latin1").decode(query.subarray(position, position + length)));
    position += length;
  }
  if (position + 4 > query.length) return null;
  const type = query[position]! << 8 | query[position + 1]!;
  return { name: labels.join(".").toLowerCase(), type, bytes: query.subarray(12, position + 4) };
}

function wireRecord(
  { name, type, data }: DnsRecord | { name: string; type: "SOA"; data: Uint8Array },
): number[] {
  const ttl = wire16(0, 300);
  return [...wireName(name), ...wire16(TYPES[type], INTERNET_CLASS), ...ttl, ...wire16(data.length), ...data];
}

/** An OPT record (RFC 6891) with an extended error: code 15, "Blocked", and text. */
function wireRemark(text: string): number[] {
  const error = [...wire16(15), ...new TextEncoder().encode(text)];
  const option = [...wire16(15, error.length), ...error];
  return [0, ...wire16(41, 1232, 0, 0, option.length), ...option];
}

/** The records that answer a question; an alias brings its target's records with it. */
function answersTo({ records }: DnsZone, name: string, type: number): readonly DnsRecord[] {
  const own = records.filter((record) => record.name === name);
  const alias = own.find((record) => record.type === "CNAME");
  if (alias !== undefined && type !== TYPES.CNAME) {
    return [
      alias,
      ...records.filter((record) =>
        TYPES[record.type] === type && bytesEqual(wireName(record.name), alias.data)
      ),
    ];
  }
  return own.filter((record) => type === TYPES.ANY || TYPES[record.type] === type);
}

function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** @returns the answer to one query, or null when nothing is to be sent. */
function respond(zone: DnsZone, query: Uint8Array, maxBytes: number): Uint8Array | null {
  const question = readQuestion(query);
  if (question === null) return null;
  const behaviour = zone.behaviours[question.name];
  if (behaviour === "silent") return null;
  // A header that promises a question and nine answers, and a name that points to itself.
  if (behaviour === "garbage") {
    return Uint8Array.from([...query.subarray(0, 2), ...wire16(RESPONSE_FLAGS, 1, 9, 0, 0, 0xc00c)]);
  }
  const known = zone.records.some((record) => record.name === question.name);
  const code = RESPONSE_CODES[behaviour ?? (known ? "NOERROR" : "NXDOMAIN")];
  const answers = answersTo(zone, question.name, question.type).map(wireRecord);
  const negative = answers.length === 0 &&
    (code === RESPONSE_CODES.NOERROR || code === RESPONSE_CODES.NXDOMAIN);
  const authority = negative ? [wireRecord({ name: "lab.internal", type: "SOA", data: SOA_DATA })] : [];
  const remark = zone.remarks[question.name];
  const additional = remark === undefined ? [] : [wireRemark(remark)];
  const message = (flags: number, records: readonly number[][], authorities: readonly number[][]) =>
    Uint8Array.from([
      ...query.subarray(0, 2),
      ...wire16(RESPONSE_FLAGS | flags | code | (query[2]! << 8 & RECURSION_DESIRED)),
      ...wire16(1, records.length, authorities.length, additional.length),
      ...question.bytes,
      ...records.flat(),
      ...authorities.flat(),
      ...additional.flat(),
    ]);
  const whole = message(0, answers, authority);
  return whole.length <= maxBytes ? whole : message(TRUNCATED, [], []);
}

async function readExactly(connection: Deno.TcpConn, length: number): Promise<Uint8Array | null> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await connection.read(bytes.subarray(filled));
    if (count === null) return null;
    filled += count;
  }
  return bytes;
}

/** Answers the queries of one TCP connection; each message has its length before it (RFC 1035, section 4.2.2). */
async function serveConnection(zone: DnsZone, connection: Deno.TcpConn): Promise<void> {
  try {
    for (;;) {
      const prefix = await readExactly(connection, 2);
      const query = prefix && await readExactly(connection, prefix[0]! << 8 | prefix[1]!);
      const answer = query && respond(zone, query, 0xffff);
      if (answer === null) break;
      const message = Uint8Array.from([...wire16(answer.length), ...answer]);
      for (let sent = 0; sent < message.length;) sent += await connection.write(message.subarray(sent));
    }
  } catch {
    // The client may go whenever it likes.
  } finally {
    connection.close();
  }
}

async function serveTcp(zone: DnsZone, listener: Deno.TcpListener): Promise<void> {
  for await (const connection of listener) void serveConnection(zone, connection);
}

/** Starts a server on a free port of 127.0.0.1, the same for UDP and TCP. */
export async function dnsServer(
  zone: DnsZone = LAB_ZONE,
): Promise<AsyncDisposable & { readonly port: number }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  void serveTcp(zone, listener);
  const socket = createSocket("udp4");
  socket.on("message", (query: Uint8Array, sender: { port: number; address: string }) => {
    const answer = respond(zone, query, MAX_UDP_BYTES);
    if (answer !== null) socket.send(answer, sender.port, sender.address);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, "127.0.0.1", () => resolve());
  });
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}
