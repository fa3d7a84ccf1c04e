/**
 * Answers that are waited for, each by the id of what was asked.
 *
 * @module
 */

/** Answers of one kind, all of which come once at most. */
export class PendingAnswers<T> {
  readonly #pending = new Map<string, PromiseWithResolvers<T>>();

  /** Waits for the answer to `id`, which was not asked before, or together with whoever waits for it already. */
  wait(id: string): Promise<T> {
    let answer = this.#pending.get(id);
    if (answer === undefined) this.#pending.set(id, answer = Promise.withResolvers());
    return answer.promise;
  }

  /** Whether somebody waits for the answer to `id`. */
  has(id: string): boolean {
    return this.#pending.has(id);
  }

  /** @returns false when nobody waits for it */
  resolve(id: string, value: T): boolean {
    this.#pending.get(id)?.resolve(value);
    return this.#pending.delete(id);
  }

  /** @returns false when nobody waits for it */
  reject(id: string, reason: string): boolean {
    this.#pending.get(id)?.reject(new Error(reason));
    return this.#pending.delete(id);
  }

  /** Ends all waiting. */
  settleAll(settle: (answer: PromiseWithResolvers<T>) => void): void {
    for (const answer of this.#pending.values()) settle(answer);
    this.#pending.clear();
  }
}
