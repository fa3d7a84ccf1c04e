/** A hundred readers of events, and one that never reads, while calls go on. */
import assert from "node:assert/strict";
import { parseExposition } from "../metrics/exposition.ts";
import { BINARY, type HttpServer, startHttp } from "./support/bulkhead.ts";
import { assertGapless, CurlReader, numberOf, SilentReader } from "./support/event_client.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";
import { argumentsFor, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null || !hasProgram("curl") };

/** The system's own buffers take some 4 MiB for a connection that nobody reads from; the feed keeps one more. */
const MOST_EVENTS = 40_000;

/** What the server may take more than before: far less than the events that were told to a hundred readers. */
const MOST_GROWTH_MIB = 100;

/** Resident memory of the server, in MiB. A child is asked: Deno itself keeps /proc shut. */
async function residentMib({ pid }: HttpServer): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))![1]) / 1024;
}

async function valueOf(server: HttpServer, name: string): Promise<number> {
  const families = parseExposition(await (await fetch(`${server.url}/metrics`)).text());
  return families.find((family) => family.name === name)!.samples.reduce((sum, { value }) => sum + value, 0);
}

Deno.test(
  "a reader that never reads is dropped; a hundred others stay, and calls go on",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", "echo said", "concurrency: 2");
    // The targets that are allowed are told in each refusal: a long list makes for large events.
    const allowed = Array.from({ length: 60 }, (_, index) => `192.0.2.${index}`);
    const config = `tools: { include: [say, curl] }\nsecurity: { allowed_targets: [${allowed}] }\n`;
    await using server = await startHttp(argumentsFor(folder, `${config}logging: { level: warning }\n`));
    using silent = await SilentReader.connect(server.url);
    await using all = new CurlReader(`${server.url}/events`);
    const aborter = new AbortController();
    let toldOf = 0;
    const others = await Promise.all(Array.from({ length: 100 }, async () => {
      const response = await fetch(`${server.url}/events?types=tool,run`, { signal: aborter.signal });
      assert.equal(response.status, 200);
      return response.body!;
    }));
    /** Each reads all that it is told, and looks at none of it. */
    const reading = others.map(async (body) => {
      try {
        for await (const chunk of body) toldOf += chunk.length;
        return "ended";
      } catch {
        return "left";
      }
    });
    await until("the streams", async () => await valueOf(server, "bulkhead_event_readers") === 102);
    const before = await residentMib(server);
    let flooded = 0;
    let said = 0;
    let isOver = false;
    const calls = (async () => {
      while (!isOver) {
        const { status, body } = await server.execute("say", {});
        assert.deepEqual([status, body.outcome], [200, "success"]);
        said++;
      }
    })();
    const flood = async () => {
      while (!isOver && flooded < MOST_EVENTS) {
        flooded++;
        const { status } = await server.execute("curl", { target: "http://198.51.100.1/" });
        assert.equal(status, 400);
      }
    };
    const flooding = Array.from({ length: 8 }, flood);
    await until(
      "the silent reader is dropped",
      async () => await valueOf(server, "bulkhead_event_readers_dropped_total") > 0,
    );
    isOver = true;
    await Promise.all([...flooding, calls]);
    const grown = await residentMib(server) - before;
    assert(grown < MOST_GROWTH_MIB, `${grown} MiB more`);
    assert(said > 5, `${said} calls`);
    assert.equal(await valueOf(server, "bulkhead_event_readers_dropped_total"), 1);
    assert.equal(await valueOf(server, "bulkhead_event_readers"), 101);
    const published = await valueOf(server, "bulkhead_events_total");
    assert.equal(published, flooded + 2 * said);
    await until("the one that reads", () => all.events.length === published + 1);
    assertGapless(all.events);
    // What the silent one had been given is whole; it can come back with the last id of it.
    const kept = await silent.readAll();
    assertGapless(kept);
    assert.equal(kept[0]!.event, "start");
    assert(kept.length < published, `${kept.length} of ${published}`);
    await using back = new CurlReader(`${server.url}/events`, [`Last-Event-ID: ${kept.at(-1)!.id}`]);
    await until(
      "what it missed",
      () => back.events.length > 0 && numberOf(back.events.at(-1)!) === published,
    );
    assertGapless(back.events);
    assert.equal(back.events[0]!.event, "reset");
    assert.equal(numberOf(kept.at(-1)!) + back.events[0]!.data.missed, numberOf(back.events[0]!));
    assert.match(
      server.log(),
      /"message":"a reader of events was dropped".*"reason":"it has fallen too far behind"/,
    );
    aborter.abort();
    assert.deepEqual(new Set(await Promise.all(reading)), new Set(["left"]));
    // deno-lint-ignore no-console -- numbers for whoever reads the test's output
    console.log(
      `${published} events, ${said} runs, ${Math.round(toldOf / 2 ** 20)} MiB told, ${
        Math.round(grown)
      } MiB grown, ` +
        `${kept.length} kept by the system for the silent one`,
    );
  },
);
