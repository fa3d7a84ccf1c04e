/**
 * Services on loopback that behave as a dependency may.
 *
 * @module
 */

/** What a service does with a connection; it is closed at the latest when the service is. */
export type Behaviour = (connection: Deno.TcpConn, pause: Pause) => void | Promise<void>;

/** Waits; the waiting is over with the service, too. */
export type Pause = (ms: number) => Promise<void>;

/** A service that runs. */
export interface TestService extends Disposable {
  readonly port: number;
  /** How many connections there have been. */
  readonly accepted: () => number;
  /** What came in over all of them, as text. */
  readonly received: () => string;
}

/** Starts one on 127.0.0.1, or where it is said. */
export function service(behaviour: Behaviour, hostname = "127.0.0.1"): TestService {
  const listener = Deno.listen({ hostname, port: 0 });
  const connections: Deno.TcpConn[] = [];
  const received: string[] = [];
  const timers = new Set<ReturnType<typeof setTimeout>>();
  const pause: Pause = (ms) =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });
  let isClosed = false;
  void (async () => {
    for await (const connection of listener) {
      connections.push(connection);
      void Promise.resolve(behaviour(reading(connection, received), pause)).catch(() => {});
    }
  })().catch(() => {});
  return {
    port: (listener.addr as Deno.NetAddr).port,
    accepted: () => connections.length,
    received: () => received.join(""),
    [Symbol.dispose]() {
      if (isClosed) return;
      isClosed = true;
      listener.close();
      for (const timer of timers) clearTimeout(timer);
      for (const connection of connections) closeQuietly(connection);
    },
  };
}

/** The same connection; what is read of it is kept. */
function reading(connection: Deno.TcpConn, received: string[]): Deno.TcpConn {
  const read = connection.read.bind(connection);
  connection.read = async (buffer) => {
    const length = await read(buffer);
    if (length !== null) received.push(new TextDecoder().decode(buffer.subarray(0, length)));
    return length;
  };
  return connection;
}

/** Closes a connection that may be closed by now. */
export function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // The other side was first.
  }
}

/** Accepts, and says nothing. */
export const silent: Behaviour = () => {};

/** Reads a request, and answers with these bytes, then closes. */
export function answering(...parts: readonly string[]): Behaviour {
  return async (connection) => {
    await connection.read(new Uint8Array(4096));
    for (const part of parts) await connection.write(new TextEncoder().encode(part));
    closeQuietly(connection);
  };
}

/** Answers one byte at a time. */
export function dribbling(text: string, everyMs: number): Behaviour {
  return async (connection, pause) => {
    await connection.read(new Uint8Array(4096));
    for (const byte of new TextEncoder().encode(text)) {
      await connection.write(Uint8Array.of(byte));
      await pause(everyMs);
    }
  };
}

/** Reads a request, and sends the head and then without end, until the other side has enough. */
export function flooding(head: string, sent: { bytes: number }): Behaviour {
  return async (connection) => {
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode(head));
    const chunk = new Uint8Array(65_536).fill(97);
    for (;;) sent.bytes += await connection.write(chunk);
  };
}

/** A port of loopback on which nothing listens. */
export function closedPort(hostname = "127.0.0.1"): number {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}
