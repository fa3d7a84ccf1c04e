/**
 * `bulkhead completions`: what makes a shell complete commands, options and names of tools.
 *
 * The printed script asks this program again at each press of the key, with the words so far behind `--`; so a script
 * that was made once follows later versions.
 *
 * @module
 */
import {
  argument,
  bash,
  choice,
  fish,
  message,
  object,
  type Suggestion,
  suggestSync,
  zsh,
} from "@optique/core";
import { NAME } from "../core/version.ts";
import { readArguments } from "./arguments.ts";
import { EXIT } from "../core/exit.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";

const SHELLS = { bash, fish, zsh } as const;

/** Its arguments. */
export const parser = object({
  shell: argument(choice(["bash", "fish", "zsh"], { metavar: "bash|fish|zsh" }), {
    description:
      message`The shell; have it read what is printed, as with: source <(bulkhead completions bash)`,
  }),
});

/** The command. */
export const run: Command = async (invocation) => {
  const { io, args } = invocation;
  const end = args.indexOf("--");
  const words = end < 0 ? null : args.slice(end + 1);
  const { shell: name } = readArguments(parser, { ...invocation, args: end < 0 ? args : args.slice(0, end) });
  const shell = SHELLS[name];
  io.stdout(
    words === null
      ? shell.generateScript(NAME, ["completions", name, "--"])
      : [...shell.encodeSuggestions(await suggestions(words))].join(""),
  );
  return EXIT.ok;
};

/**
 * What the last of the words may become.
 *
 * @param words all words behind the program's name, the last one as far as it is written
 */
async function suggestions(words: readonly string[]): Promise<readonly Suggestion[]> {
  const [word = "", ...rest] = words;
  if (rest.length === 0) {
    return COMMANDS.filter(({ name }) => name.startsWith(word))
      .map(({ name, brief }) => ({ kind: "literal", text: name, description: message`${brief}` }));
  }
  const command = COMMANDS.find(({ name }) => name === word);
  if (command === undefined) return [];
  const { parser } = await command.load();
  return suggestSync(parser, rest as [string, ...string[]]);
}
