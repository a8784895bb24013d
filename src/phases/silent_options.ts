import { silentCommunicator } from "../training/mod.ts";
import type { EngineOptions } from "./engine.ts";

/** For phases that are only recorded: nobody else is there, and nothing is said. */
export function silentOptions(
  { env, config, rank, size }: Pick<EngineOptions, "env" | "config"> & {
    rank: number;
    size: number;
  },
): EngineOptions {
  return {
    env,
    config,
    communicator: silentCommunicator(rank, size),
    runFolder: "",
    cacheFolder: "",
    stopRequested: () => false,
    onProgress: () => {},
    onStep: () => {},
    log: () => {},
  };
}
