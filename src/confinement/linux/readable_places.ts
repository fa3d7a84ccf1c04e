/**
 * Where a confined program may read files: everywhere but among the devices. What a user types into a terminal can be
 * read by whoever opens that terminal as the same user (pts(4)), and as root the same goes for disks and keyboards.
 *
 * @module
 */
import type { Kernel } from "./kernel.ts";
import { listFolder, readLink } from "./kernel_files.ts";

/** The devices that are no more than a source of bytes; null(4), full(4), random(4). */
const HARMLESS_DEVICES = ["null", "zero", "full", "random", "urandom"].map((name) => `/dev/${name}`);

/**
 * Every entry of the root folder but `/dev`, and the harmless devices. Landlock only grants, so what is not to be read
 * has to be left out of what is. An entry that is made later cannot be read by compartments that are there already.
 *
 * @returns absolute paths of files and folders, or the negative error number
 */
export function readablePlaces(kernel: Kernel): string[] | number {
  const names = listFolder(kernel, "/");
  if (typeof names === "number") return names;
  const entries = names.filter((name) => name !== "dev").map((name) => `/${name}`)
    // Where a link leads is below another entry, or below /dev.
    .filter((path) => typeof readLink(kernel, path) === "number");
  return [...entries, ...HARMLESS_DEVICES];
}
