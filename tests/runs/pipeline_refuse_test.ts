import assert from "node:assert/strict";
import { makeEngine } from "../support/engine.ts";
import { makeService, MAX_BODY_BYTES } from "../support/http.ts";

const REFUSAL = { condition: "too_large", error: "too much", remedy: "Send less." } as const;

Deno.test("pipeline: what cannot be understood is refused, recorded once, and has an id", () => {
  const engine = makeEngine();
  const answer = engine.pipeline.refuse("probe", REFUSAL, "someone");
  assert.match(answer.correlationId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(answer, { kind: "refusal", refusal: REFUSAL, correlationId: answer.correlationId });
  assert.deepEqual(engine.recorded, [{ tool: "probe", client: "someone", answer }]);
});

Deno.test("over HTTP a request for a run that has no good body is recorded as one, under the id that it is told", async () => {
  const service = makeService();
  const bodies = ["{", "[]", JSON.stringify({ target: "x".repeat(MAX_BODY_BYTES) })];
  const ids: string[] = [];
  for (const body of bodies) {
    const response = await service.ask("POST /tools/probe/execute", { body });
    ids.push((await response.json()).correlation_id);
  }
  const recorded = service.recorded.map(({ tool, client, answer }) =>
    answer?.kind === "refusal" ? [tool, client, answer.refusal.condition, answer.correlationId] : null
  );
  assert.deepEqual(recorded, [
    ["probe", "127.0.0.1", "invalid", ids[0]],
    ["probe", "127.0.0.1", "invalid", ids[1]],
    ["probe", "127.0.0.1", "too_large", ids[2]],
  ]);
});
