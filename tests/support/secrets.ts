import assert from "node:assert/strict";
import fc from "fast-check";

/** Texts of these characters. Not `fc.string`: it likes words such as "arguments", which stand in lines anyway. */
const word = (unit: string, minLength = 8) =>
  fc.array(fc.constantFrom(...unit), { minLength, maxLength: 40 }).map((characters) => characters.join(""));

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/** What may stand in a bearer token (RFC 6750, section 2.1). */
const TOKEN = word(`${LETTERS}-._~+/`);
/** What may stand in a URL's part for user and password unescaped (RFC 3986, section 3.2.1), and @, which some write. */
const USER_INFO = word(`${LETTERS}-._~!$&'()*+,;=:@`);
/** What may stand in a query's value. */
const QUERY = word(`${LETTERS}-._~!$'()*+,;=:@/?`);
/** A word in a shell without quotation marks around it, or within a list item. */
const WORD = word(`${LETTERS}-._~!$'()*+,;=:@/?#%^{}|`);
/** Anything in one line. */
const LINE = word(`${LETTERS} !"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`).filter((text) =>
  text.trim().length >= 8 && !text.startsWith(" ")
);

/** Texts that hold a secret, by the form that it has in them. */
export const SECRET_TEXTS: Readonly<
  Record<string, readonly [fc.Arbitrary<string>, (secret: string) => string]>
> = {
  "Authorization": [LINE, (secret) => `Authorization: ${secret}`],
  "authorization, close": [LINE, (secret) => `authorization:${secret}`],
  "Authorization: Bearer": [TOKEN, (secret) => `Authorization: Bearer ${secret}`],
  "Authorization: Basic": [LINE, (secret) => `Authorization: Basic ${btoa(secret)}`],
  "Authorization: Digest": [TOKEN, (secret) => `Authorization: Digest username="a", response="${secret}"`],
  "Proxy-Authorization": [LINE, (secret) => `Proxy-Authorization: ${secret}`],
  "Cookie": [LINE, (secret) => `Cookie: theme=dark; id=${secret}`],
  "Set-Cookie": [LINE, (secret) => `Set-Cookie: id=${secret}`],
  "X-Api-Key": [LINE, (secret) => `X-Api-Key: ${secret}`],
  "X-Auth-Token": [LINE, (secret) => `x-auth-token: ${secret}`],
  "a header of several": [LINE, (secret) => `Host: a\r\nPRIVATE-TOKEN: ${secret}\r\nAccept: */*`],
  "a header in a command line": [TOKEN, (secret) => `curl -H "X-Vault-Token: ${secret}" https://h/`],
  "Bearer within a sentence": [TOKEN, (secret) => `sent Bearer ${secret} to the host`],
  "Basic within a sentence": [LINE, (secret) => `sent Basic ${btoa(`a:${secret}`)} to the host`],
  "a URL with user and password": [USER_INFO, (secret) => `https://alice:${secret}@10.0.0.5:8443/x?y=1`],
  "a URL with a token for user": [USER_INFO, (secret) => `cannot open "https://${secret}@h.lab.internal/"`],
  "user and password before a host": [USER_INFO, (secret) => `cannot open alice:${secret}@10.0.0.5`],
  "a URL that was cut": [word(LETTERS), (secret) => `cannot parse "https://alice:${secret}…"`],
  "password= in a query": [QUERY, (secret) => `http://10.0.0.5/?user=a&password=${secret}&x=1`],
  "token= in a query": [QUERY, (secret) => `http://10.0.0.5/?access_token=${secret}`],
  "secret= in a form": [QUERY, (secret) => `client_secret=${secret}&grant=1`],
  "api_key= in a query": [QUERY, (secret) => `GET /x?api_key=${secret} HTTP/1.1`],
  "secret= in an environment": [WORD, (secret) => `AWS_SECRET_ACCESS_KEY=${secret}`],
  "password = in a file of settings": [WORD, (secret) => `db_password = ${secret}`],
  "password: in YAML": [WORD, (secret) => `password: ${secret}`],
  "JSON": [LINE, (secret) => `{"user":"a","password":${JSON.stringify(secret)},"x":1}`],
  "JSON with spaces": [LINE, (secret) => `{ "api_key" : ${JSON.stringify(secret)} }`],
  "JSON within JSON": [LINE, (secret) => JSON.stringify(`{"token":${JSON.stringify(secret)},"x":"y"}`)],
  "a number in JSON": [word("123456789"), (secret) => `{"token":${secret},"x":"y"}`],
  "a JWT": [word(LETTERS, 12), (secret) => `got eyJhbGciOiJIUzI1NiJ9.eyJ${secret}.${secret} back`],
  "--oauth2-bearer": [TOKEN, (secret) => `curl --oauth2-bearer ${secret} https://h/`],
  "--oauth2-bearer=": [TOKEN, (secret) => `curl --oauth2-bearer=${secret} https://h/`],
  "-u": [WORD, (secret) => `curl -u alice:${secret} https://h/`],
  "-u with a token alone": [word(LETTERS, 20), (secret) => `curl -u ${secret} https://h/`],
  "-u, close": [WORD, (secret) => `curl -ualice:${secret} https://h/`],
  "--user": [WORD, (secret) => `curl --user alice:${secret} https://h/`],
  "--user in quotation marks": [
    word(`${LETTERS} !#%`),
    (secret) => `curl --user "alice:${secret}" https://h/`,
  ],
  "--proxy-user=": [WORD, (secret) => `flag "--proxy-user=alice:${secret}" is not one that this tool takes`],
  "a list of arguments as text": [word(LETTERS), (secret) => `["--user","alice:${secret}","h"]`],
};

