/** The real nmap with scripts, through the real pipeline, against listeners of the test's own. */
import assert from "node:assert/strict";
import { loadCatalog } from "../../src/catalog/load.ts";
import { connectStdio } from "./support/client.ts";
import { certificateIn } from "./support/lab.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";

// The client's own transport lets a timer run out after it is closed.
const options = { sanitizeOps: false, sanitizeResources: false };

/** Ports at which nmap expects HTTP, with or without TLS; scripts look at others only when their service is known. */
const HTTP_PORTS = [8088, 8180, 8008, 7080, 8000, 8080];
const HTTPS_PORTS = [8443, 8834, 4443, 10443];

function page(body: string): Response {
  return new Response(body, { headers: { "content-type": "text/html", "x-lab": "yes" } });
}

/** Serves at the first of the ports that is free. */
function serveAtOneOf(
  ports: readonly number[],
  tls: { cert?: string; key?: string },
  handler: (request: Request) => Response,
): Deno.HttpServer<Deno.NetAddr> {
  for (const port of ports) {
    try {
      return Deno.serve(
        { hostname: "127.0.0.1", port, onListen: () => {}, ...tls } as Deno.ServeTcpOptions,
        handler,
      );
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error(`none of the ports ${ports.join(", ")} is free`);
}

interface Script {
  id: string;
  output: string;
  values: { path: string; value: string }[];
}

Deno.test("nmap runs the scripts that were asked for, confined", options, async () => {
  if (!hasProgram("nmap")) return;
  await using server = serveAtOneOf(HTTP_PORTS, {}, () => page("<title>A lab &amp; more</title>"));
  await using connection = await connectStdio(["--allow-target", "loopback"]);
  const result = await connection.call("nmap", {
    target: "127.0.0.1",
    ports: String(server.addr.port),
    scripts: ["http-title", "http-headers"],
  });
  assert.notEqual(result.isError, true, result.content[0]?.text);
  const { argv, parsed } = result.structuredContent;
  assert.equal(argv[argv.indexOf("--script") + 1], "http-title,http-headers");
  assert.equal(parsed.incomplete, null);
  const scripts: Script[] = parsed.hosts[0].ports[0].scripts;
  assert.deepEqual(scripts.map(({ id }) => id).sort(), ["http-headers", "http-title"]);
  const title = scripts.find(({ id }) => id === "http-title")!;
  assert.deepEqual(title.values, [{ path: "title", value: "A lab &amp; more" }]);
  assert.match(scripts.find(({ id }) => id === "http-headers")!.output, /x-lab: yes/);
  assert.match(result.content[0]!.text, /http-title: A lab &amp; more\n/);
});

Deno.test("nmap's ssl-cert gives the parts of the certificate", options, async () => {
  if (!hasProgram("nmap") || !hasProgram("openssl")) return;
  using folder = new TestFolder();
  const { cert, key } = await certificateIn(folder.path);
  await using server = serveAtOneOf(HTTPS_PORTS, { cert, key }, () => page("hello"));
  await using connection = await connectStdio(["--allow-target", "loopback"]);
  const { structuredContent } = await connection.call("nmap", {
    target: "127.0.0.1",
    ports: String(server.addr.port),
    scripts: ["ssl-cert"],
  });
  const [script]: Script[] = structuredContent.parsed.hosts[0].ports[0].scripts;
  assert.equal(script?.id, "ssl-cert");
  const subject = script.values.find(({ path }) => path === "subject/commonName");
  assert.equal(subject?.value, "web.lab.internal");
});

Deno.test(
  "no script goes to another address, another port or a name because a page says so",
  options,
  async () => {
    if (!hasProgram("nmap")) return;
    const elsewhere: string[] = [];
    const followed: string[] = [];
    const away = (where: string) => () => {
      elsewhere.push(where);
      return page("away");
    };
    let places: readonly string[] = [];
    let requests = 0;
    await using server = serveAtOneOf(HTTP_PORTS, {}, (request) => {
      const { pathname } = new URL(request.url);
      if (pathname.startsWith("/followed")) {
        followed.push(pathname);
        return page("followed");
      }
      const location = places[requests++ % places.length]!;
      const links = `<a href="${location}">x</a><link rel="icon" href="${location}"><img src="${location}">`;
      return new Response(links, { status: 302, headers: { location, "content-type": "text/html" } });
    });
    const { port } = server.addr;
    const quiet = { onListen: () => {} };
    await using address = Deno.serve({ hostname: "127.0.0.2", port, ...quiet }, away("address"));
    await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, ...quiet }, away("port"));
    places = [
      `http://${address.addr.hostname}:${port}/`,
      `http://127.0.0.1:${other.addr.port}/`,
      `http://localhost:${port}/followed-name`,
      "/followed-path",
    ];
    await using connection = await connectStdio(["--allow-target", "loopback"]);
    const catalog = loadCatalog([]);
    assert.ok(catalog.ok);
    const { scripts } =
      catalog.manifests.find(({ manifest }) => manifest.name === "nmap")!.manifest.parameters;
    assert.ok(scripts?.type === "list");
    const web = scripts.values.filter((name) => name.startsWith("http-"));
    assert.ok(web.length >= 10);
    // Which place a script is sent to is chance, so each is sent everywhere.
    for (let turn = 0; turn < places.length; turn++) {
      requests = turn;
      const { structuredContent } = await connection.call("nmap", {
        target: "127.0.0.1",
        ports: String(port),
        scripts: web,
      });
      assert.equal(structuredContent.outcome, "success");
    }
    assert.ok(requests > web.length);
    assert.deepEqual(elsewhere, []);
    // A path on the same port is followed, so the others were left alone on purpose.
    assert.deepEqual([...new Set(followed)], ["/followed-path"]);
  },
);

Deno.test("a script that is not offered is refused, whatever it is called", options, async () => {
  if (!hasProgram("nmap")) return;
  await using connection = await connectStdio(["--allow-target", "loopback"]);
  for (
    const script of [
      "http-favicon",
      "dns-zone-transfer",
      "default",
      "all",
      "http-*",
      "+http-title",
      "/tmp/x.nse",
    ]
  ) {
    const refused = await connection.call("nmap", { target: "127.0.0.1", ports: "9", scripts: [script] });
    assert.equal(refused.structuredContent.error_type, "validation_error", script);
  }
  const free = await connection.call("nmap", { target: "127.0.0.1", extra_args: "--script http-favicon" });
  assert.equal(free.structuredContent.error_type, "validation_error");
});
