import assert from "node:assert/strict";
import { UncaughtErrors } from "../../src/server/uncaught_errors.ts";

Deno.test("uncaught errors: the first is handed on, each is kept from ending the process", async () => {
  const target = new EventTarget();
  const thrown = new Error("thrown");
  const events = [
    new ErrorEvent("error", { error: thrown, cancelable: true }),
    new PromiseRejectionEvent("unhandledrejection", {
      promise: Promise.resolve(),
      reason: new Error("rejected"),
      cancelable: true,
    }),
  ];
  {
    using uncaught = new UncaughtErrors(target);
    for (const event of events) assert.equal(target.dispatchEvent(event), false);
    assert.deepEqual(await uncaught.first, { error: thrown });
  }
  // Nobody minds any more.
  assert.equal(target.dispatchEvent(new ErrorEvent("error", { error: thrown, cancelable: true })), true);
});
