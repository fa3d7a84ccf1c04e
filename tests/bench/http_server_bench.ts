// deno-lint-ignore-file no-console -- what is measured here is printed by nobody else
/**
 * What it costs to accept connections ourselves and to keep account of them, beside `Deno.serve()`: requests on a
 * connection that is kept, and each on a connection of its own. Read the ratio. And what an idle connection takes in
 * memory, measured once and printed.
 *
 *     deno task bench tests/bench/http_server_bench.ts
 *
 * @module
 */
import { systemClock } from "../../src/core/clock.ts";
import { ConnectionKeeper } from "../../src/http/connections.ts";
import { HttpServer } from "../../src/server/http_server.ts";
import { connectionServer } from "../../src/server/serve_connection.ts";

const HOST = "127.0.0.1";
const answer = () => Promise.resolve(new Response("ok\n"));
const onError = () => new Response(null, { status: 500 });

const plain = Deno.serve({ hostname: HOST, port: 0, onListen: () => {}, onError }, answer);
const listener = Deno.listen({ hostname: HOST, port: 0 });
const keeper = new ConnectionKeeper(systemClock, () => 1_000, { closed: () => {}, refused: () => {} });
const serveConnection = connectionServer();
if (serveConnection === null) throw new Error("this Deno has no server for a connection");
new HttpServer({
  listener,
  serveConnection,
  keeper,
  handler: answer,
  tooManyAtOnce: onError,
  onError,
  clock: systemClock,
});
const buffer = new Uint8Array(1024);
const request = (more: string) => new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: x\r\n${more}\r\n`);
const KEPT = request("");
const CLOSED = request("Connection: close\r\n");

/** One request after the other on one connection. */
async function keptOn(port: number): Promise<() => Promise<void>> {
  const connection = await Deno.connect({ hostname: HOST, port });
  return async () => {
    await connection.write(KEPT);
    await connection.read(buffer);
  };
}

/** Each request on a connection of its own. */
async function onOwn(port: number): Promise<void> {
  const connection = await Deno.connect({ hostname: HOST, port });
  await connection.write(CLOSED);
  while (await connection.read(buffer) !== null);
  connection.close();
}

const ports = { "Deno.serve": plain.addr.port, "own accepting": listener.addr.port };
for (const [name, port] of Object.entries(ports)) {
  const ask = await keptOn(port);
  Deno.bench(`${name}: a kept connection`, { group: "kept", baseline: name === "Deno.serve" }, ask);
  Deno.bench(
    `${name}: a new connection`,
    { group: "new", baseline: name === "Deno.serve" },
    () => onOwn(port),
  );
}

const IDLE = 500;
for (const [name, port] of Object.entries(ports)) {
  const settle = () => new Promise((resolve) => setTimeout(resolve, 500));
  await settle();
  const before = Deno.memoryUsage().rss;
  const idle = [];
  for (let count = 0; count < IDLE; count++) idle.push(await Deno.connect({ hostname: HOST, port }));
  await settle();
  const each = (Deno.memoryUsage().rss - before) / IDLE / 1024;
  console.log(
    `${name}: ${each.toFixed(1)} KiB for each of ${IDLE} idle connections, their clients' part included`,
  );
  for (const connection of idle) connection.close();
}
