/**
 * Places in the network.
 *
 * @module
 */

/** Where something listens. */
export interface Place {
  /** An address, without brackets, or a name. */
  readonly host: string;
  readonly port: number;
}

/** A place as it is written everywhere: `HOST:PORT`, an IPv6 address in brackets (RFC 3986, section 3.2.2). */
export function placeText({ host, port }: Place): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}
