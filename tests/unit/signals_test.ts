import { deepStrictEqual } from "node:assert";
import { productFiles } from "../helpers/import_graph.ts";

/** Words of a shell or TypeScript file that listen to or send the signal. */
const SIGNAL = /\b(?:SIG)?USR1\b/;
const COMMENT = /^\s*(?:\/\/|\/?\*|#)/;

async function shellFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) found.push(...await shellFiles(`${folder}/${name}`));
    else if (/\.(?:sh|sbatch)$/.test(name)) found.push(`${folder}/${name}`);
  }
  return found;
}

Deno.test("nothing listens to SIGUSR1 or sends it: a Deno process that listens opens its inspector", async () => {
  const files = [...await productFiles(), ...await shellFiles("cluster")];
  const lines: string[] = [];
  for (const file of files) {
    const text = await Deno.readTextFile(file);
    text.split("\n").forEach((line, i) => {
      const code = line.replace(/\/\*\*.*\*\//, "");
      if (SIGNAL.test(code) && !COMMENT.test(code)) {
        lines.push(`${file}:${i + 1}: ${line.trim()}`);
      }
    });
  }
  // SLURM's own signal is caught by the shell of a batch script, never by Deno.
  const traps = lines.filter((line) =>
    !/\.(?:sh|sbatch):\d+: (?:trap\b|#SBATCH --signal=B:)/.test(line)
  );
  deepStrictEqual(traps, []);
});
