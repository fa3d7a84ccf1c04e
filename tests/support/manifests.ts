import { manifestSchema } from "../../src/catalog/manifest.ts";
import { checkDocument } from "../../src/documents/check_document.ts";
import { formatDiagnostic } from "../../src/documents/diagnostics.ts";
import { parseDocument } from "../../src/documents/parse_document.ts";

/** The keys that every manifest must have. */
export const HEAD = "name: t\ntitle: T\ndescription: D\ncommand: t\n";

/** What is wrong with a manifest's text, as it is printed; empty when it loads. Line 5 is the first after the head. */
export function manifestMistakes(text: string): string[] {
  const document = parseDocument(text, "t.yaml");
  if (!document.ok) return document.diagnostics.map(formatDiagnostic);
  const checked = checkDocument(manifestSchema, document);
  return checked.ok ? [] : checked.diagnostics.map(formatDiagnostic);
}
