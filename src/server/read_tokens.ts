/**
 * Reading the file of tokens, for what serves callers over HTTP.
 *
 * @module
 */
import { authSettings } from "../config/settings.ts";
import { readFile } from "../confinement/state/file_reader.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { parseTokens, type Tokens } from "../http/tokens.ts";
import { objectionToTokensFile } from "../http/tokens_file.ts";
import type { Io } from "../core/exit.ts";
import { failed, type Setup, unplaced } from "./setup.ts";
import { ownUser } from "./system.ts";

/**
 * Reads the tokens; null when no file of them is configured.
 *
 * @throws {Exit} with 2 when the file is not there, is open to others or says something wrong; never without tokens
 */
export async function readTokens({ config }: Setup, io: Io): Promise<Tokens | null> {
  const { tokensFile: file } = authSettings(config);
  if (file === null) return null;
  const bytes = readPrivate(file);
  if (!(bytes instanceof Uint8Array)) throw failed([bytes], io);
  const parsed = await parseTokens(bytes, file);
  if (!parsed.ok) throw failed(parsed.diagnostics, io);
  return parsed.tokens;
}

/** A file of tokens that is not there. */
export function noTokensFile(file: string): Diagnostic {
  return unplaced(file, "there is no such file, named by auth.tokens_file");
}

/** The file's bytes, or why they are not taken: read as they are by every reload. */
function readPrivate(file: string): Uint8Array | Diagnostic {
  try {
    const read = readFile(file);
    if (read === null) return noTokensFile(file);
    return objectionToTokensFile(file, { ...read, isFile: true }, ownUser()) ?? read.bytes;
  } catch (error) {
    return unplaced(file, `the file of tokens cannot be read: ${(error as Error).message}`);
  }
}
