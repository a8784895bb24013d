import { loadConfig } from "../../src/config/mod.ts";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { timeRank } from "../../src/phases/mod.ts";
import { Console } from "../console.ts";
import {
  cacheFolderOf,
  GPU_DEFAULTS,
  placeOwn,
  takeGpu,
} from "../launch/mod.ts";
import { parseOptions } from "./options.ts";

const HELP = `Usage: measure-rank --run-dir DIR --rank R --size N

Times steps of one rank of a run without the others, of the configuration in the
run folder: for \`plan --measure\`. Prints one JSON object, milliseconds by phase.

  --run-dir DIR     has config.json, and takes what is written
  --rank R --size N its place, from 0 on, and the number of ranks
  --speeds 2,1      of all ranks, where they divide images by it`;

/** Times steps of one rank; resolves with the exit code. */
export async function measureRank(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, {
    verb: "measure-rank",
    string: ["run-dir", "speeds"],
    number: ["rank", "size"],
    boolean: ["help"],
    positional: 0,
  });
  const terminal = new Console(realEnv);
  if (options.boolean("help")) {
    terminal.result(HELP);
    return 0;
  }
  const runFolder = options.string("run-dir");
  const rank = options.number("rank");
  const size = options.number("size");
  if (runFolder === undefined || rank === undefined || size === undefined) {
    throw new ConfigError(
      "Cannot measure a rank: --run-dir, --rank or --size is missing",
      { hint: "plan --measure starts it" },
    );
  }
  if (rank >= size) {
    throw new ConfigError(`Cannot measure rank ${rank} of ${size} ranks`);
  }
  const path = `${runFolder}/config.json`;
  const config = await loadConfig(realEnv.disk, path);
  takeGpu(
    await placeOwn(realEnv, {
      // It is alone on its GPU, whichever that is.
      wish: { ...GPU_DEFAULTS, bind: "none" },
      localRank: 0,
      folder: `${runFolder}/gpus`,
    }),
  );
  const times = await timeRank({
    env: realEnv,
    config,
    rank,
    size,
    speeds: options.string("speeds")?.split(",").map(Number),
    runFolder,
    cacheFolder: cacheFolderOf(runFolder),
  });
  terminal.result(JSON.stringify(times));
  return 0;
}
