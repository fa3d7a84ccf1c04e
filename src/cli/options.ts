/**
 * The options that commands share.
 *
 * @module
 */
import { message, multiple, object, option, optional, string, type ValueParser } from "@optique/core";
import { BUILTIN_MANIFESTS } from "../catalog/builtin.ts";
import type { ConfigFlags } from "../config/load.ts";

/** Options of every command that reads the configuration. */
export const configOptions = {
  config: optional(option("--config", string({ metavar: "FILE" }), {
    description: message`The configuration file, YAML or JSON.`,
  })),
  tools: multiple(option("--tools", string({ metavar: "DIR" }), {
    description: message`A folder with manifests of your own; may be repeated.`,
  })),
  allowTarget: multiple(option("--allow-target", string({ metavar: "ENTRY" }), {
    description: message`Allows a target beside those of the configuration; may be repeated.`,
  })),
  logLevel: optional(option("--log-level", suggesting("LEVEL", ["debug", "info", "warning", "error"]), {
    description: message`debug, info, warning or error.`,
  })),
  logFormat: optional(option("--log-format", suggesting("FORMAT", ["auto", "pretty", "json"]), {
    description: message`pretty or json; auto is pretty on a terminal and json otherwise.`,
  })),
};

/** Options that choose the transport. */
export const serverOptions = {
  transport: optional(option("--transport", suggesting("stdio|http", ["stdio", "http"]), {
    description: message`How clients connect.`,
  })),
  host: optional(option("--host", string({ metavar: "ADDRESS" }), {
    description: message`The address to listen on, with http; without tokens, one of loopback.`,
  })),
  port: optional(option("--port", string({ metavar: "PORT" }), {
    description: message`The port to listen on, with http; 0 takes a free one.`,
  })),
};

const allOptions = object({ ...configOptions, ...serverOptions });
type Values = Partial<ReturnType<typeof valueOf>>;
declare function valueOf(): import("@optique/core").InferValue<typeof allOptions>;

/** The configuration's part of a command's options. */
export function configFlags(values: Values): ConfigFlags {
  const { config, tools = [], allowTarget = [], logLevel, logFormat, transport, host, port } = values;
  return { config, tools, allowTargets: allowTarget, logLevel, logFormat, transport, host, port };
}

/** The name of a tool: any text, with those of the built-in tools as suggestions. */
export function toolName(metavar: "NAME" | "TOOL"): ValueParser<"sync", string> {
  return suggesting(
    metavar,
    BUILTIN_MANIFESTS.map(({ file }) => file.slice(file.lastIndexOf("/") + 1, -".yaml".length)),
  );
}

/** Any text, with suggestions for a shell: what may be said is judged later, with the rest of the configuration. */
function suggesting(metavar: "NAME" | "TOOL" | "LEVEL" | "FORMAT" | "stdio|http", texts: readonly string[]) {
  return {
    ...string({ metavar }),
    *suggest(prefix: string) {
      for (const text of texts) if (text.startsWith(prefix)) yield { kind: "literal", text } as const;
    },
  } satisfies ValueParser<"sync", string>;
}
