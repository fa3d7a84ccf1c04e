/**
 * A small lab on loopback: the listeners that tests scan and fetch. They belong to the test that made them.
 *
 * @module
 */

/** Listeners that only accept and close. */
export function openPorts(count: number): Disposable & { readonly ports: readonly number[] } {
  const listeners = Array.from({ length: count }, () => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  for (const listener of listeners) void acceptAll(listener);
  return {
    ports: listeners.map((listener) => listener.addr.port),
    [Symbol.dispose]: () => listeners.forEach((listener) => listener.close()),
  };
}

async function acceptAll(listener: Deno.TcpListener): Promise<void> {
  try {
    for await (const connection of listener) connection.close();
  } catch {
    // The other side may have gone already, or the listener was closed.
  }
}

/** An HTTP server that answers every request alike. */
export function webServer(
  handler: (request: Request) => Response = () =>
    new Response("hello from the lab\n", { headers: { "x-lab": "yes" } }),
): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A key and a certificate of its own for `web.lab.internal`, made by openssl in a folder. */
export async function certificateIn(
  folder: string,
): Promise<{ readonly cert: string; readonly key: string }> {
  const made = await new Deno.Command("openssl", {
    args: [
      ..."req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=web.lab.internal".split(" "),
      ..."-addext subjectAltName=DNS:web.lab.internal,IP:127.0.0.1".split(" "),
      ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
    ],
    stderr: "null",
  }).output();
  if (!made.success) throw new Error("openssl req failed");
  return {
    cert: await Deno.readTextFile(`${folder}/cert.pem`),
    key: await Deno.readTextFile(`${folder}/key.pem`),
  };
}

/** A TLS server with a certificate of its own. */
export async function tlsServer(folder: string): Promise<AsyncDisposable & { readonly port: number }> {
  const { cert, key } = await certificateIn(folder);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} },
    () => new Response("hello over TLS\n"),
  );
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}
