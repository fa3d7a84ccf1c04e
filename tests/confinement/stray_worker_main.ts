/**
 * Run as a process of its own: starts the worker that writes to standard output, and ends with it.
 *
 * @module
 */
const worker = new Worker(new URL("./stray_worker.ts", import.meta.url), {
  type: "module",
  deno: { permissions: "none" },
});
await new Promise((resolve) => worker.onmessage = resolve);
// What is on its way to standard error is not waited for by whoever wrote it.
await new Promise((resolve) => setTimeout(resolve, 200));
worker.terminate();
