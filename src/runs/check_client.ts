/**
 * Who asks for the runs of the server's own checks.
 *
 * They come again and again by the clock, so that whoever keeps runs must tell them from those that people and agents
 * have asked for.
 *
 * @module
 */

/** No client over HTTP or stdio can have a name that begins so. */
const PREFIX = "health:";

/** The client that the check of this name is, in logs, to the rate limit and in `/runs`. */
export function checkClient(name: string): string {
  return PREFIX + name;
}

/** Whether a client is a check. */
export function isCheckClient(client: string): boolean {
  return client.startsWith(PREFIX);
}
