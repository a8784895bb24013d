import { fileURLToPath } from "node:url";
const BENCH = fileURLToPath(new URL("../../bench/", import.meta.url));

/**
 * Measures kernels and steps. The bench is a program of its own, with its own
 * packages, so it runs in a process of its own; resolves with its exit code.
 */
export async function bench(args: readonly string[]): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--cached-only",
      // The lock is for installing; what runs is what was installed.
      "--no-lock",
      `--config=${BENCH}deno.json`,
      "--permission-set=bench",
      `${BENCH}main.ts`,
      ...args,
    ],
    stdin: "null",
  }).spawn();
  // Ctrl-C reaches the whole group; the bench decides what it means.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  const { code } = await child.status;
  Deno.removeSignalListener("SIGINT", ignore);
  return code;
}
