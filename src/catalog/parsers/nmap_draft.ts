/**
 * An nmap scan while it is being read: what is whole, what is open, and what was left out.
 *
 * @module
 */
import { plural } from "../../core/text.ts";
import { KEPT, type NmapHost, type NmapOsGuess, type NmapPort, type NmapScript } from "./nmap_schema.ts";
import { cutText } from "./plain_text.ts";
import type { XmlAttributes } from "./xml_text.ts";
import type { XmlFaults } from "./xml_walk.ts";

/** A host before its end. */
interface HostDraft extends Omit<NmapHost, "address" | "address_family"> {
  ip: Pick<NmapHost, "address" | "address_family"> | null;
  /** Whether nmap gave up on it. */
  readonly timedOut: boolean;
}

/** A port before its end. */
interface PortDraft extends Omit<NmapPort, "port" | "protocol" | "state"> {
  readonly port: number | null;
  readonly protocol: string | null;
  state: string | null;
}

/** A script before its end. */
interface ScriptDraft {
  readonly script: NmapScript;
  /** The open tables, outermost first, with the number of their next part without a name; the first is the answer. */
  readonly tables: { readonly path: string; next: number }[];
  /** Where the open value belongs. */
  path: string;
}

/** What is left out for its number or its length: the words for one and for several, and what happens to them. */
const LEFT_OUT = {
  hosts: ["host", "hosts", `left out beyond the first ${KEPT.hosts}`],
  ports: ["port", "ports", `left out beyond the first ${KEPT.ports}`],
  scripts: ["answer of a script", "answers of scripts", "left out"],
  values: ["value of a script", "values of scripts", "left out"],
  items: ["other item", "other items", "left out"],
  texts: ["text", "texts", "shortened"],
} as const;

/** The scan that is being read. The rules of `nmap_rules.ts` fill it. */
export class ScanDraft implements XmlFaults {
  unreadable = 0;
  mismatched = false;
  unreadableHosts = 0;
  unreadablePorts = 0;
  timedOutHosts = 0;
  readonly hosts: NmapHost[] = [];
  readonly scripts: NmapScript[] = [];
  /** The attributes of the root, of `runstats/finished` and of `runstats/hosts`. */
  root: XmlAttributes = {};
  finished: XmlAttributes = {};
  counts: XmlAttributes = {};
  /** Whether the statistics at the report's end were read; no host comes after them. */
  hasStatistics = false;
  /** Hosts that have their end, whether they could be read or not. */
  wholeHosts = 0;
  host: HostDraft | null = null;
  port: PortDraft | null = null;
  osGuess: NmapOsGuess | null = null;
  #script: ScriptDraft | null = null;
  #ports = 0;
  #scripts = 0;
  #scriptText = 0;
  readonly #left = { hosts: 0, ports: 0, scripts: 0, values: 0, items: 0, texts: 0 };

  /** The text as far as it is kept. */
  keep(text: string, max: number = KEPT.text): string {
    if (text.length <= max) return text;
    this.#left.texts++;
    return cutText(text, max);
  }

  /** The same for a text that may be absent. */
  keepOptional(text: string | undefined): string | null {
    return text === undefined ? null : this.keep(text);
  }

  /** Adds to a list of a host, unless that is as long as such lists are kept. */
  add<Item>(list: Item[] | undefined, item: Item): void {
    if (list === undefined) return;
    if (list.length < KEPT.list) list.push(item);
    else this.#left.items++;
  }

  openHost(timedOut: boolean): void {
    this.mismatched = false;
    this.host = {
      ip: null,
      timedOut,
      mac: null,
      mac_vendor: null,
      hostnames: [],
      state: "unknown",
      reason: null,
      ports: [],
      extra_ports: [],
      scripts: [],
      os: [],
    };
  }

  closeHost(): void {
    const { ip, timedOut, ...host } = this.host!;
    this.host = null;
    // Of an element that was left open inside the host there is no end.
    this.port = null;
    this.#script = null;
    this.wholeHosts++;
    if (timedOut) this.timedOutHosts++;
    if (ip === null || this.mismatched) this.unreadableHosts++;
    else if (this.hosts.length >= KEPT.hosts) this.#left.hosts++;
    else this.hosts.push({ ...ip, ...host });
  }

  openPort(port: number | null, protocol: string | null): void {
    this.port = { port, protocol, state: null, reason: null, service: null, scripts: [] };
  }

  closePort(): void {
    const { port, protocol, state, ...rest } = this.port!;
    this.port = null;
    if (port === null || protocol === null || state === null) this.unreadablePorts++;
    else if (this.#ports >= KEPT.ports) this.#left.ports++;
    else {
      this.#ports++;
      this.host?.ports.push({ port, protocol, state, ...rest });
    }
  }

  openScript(id: string, output: string): void {
    const script = { id: this.keep(id), output: this.keep(output, KEPT.scriptOutput), values: [] };
    this.#script = { script, tables: [{ path: "", next: 0 }], path: "" };
  }

  openTable(key: string | undefined): void {
    this.#script?.tables.push({ path: this.#placeOf(key), next: 0 });
  }

  closeTable(): void {
    this.#script?.tables.pop();
  }

  openValue(key: string | undefined): void {
    if (this.#script !== null) this.#script.path = this.#placeOf(key);
  }

  closeValue(text: string): void {
    if (this.#script === null) return;
    const { script: { values }, path } = this.#script;
    if (values.length < KEPT.scriptValues) values.push({ path, value: this.keep(text, KEPT.scriptValue) });
    else this.#left.values++;
  }

  /** Gives the answer to its port, its host or the scan, unless there is too much of scripts already. */
  closeScript(): void {
    const { script } = this.#script!;
    this.#script = null;
    const length = script.values.reduce(
      (sum, { path, value }) => sum + path.length + value.length,
      script.id.length + script.output.length,
    );
    if (this.#scripts >= KEPT.scripts || this.#scriptText + length > KEPT.scriptText) this.#left.scripts++;
    else {
      this.#scripts++;
      this.#scriptText += length;
      (this.port ?? this.host ?? this).scripts.push(script);
    }
  }

  /** Says what was left out. */
  leftOut(): string[] {
    const kinds = Object.keys(LEFT_OUT) as (keyof typeof LEFT_OUT)[];
    return kinds.filter((kind) => this.#left[kind] > 0).map((kind) => {
      const [noun, nouns, what] = LEFT_OUT[kind];
      return `${plural(this.#left[kind], noun, nouns)} ${what}`;
    });
  }

  /** The place of the next part of the open table; a part without a name is numbered. */
  #placeOf(key: string | undefined): string {
    const table = this.#script!.tables.at(-1)!;
    const name = key ?? String(table.next++);
    return this.keep(table.path === "" ? name : `${table.path}/${name}`);
  }
}
