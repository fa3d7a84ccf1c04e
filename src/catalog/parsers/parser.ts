/**
 * What every output parser is: a pure function from the bytes that a program wrote to one typed object.
 *
 * @module
 */
import type * as z from "zod";

/** What a program wrote, as far as it was kept. */
export interface ProgramOutput {
  /** The kept bytes of standard output. */
  readonly stdout: Uint8Array;
  /** The kept bytes of standard error. */
  readonly stderr: Uint8Array;
  /** Whether standard output is only the beginning: it was cut at a cap, or the program was stopped. */
  readonly partial: boolean;
}

/**
 * Reads the output of one kind of program.
 *
 * Parsers are given untrusted bytes. They never throw for any input: what cannot be read at all is `null`, and what
 * was lost from a partial output is said in the object's own `incomplete` field.
 */
export interface OutputParser<Data extends { incomplete: string | null }> {
  /** The shape of the object; published as the `parsed` part of a tool's output schema. */
  readonly schema: z.ZodType<Data>;
  /** @returns the object, or null when the output holds nothing that can be read. */
  parse(output: ProgramOutput): Data | null | Promise<Data | null>;
  /** A short readable account of the object, in plain lines, for the text part of an answer. */
  summarize(data: Data): string;
}
