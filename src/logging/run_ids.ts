/**
 * The correlation ids of runs, for lines of the log by those who know a run by its own id only: the confinement is told
 * nothing that a caller says. Of the whole process, as the log is.
 *
 * @module
 */

/** Runs that are remembered: more than can go on, since some lines come after a run's end. */
const MAX_RUNS = 4096;

const correlationIds = new Map<string, string>();

/** From now on each line with this `run_id` has the correlation id, too. */
export function noteRun(runId: string, correlationId: string): void {
  correlationIds.set(runId, correlationId);
  if (correlationIds.size <= MAX_RUNS) return;
  const [oldest] = correlationIds.keys();
  correlationIds.delete(oldest!);
}

/** The properties of a line, with the correlation id of the run that it names. */
export function withCorrelation(properties: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { run_id: runId, ...rest } = properties;
  const correlationId = typeof runId === "string" ? correlationIds.get(runId) : undefined;
  if (correlationId === undefined) return { ...properties };
  // What the line says itself stays.
  return { run_id: runId, correlation_id: correlationId, ...rest };
}
