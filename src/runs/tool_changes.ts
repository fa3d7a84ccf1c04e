/**
 * What has changed about tools since the last look, as events tell it.
 *
 * @module
 */
import { disablement, isOffered, type Toolbox, type ToolboxEntry, unavailability } from "./toolbox.ts";

/** One change of one tool. A tool that changed in several ways at once has one for each. */
export interface ToolChange {
  readonly tool: string;
  /** `changed`: its manifest or its numbers; `program_replaced`: another file stands where its program was. */
  readonly change:
    | "added"
    | "removed"
    | "enabled"
    | "disabled"
    | "available"
    | "unavailable"
    | "changed"
    | "program_replaced";
  readonly enabled: boolean;
  /** Whether it can be run now. */
  readonly available: boolean;
  /** Why it is off or cannot be run, or null. */
  readonly reason: string | null;
}

/** A tool as it was at the last look. */
interface Look {
  readonly entry: ToolboxEntry;
  readonly declared: string;
  readonly enabled: boolean;
  readonly available: boolean;
  readonly reason: string | null;
}

/** Remembers how the tools were. */
export class ToolWatch {
  readonly #toolbox: Toolbox;
  #before: ReadonlyMap<string, Look>;

  /** Takes the first look. */
  constructor(toolbox: Toolbox) {
    this.#toolbox = toolbox;
    this.#before = looks(toolbox);
  }

  /** What has changed since this was asked last. */
  changes(): ToolChange[] {
    const [before, now] = [this.#before, looks(this.#toolbox)];
    this.#before = now;
    const names = [...new Set([...before.keys(), ...now.keys()])].sort();
    return names.flatMap((tool) => changesOf(tool, before.get(tool), now.get(tool)));
  }
}

function changesOf(tool: string, before: Look | undefined, now: Look | undefined): ToolChange[] {
  if (now === undefined) {
    return [{ tool, change: "removed", enabled: false, available: false, reason: "it is declared no more" }];
  }
  const { enabled, available, reason } = now;
  const is = (change: ToolChange["change"]): ToolChange => ({ tool, change, enabled, available, reason });
  if (before === undefined) return [is("added")];
  const changes: ToolChange[] = [];
  if (now.declared !== before.declared) changes.push(is("changed"));
  if (enabled !== before.enabled) changes.push(is(enabled ? "enabled" : "disabled"));
  // A tool that is switched off is not to be had either, which goes without saying.
  else if (available !== before.available) {
    changes.push(is(available ? "available" : "unavailable"));
  } else if (available && before.available && now.entry.executor !== before.entry.executor) {
    changes.push(is("program_replaced"));
  }
  return changes;
}

function looks(toolbox: Toolbox): ReadonlyMap<string, Look> {
  return new Map([...toolbox].map(([name, entry]) => {
    const available = isOffered(entry);
    const why = available ? null : disablement(entry) ?? unavailability(entry);
    const look: Look = {
      entry,
      declared: JSON.stringify(entry.tool),
      enabled: entry.enabled,
      available,
      reason: why?.reason ?? null,
    };
    return [name, look];
  }));
}
