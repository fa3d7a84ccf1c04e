/**
 * Whose address the other end of a connection has, as far as callers are told apart by it.
 *
 * @module
 */

/**
 * The address by which a caller is known. All of 127.0.0.0/8 is this machine (RFC 1122, section 3.2.1.3), and whoever is
 * on it may take any of these 16 million addresses to connect from: told apart, each would have a rate of its own.
 *
 * @param address as the system writes it
 */
export function peerName(address: string): string {
  return address.startsWith("127.") ? "127.0.0.1" : address;
}
