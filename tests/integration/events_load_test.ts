/** A hundred readers of events, and one that never reads, while calls go on. */
import assert from "node:assert/strict";
import { parseExposition } from "../metrics/exposition.ts";
import { pause } from "../support/hostile.ts";
import { BINARY, type HttpServer, startHttp } from "./support/bulkhead.ts";
import { assertGapless, CurlReader, numberOf, OtherReader, SilentReader } from "./support/event_client.ts";
import { hasProgram, TestFolder } from "./support/programs.ts";
import { argumentsFor, standIn, until } from "./support/reloading.ts";

// A compiled executable can start the catalog's own programs only.
const options = { ignore: BINARY !== null || !hasProgram("curl") };

/** What the server may take more than before, when it has answered some ten thousand requests. */
const MOST_GROWTH_MIB = 64;

/** Keeps the server's heaps from growing before they are cleaned, so that memory tells what is kept. */
const SMALL_HEAPS = ["env", "DENO_V8_FLAGS=--max-semi-space-size=1,--max-old-space-size=40"];

/** Resident memory of the server, in MiB. A child is asked: Deno itself keeps /proc shut. */
async function residentMib({ pid }: HttpServer): Promise<number> {
  const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/status`] }).output();
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))![1]) / 1024;
}

async function valueOf(server: HttpServer, name: string): Promise<number> {
  const families = parseExposition(await (await fetch(`${server.url}/metrics`)).text());
  return families.find((family) => family.name === name)!.samples.reduce((sum, { value }) => sum + value, 0);
}

/** Asks again until it is so; a busy machine takes its time to push so much through. */
async function untilAtLast(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 120_000;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error("it did not come about within two minutes");
    await pause(100);
  }
}

Deno.test(
  "a reader that never reads is dropped; a hundred others stay, and calls go on",
  options,
  async () => {
    using folder = new TestFolder();
    standIn(folder, "say", "echo said", "concurrency: 2");
    standIn(folder, "fail", "exit 3", "breaker: { failure_threshold: 1, recovery_timeout_sec: 600 }");
    // The targets that are allowed are told in each refusal: a long list makes for large events.
    const allowed = Array.from({ length: 60 }, (_, index) => `192.0.2.${index}`);
    const config = `tools: { include: [say, fail, curl] }\nsecurity: { allowed_targets: [${allowed}] }\n`;
    const args = argumentsFor(folder, `${config}logging: { level: warning }\n`);
    await using server = await startHttp(args, SMALL_HEAPS);
    using silent = await SilentReader.connect(server.url);
    await using all = new CurlReader(`${server.url}/events`);
    const others = await Promise.all(
      Array.from({ length: 100 }, () => OtherReader.open(`${server.url}/events?types=breaker`)),
    );
    await until("the streams", async () => await valueOf(server, "bulkhead_event_readers") === 102);
    const before = await residentMib(server);
    const counted = { refusals: 0, runs: 0 };
    let isOver = false;
    const calls = (async () => {
      while (!isOver) {
        const { status, body } = await server.execute("say", {});
        assert.deepEqual([status, body.outcome], [200, "success"]);
        counted.runs++;
      }
    })();
    const flooding = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const { status } = await server.execute("curl", { target: "http://198.51.100.1/" });
        assert.equal(status, 400);
        counted.refusals++;
      }
    });
    try {
      await untilAtLast(async () => await valueOf(server, "bulkhead_event_readers_dropped_total") > 0);
    } finally {
      isOver = true;
      await Promise.all([...flooding, calls]);
    }
    const grown = await residentMib(server) - before;
    assert(grown < MOST_GROWTH_MIB, `${grown} MiB more`);
    assert(counted.runs > 5, `${counted.runs} runs`);
    assert.equal(await valueOf(server, "bulkhead_event_readers_dropped_total"), 1);
    assert.equal(await valueOf(server, "bulkhead_event_readers"), 101);
    // All others are still told of what they want.
    assert.equal((await server.execute("fail", {})).body.outcome, "failure");
    await until("the others", () => others.every(({ events }) => events.length === 2));
    const published = await valueOf(server, "bulkhead_events_total");
    await untilAtLast(() => Promise.resolve(all.events.length > published));
    assertGapless(all.events);
    const told = all.events.filter(({ event }) => event !== "start" && event !== "health").length;
    assert.equal(told, counted.refusals + 2 * counted.runs + 3);
    for (const { events } of others) {
      assert.deepEqual(events, [events[0], all.events.find(({ event }) => event === "breaker")]);
    }
    // What the silent one had been given is whole; it can come back with the last id of it.
    const kept = await silent.readAll();
    assertGapless(kept);
    assert.equal(kept[0]!.event, "start");
    assert(kept.length < published, `${kept.length} of ${published}`);
    await using back = new CurlReader(`${server.url}/events`, [`Last-Event-ID: ${kept.at(-1)!.id}`]);
    await until(
      "what it missed",
      () => back.events.length > 0 && numberOf(back.events.at(-1)!) >= published,
    );
    assertGapless(back.events);
    assert.equal(back.events[0]!.event, "reset");
    assert.equal(numberOf(kept.at(-1)!) + back.events[0]!.data.missed, numberOf(back.events[0]!));
    assert.match(
      server.log(),
      /"message":"a reader of events was dropped".*"reason":"it has fallen too far behind"/,
    );
    for (const other of others) await other.leave();
    // deno-lint-ignore no-console -- numbers for whoever reads the test's output
    console.log(
      `${published} events, ${counted.runs} runs, ${Math.round(grown)} MiB more, ` +
        `${kept.length} events in the system's buffers of the silent one`,
    );
  },
);
