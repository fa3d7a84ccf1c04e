/**
 * Taking secrets out of what is shown or logged: credentials in headers, URLs, queries, JSON and command lines.
 *
 * What a secret looks like is guessed, and a guess errs to the safe side: rather a word too many is taken out. Every
 * pattern is bounded, so that the time is linear in the text's length, also for text that is made to be slow.
 *
 * @module
 */

/** What stands in place of a secret. */
export const REDACTED = "[redacted]";

/** Names whose values are secrets, in queries, forms, JSON and properties. */
const NAME =
  "(?:passw(?:or)?d|passphrase|pwd|secret|token|credentials?|authorization|cookie|session[-_]?id|" +
  "(?:api|access|auth|private|secret)[-_]?key)";

/** How such a name may go on: `secret_access_key`, `token_id`. Others, such as `token_file`, are no secrets. */
const ENDING = "(?:[-_]?(?:access[-_]?key|key|id|value))?";

/** Headers whose values are secrets: these ends of names, such as that of `X-Auth-Token`. */
const HEADER = "(?:authorization|cookie2?|(?:api|access|auth|private|secret)[-_]?key|" +
  "-(?:token|secret|password|auth|session|signature|credentials?)(?:-[a-z0-9-]{1,24})?)";

/** Where our own messages say what is wrong with a key, no secret follows its name: `auth.token: unknown key`. */
const NO_VALUE =
  '(?!(?:unknown|missing|duplicate) key "|expected |must be |(?:null|true|false)(?![^\\s,}\\]]))';

/** A word, which may hold quotation marks: one ends it only where it ends a string of JSON. */
const WORD = '(?:[^\\s"<>]|"(?![\\s,}\\])]|$))+';

/** Flags whose argument is a secret, or holds one. */
const LONG_FLAG = "--(?:oauth2-bearer|user|login|bearer|token|secret|cookie|api-?key|" +
  "(?:proxy-)?(?:user|pass(?:word|wd)?|tlspassword))";

/** Short flags that mean such a thing to some programs only. */
const SHORT_FLAG = "-[uUb]";

const FLAG_ALONE = new RegExp(`^(?:${LONG_FLAG}|${SHORT_FLAG})$`, "i");
const FIELD = new RegExp(`(?:${NAME}${ENDING}|${HEADER})$`, "i");
const NAME_ALONE = new RegExp(`^[\\w-]{0,32}(?:${NAME}${ENDING}|${HEADER}):?$`, "i");

/** Every shape has one of these in it: ids and single words are done with after this look. */
const PARTED = /[\s:=@]|eyJ/;

/** And one of these: most other texts are done with after this one. */
const SUSPECT = new RegExp(
  `[@…]|eyJ|bearer|basic|${NAME}|${HEADER}|--(?:user|login|proxy-|pass)|(?<![\\w-])${SHORT_FLAG}`,
  "i",
);

/** One shape, and what is put in its place. */
interface Shape {
  readonly pattern: RegExp;
  readonly replace: string | ((match: Readonly<Record<string, string | undefined>>, whole: string) => string);
}

/**
 * To the end in quotation marks of the same kind, or of the text. In text that is quoted twice these are escaped. What
 * goes on behind them without a space, or what separates JSON, has not ended there.
 */
const QUOTED = `(?<quote>\\\\{0,3}["'])[^]*?(?:(?<!\\\\)\\k<quote>(?=\\s|$|(?<=")[,}\\]])|$)`;

