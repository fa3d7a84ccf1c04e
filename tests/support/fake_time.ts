/**
 * Time for code that takes it from the global scope, as workers do: timers fire, and `performance.now()` moves, only
 * when a test says so.
 *
 *     using time = new FakeTime();
 *     await time.advance(1000);
 *
 * @module
 */
import { FakeClock } from "./fake_clock.ts";

/** Stands in for the timers of the global scope until it is disposed of. */
export class FakeTime implements Disposable {
  readonly #clock = new FakeClock();
  readonly #real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    now: performance.now,
  };
  readonly #cancels = new Map<number, () => void>();
  #nextId = 1;
  /** What the readings so far have taken. */
  #readMs = 0;

  /**
   * @param options.readingMs what reading the time takes, for loops that go on until it has come
   * @default 0
   */
  constructor({ readingMs = 0 }: { readonly readingMs?: number } = {}) {
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, ms = 0) => this.#after(callback, ms, false),
      setInterval: (callback: () => void, ms = 0) => this.#after(callback, ms, true),
      clearTimeout: (id: number) => this.#cancel(id),
      clearInterval: (id: number) => this.#cancel(id),
    });
    performance.now = () => this.#clock.now() + (this.#readMs += readingMs);
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#clock.pending;
  }

  /** Moves time forward a millisecond at a time; what waits for nothing but its turn has it between any two. */
  async advance(ms: number): Promise<void> {
    await this.settle();
    for (let moved = 0; moved < ms; moved++) {
      this.#clock.advance(Math.min(1, ms - moved));
      await this.settle();
    }
  }

  /** Lets promises go on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  [Symbol.dispose](): void {
    const { now, ...timers } = this.#real;
    Object.assign(globalThis, timers);
    performance.now = now;
  }

  #after(callback: () => void, ms: number, isRepeated: boolean): number {
    const id = this.#nextId++;
    const start = () => {
      this.#cancels.set(
        id,
        this.#clock.after(ms, () => {
          if (isRepeated) start();
          else this.#cancels.delete(id);
          callback();
        }),
      );
    };
    start();
    return id;
  }

  #cancel(id: number): void {
    this.#cancels.get(id)?.();
    this.#cancels.delete(id);
  }
}
