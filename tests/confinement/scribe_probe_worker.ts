/** Tries, with the permissions of a scribe, what a scribe may and may not do, and says what came of each. */
const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<{ folders: string[]; elsewhere: string }>) => void) | null;
  postMessage(message: unknown): void;
};

scope.onmessage = async ({ data: { folders, elsewhere } }) => {
  const attempts: Record<string, () => unknown> = {
    "read /etc/hostname": () => Deno.readTextFileSync("/etc/hostname"),
    "list /": () => [...Deno.readDirSync("/")],
    "read elsewhere": () => Deno.lstatSync(elsewhere),
    "write elsewhere": () => Deno.writeTextFileSync(`${elsewhere}/file`, ""),
    "write /tmp": () => Deno.writeTextFileSync("/tmp/bulkhead-scribe-probe", ""),
    "look above": () => Deno.lstatSync(`${folders[0]}/..`),
    "move out": () => Deno.renameSync(`${folders[0]}/in`, `${elsewhere}/out`),
    "link": () => Deno.symlinkSync("/etc", `${folders[0]}/link`),
    "run": () => new Deno.Command("/bin/true").outputSync(),
    "connect": () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
    "listen": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    "environment": () => Deno.env.get("HOME"),
    "system": () => Deno.uid(),
    "native code": () => Deno.dlopen("/lib/libc.so.6", {}),
  };
  for (const folder of folders) {
    attempts[`read and write ${folder}`] = () => {
      Deno.writeTextFileSync(`${folder}/in`, "in");
      return Deno.readTextFileSync(`${folder}/in`);
    };
  }
  const results: Record<string, string> = {};
  for (const [name, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      results[name] = "done";
    } catch (error) {
      results[name] = (error as Error).name;
    }
  }
  scope.postMessage(results);
};