const SHAPES: readonly Shape[] = [
  // A header's value goes on to the end of its line, whatever is in it.
  {
    pattern: new RegExp(`(${HEADER}:[ \\t]*)${NO_VALUE}[^\\s][^\\r\\n]*`, "gi"),
    replace: `$1${REDACTED}`,
  },
  {
    pattern: new RegExp(`\\b(bearer\\s{1,8})(?!tokens?\\b|realm\\b|auth|scheme)${WORD}`, "gi"),
    replace: `$1${REDACTED}`,
  },
  { pattern: /\b(Basic\s{1,8})(?![A-Za-z]?[a-z]*(?![\w+/=-]))[\w+/-]{6,}={0,2}/g, replace: `$1${REDACTED}` },
  { pattern: /\beyJ[\w-]{5,}(?:\.[\w-]*){1,4}/g, replace: REDACTED },
  // Between the slashes and the last @ before the path; and where the text was cut within.
  { pattern: /(\/\/)[^\s/?#]*@/g, replace: `$1${REDACTED}@` },
  { pattern: /(\/\/)[^\s/?#:…]*:[^\s/?#…]*…/g, replace: `$1${REDACTED}…` },
  { pattern: /(?<=[^\s:@/"'=]):[^\s/]{1,256}@(?=[\w[])/g, replace: `:${REDACTED}@` },
  {
    pattern: new RegExp(
      `(?<!\\+)(?<head>${NAME}${ENDING}(?:(?:\\\\{0,3}["'])?\\s{0,4}=|(?:\\\\{0,3}["']\\s{0,4})?:)\\s{0,4})${NO_VALUE}(?:${QUOTED}|${
        WORD.replace("<>", "<>&")
      })`,
      "gi",
    ),
    replace: ({ head, quote = "" }) => `${head}${quote}${REDACTED}${quote}`,
  },
  { pattern: new RegExp(`(?<=["'])(${LONG_FLAG}=)[^\\r\\n]*`, "gi"), replace: `$1${REDACTED}` },
  {
    pattern: new RegExp(
      `(?<![\\w-])(?<head>(?<flag>${LONG_FLAG}|${SHORT_FLAG})(?:=|\\s{1,8}|["'][\\s,]{1,8}(?=["'])))` +
        `(?:${QUOTED}|(?<word>\\S+))`,
      "gi",
    ),
    replace: ({ head, flag, quote = "", word }, whole) =>
      word !== undefined && !isSecretArgument(flag!, word) ? whole : `${head}${quote}${REDACTED}${quote}`,
  },
  {
    pattern: /(?<![\w-])(-[uU])(?!(?:https?|wss?|ftps?):\/\/)[^\s:=-][^\s:]{0,256}:\S+/g,
    replace: `$1${REDACTED}`,
  },
];

/** The text without its secrets; text that holds none is given back as it is. */
export function redactText(text: string): string {
  if (!PARTED.test(text) || !SUSPECT.test(text)) return text;
  return SHAPES.reduce(
    (rest, { pattern, replace }) =>
      typeof replace === "string"
        ? rest.replace(pattern, replace)
        : rest.replace(pattern, (whole, ...groups) => replace(groups.at(-1), whole)),
    text,
  );
}

/**
 * A replacer for `JSON.stringify`: what is written has no secrets. Beside what {@link redactText} finds in every text,
 * these are the values of properties with telling names, and list items behind a telling flag or name, as in
 * `["-u", "name:password"]`.
 */
export function withoutSecrets(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === "string") {
    if (Array.isArray(this)) return redactItem(this[Number(key) - 1], value);
    return FIELD.test(key) ? REDACTED : redactText(value);
  }
  if (typeof value !== "object" && typeof value !== "number" || value === null) return value;
  return !Array.isArray(this) && FIELD.test(key) ? REDACTED : value;
}

/** A value that is JSON, without its secrets. */
export function redactJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value, withoutSecrets));
}

function redactItem(before: unknown, item: string): string {
  if (typeof before !== "string" || before.length > 64) return redactText(item);
  if (FLAG_ALONE.test(before)) return isSecretArgument(before, item) ? REDACTED : redactText(item);
  return NAME_ALONE.test(before) ? REDACTED : redactText(item);
}

const URL_SCHEME = /^(?:https?|wss?|ftps?):\/\//i;
const ADDRESS_AND_PORT = /^(?:[0-9.]{7,15}|\[[0-9a-f:.]{2,45}\]):[0-9]{1,5}(?:\/|$)/i;
const IPV6_ADDRESS = /^(?=[^:]*:[^:]*:)[0-9a-f:.]{2,45}$/i;

/** Whether what stands behind such a flag is a secret: `-u` has a URL or nothing behind it for other programs. */
function isSecretArgument(flag: string, value: string): boolean {
  if (flag.startsWith("--")) return true;
  if (URL_SCHEME.test(value)) return false;
  if (flag === "-b") return value.includes("=");
  if (!value.includes(":")) return value.length >= 20 && /^[\w+/=~-]+$/.test(value);
  return !ADDRESS_AND_PORT.test(value) && !IPV6_ADDRESS.test(value);
}
