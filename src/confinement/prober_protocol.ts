/**
 * What the server and its prober say to each other: one table of messages each way. Anything else is fatal to the
 * prober. Which services there are is said once; a check only names one of them by its place in that list.
 *
 * @module
 */
import {
  count,
  hasExactly,
  listOf,
  matching,
  messageCheck,
  orNull,
  text,
  wholeCount,
} from "./message_table.ts";

/** A service that may be asked whether it is there. */
export interface Service {
  /** An address, without brackets, or a name that the system resolves. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
  /** What it is asked over HTTP; null when it must accept a connection, and no more. */
  readonly http: HttpQuestion | null;
}

/** A request over HTTP, of which the status of the answer matters. */
export interface HttpQuestion {
  /** The name or address that the certificate must be for; null without TLS. */
  readonly tlsName: string | null;
  /** The field Host: the host, with the port unless it is the scheme's own (RFC 9110, section 7.2). */
  readonly host: string;
  /** The path and the query. */
  readonly path: string;
}

/** From the server to the prober. `open` comes first, once. */
export type ToProber =
  | { readonly type: "open"; readonly services: readonly Service[] }
  /** Asks one, which is not being asked. */
  | { readonly type: "check"; readonly service: number }
  /** Gives that up. It may have been answered meanwhile. */
  | { readonly type: "cancel"; readonly service: number };

/** From the prober to the server: exactly one answer to each check, one that was given up included. */
export type FromProber =
  | { readonly type: "opened" }
  /** It is there; `status` is the one of its answer over HTTP. */
  | {
    readonly type: "answered";
    readonly service: number;
    readonly durationMs: number;
    readonly status: number | null;
  }
  | { readonly type: "failed"; readonly service: number; readonly reason: string }
  /** It was given what is not in the table, or at the wrong time, and takes no more orders. */
  | { readonly type: "broken"; readonly reason: string };

/** Services of one server, as `health.dependencies` has them. */
export const MAX_SERVICES = 64;

/** A place in the list of services. */
const service = (value: unknown) => wholeCount(value) && (value as number) < MAX_SERVICES;

const port = (value: unknown) => wholeCount(value) && (value as number) >= 1 && (value as number) <= 65_535;

/** A status that ends a request: the first digit is one of RFC 9110, section 15. */
const status = (value: unknown) => wholeCount(value) && (value as number) >= 200 && (value as number) <= 599;

// What becomes part of a request: nothing that could end a line of it.
const host = matching(/^[0-9A-Za-z.:-]{1,253}$/);
const hostField = matching(/^[0-9A-Za-z.:[\]-]{1,270}$/);
const path = matching(/^\/[\x21-\x7e]{0,4096}$/);

/** Whether `data` is an order that the server may give. */
export const isToProber: (data: unknown) => data is ToProber = messageCheck<ToProber>({
  open: {
    services: listOf(
      hasExactly({ host, port, http: orNull(hasExactly({ tlsName: orNull(host), host: hostField, path })) }),
      MAX_SERVICES,
    ),
  },
  check: { service },
  cancel: { service },
});

/** Whether `data` is a message that the prober may send. */
export const isFromProber: (data: unknown) => data is FromProber = messageCheck<FromProber>({
  opened: {},
  answered: { service, durationMs: count, status: orNull(status) },
  failed: { service, reason: text },
  broken: { reason: text },
});
