/**
 * Which elements of nmap's XML report mean what. They are those of nmap's own `nmap.dtd`, with its defaults, which a
 * reader that does not read the DTD has to know.
 *
 * @module
 */
import type { ScanDraft } from "./nmap_draft.ts";
import type { XmlRule, XmlRules } from "./xml_walk.ts";

type Rule = XmlRule<ScanDraft>;
type Rules = XmlRules<ScanDraft>;

/** Reads a whole number; null when it is none from 0 to `max`. */
export function integer(text: string | undefined, max: number = Number.MAX_SAFE_INTEGER): number | null {
  if (text === undefined || !/^[0-9]{1,15}$/.test(text)) return null;
  const value = Number(text);
  return value <= max ? value : null;
}

/** A table holds further parts of a script's answer, and an element one value. */
const table: Rule = {
  start: (draft, { key }) => draft.openTable(key),
  end: (draft) => draft.closeTable(),
  inside: {
    elem: {
      start: (draft, { key }) => draft.openValue(key),
      text: (draft, text) => draft.closeValue(text),
    },
    // A table may hold tables.
    get table() {
      return table;
    },
  },
};

const script: Rule = {
  start: (draft, { id, output }) => draft.openScript(id ?? "", output ?? ""),
  end: (draft) => draft.closeScript(),
  inside: table.inside!,
};

const portParts: Rules = {
  state: {
    start: (draft, { state, reason }) => {
      if (draft.port === null) return;
      draft.port.state = draft.keepOptional(state);
      draft.port.reason = draft.keepOptional(reason);
    },
  },
  service: {
    start: (draft, { name, product, version, extrainfo, tunnel, method, conf }) => {
      if (draft.port === null || name === undefined) return;
      draft.port.service = {
        name: draft.keep(name),
        product: draft.keepOptional(product),
        version: draft.keepOptional(version),
        extra_info: draft.keepOptional(extrainfo),
        tunnel: draft.keepOptional(tunnel),
        method: draft.keepOptional(method),
        confidence: integer(conf, 10),
        cpe: [],
      };
    },
    inside: { cpe: { text: (draft, text) => draft.add(draft.port?.service?.cpe, draft.keep(text)) } },
  },
  script,
};

const ports: Rules = {
  extraports: {
    start: (draft, { state, count }) =>
      draft.add(draft.host?.extra_ports, {
        state: draft.keep(state ?? "unknown"),
        count: integer(count) ?? 0,
        reasons: [],
      }),
    inside: {
      extrareasons: {
        start: (draft, { reason, count }) =>
          draft.add(draft.host?.extra_ports.at(-1)?.reasons, {
            reason: draft.keep(reason ?? ""),
            count: integer(count) ?? 0,
          }),
      },
    },
  },
  port: {
    start: (draft, { portid, protocol }) =>
      draft.openPort(integer(portid, 65535), draft.keepOptional(protocol)),
    end: (draft) => draft.closePort(),
    inside: portParts,
  },
};

const osmatch: Rule = {
  start: (draft, { name, accuracy }) => {
    draft.osGuess = { name: draft.keep(name ?? ""), accuracy: integer(accuracy, 100), classes: [] };
  },
  end: (draft) => draft.add(draft.host?.os, draft.osGuess!),
  inside: {
    osclass: {
      start: (draft, { vendor, osfamily, osgen, type, accuracy }) =>
        draft.add(draft.osGuess?.classes, {
          vendor: draft.keepOptional(vendor),
          family: draft.keepOptional(osfamily),
          generation: draft.keepOptional(osgen),
          type: draft.keepOptional(type),
          accuracy: integer(accuracy, 100),
          cpe: [],
        }),
      inside: {
        cpe: { text: (draft, text) => draft.add(draft.osGuess?.classes.at(-1)?.cpe, draft.keep(text)) },
      },
    },
  },
};

const hostParts: Rules = {
  status: {
    start: (draft, { state, reason }) => {
      if (draft.host === null) return;
      draft.host.state = draft.keep(state ?? "unknown");
      draft.host.reason = draft.keepOptional(reason);
    },
  },
  address: {
    start: (draft, { addr = "", addrtype = "ipv4", vendor }) => {
      const { host } = draft;
      if (host === null) return;
      if (addrtype === "mac") {
        host.mac ??= draft.keep(addr);
        host.mac_vendor ??= draft.keepOptional(vendor);
      } else if (addrtype === "ipv4" || addrtype === "ipv6") {
        host.ip ??= { address: draft.keep(addr), address_family: addrtype };
      }
    },
  },
  hostnames: {
    inside: {
      hostname: {
        start: (draft, { name }) => {
          if (name !== undefined) draft.add(draft.host?.hostnames, draft.keep(name));
        },
      },
    },
  },
  ports: { inside: ports },
  os: { inside: { osmatch } },
  hostscript: { inside: { script } },
};

const runParts: Rules = {
  host: {
    start: (draft, { timedout }) => draft.openHost(timedout === "true"),
    end: (draft) => draft.closeHost(),
    inside: hostParts,
  },
  prescript: { inside: { script } },
  postscript: { inside: { script } },
  runstats: {
    end: (draft) => draft.hasStatistics = true,
    inside: {
      finished: { start: (draft, attributes) => draft.finished = attributes },
      hosts: { start: (draft, attributes) => draft.counts = attributes },
    },
  },
};

/** The root of a report. */
export const nmapReport: { readonly name: string; readonly rule: Rule } = {
  name: "nmaprun",
  rule: { start: (draft, attributes) => draft.root = attributes, inside: runParts },
};
