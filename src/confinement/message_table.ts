/**
 * Tables of messages: what two threads may say to each other, type by type and field by field. Whatever is
 * not in the table is no message. Checks of texts, bytes and lists have a bound of their own, so a message
 * that passed has one too.
 *
 * @module
 */

/** Whether a value is what a field may hold. It must not throw, whatever the value is. */
export type Check = (value: unknown) => boolean;

/** The fields of an object, each with its check. */
export type Fields = Readonly<Record<string, Check>>;

/**
 * The messages of `Message`, a union told apart by `type`: for each type the checks of all its other fields.
 */
export type MessageTable<Message extends { readonly type: string }> = {
  readonly [Type in Message["type"]]: {
    readonly [Field in Exclude<keyof Extract<Message, { readonly type: Type }>, "type">]: Check;
  };
};

/**
 * The check of a whole table: whether a value is one of its messages, with all of its fields and no other.
 */
export function messageCheck<Message extends { readonly type: string }>(
  table: MessageTable<Message>,
): (data: unknown) => data is Message {
  const checks = new Map<string, Check>(
    Object.entries<Fields>(table).map(([type, fields]) => [type, hasExactly({ ...fields, type: text })]),
  );
  return (data): data is Message => {
    if (typeof data !== "object" || data === null || !Object.hasOwn(data, "type")) return false;
    const { type } = data as { readonly type: unknown };
    return typeof type === "string" && (checks.get(type)?.(data) ?? false);
  };
}

/** An object with these fields and no other, each of its own. */
export function hasExactly(fields: Fields): Check {
  return (value) =>
    typeof value === "object" && value !== null &&
    Object.keys(value).length === Object.keys(fields).length &&
    Object.entries(fields).every(([key, check]) =>
      Object.hasOwn(value, key) && check((value as Record<string, unknown>)[key])
    );
}

/** Text of at most `maxLength` UTF-16 units. */
export function textUpTo(maxLength: number): Check {
  return (value) => typeof value === "string" && value.length <= maxLength;
}

/** Text of at most 4096 UTF-16 units: a reason, a path. */
export const text: Check = textUpTo(4096);

/** Text that matches `pattern`, which says how long it may be. */
export function matching(pattern: RegExp): Check {
  return (value) => typeof value === "string" && pattern.test(value);
}

/** A number that counts or measures: not negative, not infinite. */
export const count: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;

/** A {@link count} without a fraction. */
export const wholeCount: Check = (value) => count(value) && Number.isSafeInteger(value);

/** `null`, or what `check` takes. */
export function orNull(check: Check): Check {
  return (value) => value === null || check(value);
}

/** One of these values. */
export function oneOf(...options: readonly unknown[]): Check {
  return (value) => options.includes(value);
}

/** At most `maxLength` bytes, in a buffer that is no longer either: a view is sent with all of its buffer. */
export function bytesUpTo(maxLength: number): Check {
  return (value) =>
    value instanceof Uint8Array && value.buffer instanceof ArrayBuffer &&
    value.buffer.byteLength <= maxLength;
}

/** A list of at most `maxItems`, each of which `check` takes, without holes or properties of its own. */
export function listOf(check: Check, maxItems: number): Check {
  return (value) =>
    Array.isArray(value) && value.length <= maxItems && Object.keys(value).length === value.length &&
    value.every(check);
}
