import { fileURLToPath } from "node:url";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import type { Machine } from "./machine.ts";

const RECORDS = fileURLToPath(new URL("../records/", import.meta.url));

/** What is kept of a run. */
export interface RecordOptions {
  name: string;
  result: { machine: Machine; command: string; [detail: string]: unknown };
  /** The table as it was printed. */
  lines: readonly string[];
}

/**
 * Writes `records/<date>_<name>/`: the JSON of each command under the bench's
 * name, and a README that is begun here and completed by hand. A second command
 * on the same day adds to the folder.
 */
export async function writeRecord(
  { name, result, lines }: RecordOptions,
): Promise<string> {
  if (!/^[a-z0-9][a-z0-9_-]{0,63}$/.test(name)) {
    throw new ConfigError(`Cannot record as ${name}: it is no name`, {
      hint: "lower-case letters, digits, _ and -",
    });
  }
  const { machine, command } = result;
  const folder = `${RECORDS}${machine.date.slice(0, 10)}_${name}`;
  const verb = command.split(" ")[1] ?? "bench";
  await realEnv.disk.makeFolder(folder);
  await realEnv.disk.write(
    `${folder}/${verb}.json`,
    `${JSON.stringify(result, null, 2)}\n`,
  );
  const readme = `${folder}/README.md`;
  const before = await realEnv.disk.stat(readme)
    ? await realEnv.disk.readText(readme)
    : head(name, machine);
  await realEnv.disk.write(
    readme,
    [
      before.trimEnd(),
      "",
      `## deno task ${command}`,
      "",
      `Load average at the start: ${
        machine.load.toFixed(1)
      }. All figures: [${verb}.json](${verb}.json).`,
      "",
      "```",
      ...lines,
      "```",
      "",
    ].join("\n"),
  );
  return folder;
}

function head(name: string, machine: Machine): string {
  return [
    `# ${name}`,
    "",
    "| | |",
    "| --- | --- |",
    `| CPU | ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gib} GiB |`,
    `| adapter | ${machine.adapter} |`,
    `| Mesa | ${machine.mesa ?? "-"} |`,
    `| system | ${machine.os} |`,
    `| Deno | ${machine.deno} |`,
    `| commit | ${machine.commit ?? "-"}${
      machine.modified ? ", modified" : ""
    } |`,
    `| date | ${machine.date} |`,
    "",
  ].join("\n");
}