/** Lists in which an item behind another is a secret. */
export const SECRET_LISTS: Readonly<Record<string, (secret: string) => readonly string[]>> = {
  "-H Authorization": (secret) => ["-q", "-H", `Authorization: Bearer ${secret}`, "https://h/"],
  "a header in two items": (secret) => ["-H", "Authorization:", secret],
  "-u": (secret) => ["-u", `alice:${secret}`, "https://h/"],
  "-U": (secret) => ["-U", `alice:${secret}`, "https://h/"],
  "-b": (secret) => ["-b", `id=${secret}`],
  "--user": (secret) => ["--user", secret],
  "--oauth2-bearer": (secret) => ["--oauth2-bearer", secret],
  "--cookie": (secret) => ["--cookie", secret],
  "--proxy-user": (secret) => ["--proxy-user", secret],
  "a name and its value": (secret) => ["authorization", secret],
  "-d": (secret) => ["-d", `user=a&password=${secret.replaceAll(/[&" ]/g, "+")}`],
};

/** Asserts that no part of the secret is left. */
export function assertGone(text: string, secret: string): void {
  // Base64 and JSON write some characters otherwise; what they are written as is gone with the rest.
  const parts = Array.from({ length: secret.length - 5 }, (_, start) => secret.slice(start, start + 6));
  const left = parts.filter((part) => text.includes(part));
  assert.deepEqual(left, [], `${JSON.stringify(secret)} is left in ${text}`);
}

/** Any line of text, as a secret in a list. */
export const ANY_SECRET = word(`${LETTERS}-._~!$'"()*+,;=:@/?#%^{}| `).filter((text) => text.trim() === text);

const octet = fc.nat(255);
const port = fc.integer({ min: 1, max: 65_535 });
const address = fc.tuple(octet, octet, octet).map((rest) => `10.${rest.join(".")}`);
const name = word("abcdefghijklmnopqrstuvwxyz0123456789-", 1).map((label) => `h-${label}.lab.internal`);
const path = fc.array(word("abcdefghijklmnopqrstuvwxyz0123456789._-", 1), { minLength: 1, maxLength: 5 })
  .map((parts) => `/${parts.join("/")}`);

/** What is logged every day: targets, ports, paths, ids, durations. */
export const ORDINARY: fc.Arbitrary<string> = fc.oneof(
  address,
  name,
  path,
  fc.uuid(),
  fc.ipV6(),
  fc.tuple(address, fc.nat(32)).map(([base, bits]) => `${base}/${bits}`),
  fc.tuple(fc.oneof(address, name), port).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.oneof(address, name), port, path).map(([host, port, path]) => `http://${host}:${port}${path}`),
  fc.array(port, { minLength: 1, maxLength: 4 }).map((ports) => ports.join(",")),
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
);
