/**
 * Paths as text: POSIX only, without asking the system.
 *
 * @module
 */

/** `path` as an absolute path, taken relative to `folder`, with `.` and `..` worked out. */
export function resolvePath(folder: string, path: string): string {
  const full = path.startsWith("/") ? path : `${folder}/${path}`;
  const parts: string[] = [];
  for (const part of full.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** Whether an absolute path is `folder` itself or below it, by name. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

/** The folder that holds `path`, an absolute path. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
