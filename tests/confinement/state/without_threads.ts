/** Runs `work` while whatever Deno does with files on another thread is refused. */
export async function withoutThreads<T>(work: () => Promise<T>): Promise<T> {
  const names = [
    "chmod",
    "lstat",
    "mkdir",
    "open",
    "readDir",
    "realPath",
    "remove",
    "rename",
    "stat",
  ] as const;
  const originals = Object.fromEntries(names.map((name) => [name, Deno[name]]));
  for (const name of names) {
    Object.assign(Deno, {
      [name]() {
        throw new Error(`Deno.${name} needs a thread`);
      },
    });
  }
  try {
    return await work();
  } finally {
    Object.assign(Deno, originals);
  }
}
