/**
 * Reading the file of tokens, for what serves callers over HTTP.
 *
 * @module
 */
import { authSettings } from "../config/settings.ts";
import type { Diagnostic } from "../documents/diagnostics.ts";
import { MAX_TOKENS_FILE_BYTES, parseTokens, type Tokens } from "../http/tokens.ts";
import { objectionToTokensFile } from "../http/tokens_file.ts";
import type { Io } from "./command.ts";
import { failed, type Setup, unplaced } from "./setup.ts";
import { ownUser, readUpTo } from "./system.ts";

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

/** The file's bytes, as many as may be and one more; or why they are not taken. */
function readPrivate(file: string): Uint8Array | Diagnostic {
  const own = ownUser();
  try {
    // Before it is opened, since opening a pipe would wait; and again, since another file may stand there by then.
    const before = objectionToTokensFile(file, Deno.statSync(file), own);
    if (before !== null) return before;
    using opened = Deno.openSync(file);
    const now = objectionToTokensFile(file, opened.statSync(), own);
    return now ?? readUpTo(opened, MAX_TOKENS_FILE_BYTES + 1);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return noTokensFile(file);
    }
    return unplaced(file, `the file of tokens cannot be read: ${(error as Error).message}`);
  }
}
