/**
 * The demo's lab: a few open ports, a web server, and one that speaks TLS, all on loopback.
 *
 * @module
 */

/** The lab, running. */
export interface Lab {
  /** Ports that accept and close. */
  readonly ports: readonly number[];
  readonly webPort: number;
  /** Null without openssl, which makes the certificate. */
  readonly tlsPort: number | null;
  stop(): Promise<void>;
}

const HOST = "127.0.0.1";

/** Starts the lab on ports that are free. */
export async function startLab(): Promise<Lab> {
  const listeners = [1, 2, 3].map(() => Deno.listen({ hostname: HOST, port: 0 }));
  for (const listener of listeners) void closeAll(listener);
  const options = { hostname: HOST, port: 0, onListen: () => {} };
  const page = () => new Response("Hello from the lab.\n", { headers: { server: "demo-lab" } });
  const web = Deno.serve(options, page);
  const certificate = await makeCertificate();
  const tls = certificate === null ? null : Deno.serve({ ...options, ...certificate }, page);
  return {
    ports: listeners.map((listener) => listener.addr.port).sort((a, b) => a - b),
    webPort: web.addr.port,
    tlsPort: tls?.addr.port ?? null,
    async stop() {
      for (const listener of listeners) listener.close();
      await web.shutdown();
      await tls?.shutdown();
    },
  };
}

async function closeAll(listener: Deno.TcpListener): Promise<void> {
  try {
    for await (const connection of listener) connection.close();
  } catch {
    // The lab has stopped.
  }
}

/** A self-signed certificate; openssl writes key and certificate to its standard output, so no file is made. */
async function makeCertificate(): Promise<{ key: string; cert: string } | null> {
  try {
    const { success, stdout } = await new Deno.Command("openssl", {
      args: [
        ..."req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=demo.lab.internal".split(" "),
        ..."-addext subjectAltName=DNS:demo.lab.internal,IP:127.0.0.1 -keyout - -out -".split(" "),
      ],
      stdin: "null",
      stderr: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    const part = (label: string) =>
      new RegExp(`-----BEGIN ${label}-----[^]*?-----END ${label}-----\n`).exec(text)?.[0];
    const key = part("PRIVATE KEY");
    const cert = part("CERTIFICATE");
    return success && key !== undefined && cert !== undefined ? { key, cert } : null;
  } catch {
    return null;
  }
}
