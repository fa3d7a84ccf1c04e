/**
 * Tests that need tier kernel: on somebody's machine without it they say so and do nothing; in CI that is a failure.
 *
 * @module
 */

/** Opens the tier; false, and said, when it is not to be had here. */
export async function needsKernelTier(open: () => Promise<unknown>): Promise<boolean> {
  try {
    await open();
    return true;
  } catch (error) {
    if (Deno.env.get("CI") === "true") throw error;
    // deno-lint-ignore no-console -- why a test did nothing is said where its result is read
    console.log(`skipped: no tier kernel: ${(error as Error).message}`);
    return false;
  }
}
