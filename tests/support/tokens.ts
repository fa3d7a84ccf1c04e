import assert from "node:assert/strict";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import type { RateLimit } from "../../src/http/authorise.ts";
import { parseTokens, type Scope, type Tokens } from "../../src/http/tokens.ts";

/** A secret that is good, and different for every name. */
export function secretOf(name: string): string {
  return `${name}-0123456789abcdef0123456789abcdef`;
}

/** Tokens as a file would declare them: the scopes by name, the secrets those of {@link secretOf}. */
export async function tokensOf(scopes: Readonly<Record<string, readonly Scope[]>>): Promise<Tokens> {
  const lines = Object.entries(scopes).map(([name, list]) => `${name} ${list.join(",")} ${secretOf(name)}\n`);
  const parsed = await parseTokens(new TextEncoder().encode(lines.join("")), "tokens");
  assert(parsed.ok, parsed.ok ? "" : parsed.diagnostics.map(formatDiagnostic).join("\n"));
  return parsed.tokens;
}

/** The header that carries a name's secret. */
export function bearer(name: string): { readonly authorization: string } {
  return { authorization: `Bearer ${secretOf(name)}` };
}

/** A rate of wrong tokens that nobody exceeds. */
export const NEVER_LIMITED: RateLimit = { take: () => ({ ok: true }) };
