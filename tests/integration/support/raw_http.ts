/**
 * HTTP by hand, for what no client's library would send, and for clients that behave badly.
 *
 * @module
 */

/** Bytes from text; characters above U+00FF are not HTTP's. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Opens a connection to a server at `http://HOST:PORT`. */
export async function connect(url: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(url);
  return await Deno.connect({ hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) });
}

/** Opens a connection and sends a text, in which HOST stands for the server's own. */
export async function say(url: string, text: string): Promise<Deno.TcpConn> {
  const connection = await connect(url);
  await connection.write(latin1(text.replaceAll("HOST", new URL(url).host)));
  return connection;
}

/**
 * What comes until the server closes the connection, has been silent for so long, in milliseconds, or has said enough.
 * The connection is closed then.
 */
export async function listen(
  connection: Deno.TcpConn,
  silentMs = 10_000,
  isEnough: (heard: string) => boolean = () => false,
): Promise<string> {
  let heard = "";
  const buffer = new Uint8Array(65_536);
  const decoder = new TextDecoder("latin1");
  for (;;) {
    let stopWaiting = () => {};
    const silence = new Promise<null>((resolve) => {
      const timer = setTimeout(() => resolve(null), silentMs);
      stopWaiting = () => clearTimeout(timer);
    });
    const length = await Promise.race([connection.read(buffer).catch(() => null), silence]);
    stopWaiting();
    if (length === null) break;
    heard += decoder.decode(buffer.subarray(0, length));
    if (isEnough(heard)) break;
  }
  close(connection);
  return heard;
}

/** Closes a connection that may be closed already. */
export function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It is.
  }
}

/** Sends a request, and gives the whole answer. */
export async function exchange(url: string, text: string): Promise<string> {
  return await listen(await say(url, text));
}

/** Sends a request, and gives the beginning of the answer with its whole header: the rest may be a stream. */
export async function exchangeHeader(url: string, text: string): Promise<string> {
  return await listen(await say(url, text), 10_000, (heard) => heard.includes("\r\n\r\n"));
}

/** The status of an answer, or 0 when there is none. */
export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3}) /.exec(answer)?.[1] ?? 0);
}

/** The resident memory of a process, in MiB; ps(1). */
export async function residentMib(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  return Number(new TextDecoder().decode(stdout)) / 1024;
}
