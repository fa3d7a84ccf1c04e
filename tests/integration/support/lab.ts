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
  hostname = "127.0.0.1",
): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname, port: 0, onListen: () => {} }, handler);
  return {
    url: `http://${hostname}:${server.addr.port}/`,
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

/** A real SSH server with host keys of its own. */
export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** The fingerprints of its keys, as `ssh-keygen -l` shows them, by the keys' types. */
  readonly fingerprints: Readonly<Record<string, string>>;
}

/**
 * Starts sshd on a free port of 127.0.0.1.
 *
 * As root it would ask for a folder of the machine's, /run/sshd; as an ordinary user, which root becomes, it does not.
 */
export async function sshServer(folder: string): Promise<SshServer> {
  const root = Deno.uid() === 0;
  const fingerprints: Record<string, string> = {};
  for (const type of ["rsa", "ecdsa", "ed25519"]) {
    const file = `${folder}/host_${type}`;
    await output("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "", "-f", file]);
    fingerprints[type] = (await output("ssh-keygen", ["-l", "-f", `${file}.pub`])).split(" ")[1]!;
    if (root) Deno.chownSync(file, NOBODY, NOBODY);
  }
  const port = freePort();
  const keys = Object.keys(fingerprints).map((type) => `HostKey ${folder}/host_${type}`);
  const lines = [`ListenAddress 127.0.0.1:${port}`, ...keys, "PidFile none", "UsePAM no", ""];
  Deno.writeTextFileSync(`${folder}/sshd_config`, lines.join("\n"));
  const child = new Deno.Command("/usr/sbin/sshd", {
    args: ["-D", "-e", "-f", `${folder}/sshd_config`],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    ...(root && { uid: NOBODY, gid: NOBODY }),
  }).spawn();
  const logEnded = await until(child.stderr, /Server listening on /);
  return {
    port,
    fingerprints,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.status;
      await Promise.all(logEnded);
    },
  };
}

/** The user that owns nothing, and its group. */
const NOBODY = 65534;

/** A port that was free a moment ago: sshd cannot be asked to take any. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout } = await new Deno.Command(program, { args, stdin: "null", stderr: "inherit" })
    .output();
  if (!success) throw new Error(`${program} failed`);
  return new TextDecoder().decode(stdout);
}

/** Reads a log until `pattern` is in it, and on in the background, so that the pipe never fills. */
async function until(log: ReadableStream<Uint8Array>, pattern: RegExp): Promise<Promise<void>[]> {
  const reader = log.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`it ended before it was ready: ${text}`);
    text += value;
  }
  const rest = async () => {
    while (!(await reader.read()).done);
  };
  // In an array, so that whoever awaits this function does not wait for the end of the log.
  return [rest()];
}
