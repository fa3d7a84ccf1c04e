/**
 * What a DNS server for tests knows: records in the form that goes over the wire (RFC 1035), and names that are
 * answered otherwise.
 *
 * @module
 */

/** The types of records that the server knows (RFC 1035, 3596, 2782). */
export const TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  ANY: 255,
} as const;

/** The response codes that a name can be made to answer with (RFC 1035, section 4.1.1). */
export const RESPONSE_CODES = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;

/** One record of the server: `data` is in the form that goes over the wire. */
export interface DnsRecord {
  readonly name: string;
  readonly type: Exclude<keyof typeof TYPES, "ANY">;
  readonly data: Uint8Array;
}

/** What the server does for a name that has no records: answer with a code, say nothing, or send bytes that are no answer. */
export type DnsBehaviour = keyof typeof RESPONSE_CODES | "silent" | "garbage";

/** A zone: records, and names that are answered otherwise. Every other name does not exist. */
export interface DnsZone {
  readonly records: readonly DnsRecord[];
  readonly behaviours: Readonly<Record<string, DnsBehaviour>>;
  /** Text of the extended error (RFC 8914) that goes with the answer for a name. */
  readonly remarks: Readonly<Record<string, string>>;
}

/** The wire form of a name; each label is text, or bytes for a label that is none. */
export function wireName(...labels: readonly (string | Uint8Array)[]): Uint8Array {
  const parts = labels.flatMap((label): Uint8Array[] =>
    typeof label === "string" ? label.split(".").map((part) => new TextEncoder().encode(part)) : [label]
  );
  return Uint8Array.from([...parts.flatMap((label) => [label.length, ...label]), 0]);
}

/** The wire form of a TXT record's strings. */
export function wireTexts(...texts: readonly (string | Uint8Array)[]): Uint8Array {
  return Uint8Array.from(texts.flatMap((text) => {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    return [bytes.length, ...bytes];
  }));
}

/** A 16-bit number in network order. */
export function wire16(...numbers: readonly number[]): number[] {
  return numbers.flatMap((number) => [number >> 8 & 255, number & 255]);
}

/** A zone with one of each: ordinary records, text that has to be escaped, long answers, and errors. */
export const LAB_ZONE: DnsZone = {
  records: [
    { name: "lab.internal", type: "NS", data: wireName("ns.lab.internal") },
    {
      name: "lab.internal",
      type: "MX",
      data: Uint8Array.from([...wire16(10), ...wireName("mail.lab.internal")]),
    },
    { name: "lab.internal", type: "TXT", data: wireTexts("v=spf1 -all") },
    { name: "ns.lab.internal", type: "A", data: Uint8Array.of(10, 0, 0, 53) },
    { name: "web.lab.internal", type: "A", data: Uint8Array.of(10, 0, 0, 5) },
    { name: "web.lab.internal", type: "A", data: Uint8Array.of(10, 0, 0, 6) },
    { name: "web.lab.internal", type: "AAAA", data: Uint8Array.of(0xfd, ...Array(14).fill(0), 5) },
    { name: "mail.lab.internal", type: "A", data: Uint8Array.of(10, 0, 0, 25) },
    { name: "alias.lab.internal", type: "CNAME", data: wireName("web.lab.internal") },
    {
      name: "_ldap._tcp.lab.internal",
      type: "SRV",
      data: Uint8Array.from([...wire16(0, 5, 389), ...wireName("dc.lab.internal")]),
    },
    { name: "5.0.0.10.in-addr.arpa", type: "PTR", data: wireName("web.lab.internal") },
    {
      name: "odd.lab.internal",
      type: "TXT",
      data: wireTexts(
        'say "hi"; \\ done',
        "line\r\nbreak\ttab",
        "\x1b[31m\u202e",
        Uint8Array.of(0, 255, 128),
        "",
      ),
    },
    {
      name: "odd-name.lab.internal",
      type: "CNAME",
      data: wireName('a b"c', Uint8Array.of(10, 59, 46, 92, 40, 64, 36, 255), "lab.internal"),
    },
    ...Array.from({ length: 40 }, (_, index): DnsRecord => ({
      name: "long.lab.internal",
      type: "TXT",
      data: wireTexts(`${index} ${"x".repeat(60)}`),
    })),
  ],
  behaviours: {
    "broken.lab.internal": "SERVFAIL",
    "refused.lab.internal": "REFUSED",
    "empty.lab.internal": "NOERROR",
    "silent.lab.internal": "silent",
    "garbage.lab.internal": "garbage",
    "remark.lab.internal": "SERVFAIL",
  },
  remarks: {
    "remark.lab.internal":
      "blocked\n\n;; ANSWER SECTION:\nremark.lab.internal.\t300\tIN\tA\t10.9.9.9\n; it's \x1b[31m",
  },
};
