import type { Placement } from "../gpus/mod.ts";
import { type RankProcess, spawnRank } from "./local.ts";
import { gpuOf } from "./own_gpu.ts";

/** A rank that has found its run and its GPU. */
export interface BehindOptions {
  rank: number;
  size: number;
  runFolder: string;
  cacheFolder: string;
  /** File with its credentials. */
  credentials: string;
  /** Address of its server. */
  url: string;
  placement: Placement;
}

/**
 * Goes on with a rank in a process of its own, behind the words that close the GPUs
 * of others to it: a process that runs cannot be put behind them. The rank ends when
 * this process does.
 */
export function rankBehind(
  { rank, size, runFolder, cacheFolder, credentials, url, placement }:
    BehindOptions,
): RankProcess {
  const { variables, before = [], gpu } = placement;
  return spawnRank({
    rank,
    args: [
      `--join=${url}`,
      `--rank=${rank}`,
      `--size=${size}`,
      `--run-dir=${runFolder}`,
      `--cache-dir=${cacheFolder}`,
      `--credentials=${credentials}`,
      `--gpu=${JSON.stringify(gpuOf(gpu))}`,
      "--attached",
    ],
    output: `${runFolder}/logs/rank-${rank}.stderr`,
    runFolder,
    cacheFolder,
    server: new URL(url).host,
    elsewhere: true,
    variables,
    before,
  });
}
