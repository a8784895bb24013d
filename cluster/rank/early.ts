import { parseConfig } from "../../src/config/mod.ts";
import { type Env, EnvironmentError } from "../../src/env/mod.ts";
import {
  type EarlyOptions,
  type EarlyStart,
  startEarly,
} from "../../src/phases/mod.ts";

/**
 * Begins what a rank can do before it has joined, unless the run's configuration
 * cannot be used: joining reports that.
 */
export async function beginEarly(
  options: Omit<EarlyOptions, "config">,
): Promise<EarlyStart | undefined> {
  const { env, runFolder } = options;
  try {
    const { text, path } = await readRunConfig(env, runFolder);
    return startEarly({
      ...options,
      config: parseConfig(JSON.parse(text), path),
    });
  } catch {
    return undefined;
  }
}

/** The resolved configuration of a run, as it is stored. */
export async function readRunConfig(
  { disk }: Env,
  runFolder: string,
): Promise<{ text: string; path: string }> {
  const path = `${runFolder}/config.json`;
  if (await disk.stat(path) === undefined) {
    throw new EnvironmentError(`Cannot join the run: ${path} is not there`, {
      hint:
        "the run folder must lie on a disk that all machines share, in the same place: --run-dir DIR",
    });
  }
  return { text: await disk.readText(path), path };
}
