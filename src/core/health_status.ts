/**
 * How well the server, or a part of it, is.
 *
 * @module
 */

/** Every {@link HealthStatus}, the best first. */
export const HEALTH_STATUSES = ["healthy", "degraded", "unhealthy"] as const;

/** How well something is. */
export type HealthStatus = (typeof HEALTH_STATUSES)[number];
