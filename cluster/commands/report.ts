import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { writeReport, writeTensorBoard } from "../../src/report/mod.ts";
import { RunFolder } from "../../src/run/mod.ts";
import { Console } from "../console.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: report RUN [options]

Writes RUN/report.html again from the plain files of a run folder, also of a run
that is still going on or was copied from elsewhere.

  --without-pictures   no thumbnails, for data that must not leave
  --tensorboard        also writes RUN/tensorboard/, for tensorboard --logdir RUN
  --json               one JSON object on stdout

Example:
  deno task report runs/2026-11-24-1412-default
`;

/** The `report` verb: prints the path of the page. */
export async function report(args: readonly string[]): Promise<number> {
  const console = new Console(realEnv);
  const options = parseOptions(args, {
    verb: "report",
    boolean: ["without-pictures", "tensorboard", "json", "help"],
    positional: 1,
  });
  if (options.boolean("help")) {
    console.result(HELP);
    return 0;
  }
  const [folder] = options.positional;
  if (folder === undefined) {
    throw new ConfigError("Cannot write a report: no run folder given", {
      hint: "deno task report runs/NAME",
    });
  }
  const run = await RunFolder.open(realEnv.disk, folder.replace(/\/+$/, ""));
  const path = await writeReport(realEnv.disk, run.path, {
    pictures: !options.boolean("without-pictures"),
  });
  const tensorboard = options.boolean("tensorboard")
    ? await writeTensorBoard(realEnv.disk, run.path)
    : undefined;
  if (options.boolean("json")) {
    console.result(JSON.stringify({ report: path, tensorboard }));
    return 0;
  }
  console.result(path);
  if (tensorboard !== undefined) console.result(tensorboard);
  return 0;
}
