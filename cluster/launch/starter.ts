import type { Env } from "../../src/env/mod.ts";
import type { JournalRecord, RankHandle } from "../coordinator/mod.ts";
import {
  type Placement,
  placeRanks,
  type Survey,
  surveyGpus,
} from "../gpus/mod.ts";
import type { Control } from "../links/mod.ts";
import type { Subjects } from "../protocol.ts";
import { corePlaces, coresEach, ownCores } from "./core_places.ts";
import { spawnRank } from "./local.ts";
import { gpuOf, type GpuWish } from "./own_gpu.ts";
import type { RunServer } from "./run_server.ts";

/** A rank whose process can be watched from here. */
export interface StartedRank extends RankHandle {
  /** Process id, on this machine. */
  readonly pid?: number;
  /** Newest lines that it printed; left out, they are in its file of the log folder. */
  readonly tail?: readonly string[];
}

/** What is known when the ranks are to be started. */
export interface StartAbout {
  env: Env;
  size: number;
  runFolder: string;
  cacheFolder: string;
  /** Id of this life of the run. */
  life: string;
  server: RunServer;
  control: Control;
  subjects: Subjects;
  /** What the ranks are to compute on. */
  gpus: GpuWish;
}

/** How the ranks of a run come to be: here, by srun, through ssh, by themselves. */
export interface Starter {
  /** For people, as in `ranks by srun on 4 nodes`; left out, process ids tell. */
  readonly about?: string;
  /** Ranks come when someone starts them: there is no telling how soon. */
  readonly waits?: true;
  /**
   * Address on which ranks of other machines reach the run's server. With it the
   * other nodes have servers of their own, clustered with this one.
   */
  readonly host?: string | undefined;
  /** Name of this machine among the nodes. */
  readonly node?: string;
  /** Address of each other node, where it is known beforehand. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** A decision was journalled. */
  onRecord?(record: JournalRecord): void;
  /** Ranks that are left out come by themselves. */
  start(about: StartAbout): Promise<readonly StartedRank[]>;
}

/** Arguments of the verb `rank` for a rank that this process starts. */
export function rankArguments(about: StartAbout, rank: number): string[] {
  const { size, runFolder, cacheFolder, server } = about;
  return [
    `--join=${server.url}`,
    `--rank=${rank}`,
    `--size=${size}`,
    `--run-dir=${runFolder}`,
    `--cache-dir=${cacheFolder}`,
    `--credentials=${server.credentialsFile}`,
    "--attached",
  ];
}

/** Which ranks this machine starts, and where. */
export interface LocalRanks {
  /** Left out, all of the world. */
  ranks?: readonly number[];
  /**
   * Each rank runs on so many cores of its own, with 0 on all. Left out, on an even
   * share of them if all compute on the CPU.
   */
  coresPerRank?: number | undefined;
  /** What this machine computes on, where that is known already. */
  survey?: Survey;
}

/** Starts ranks as processes of this machine, each with a GPU of its own. */
export function localStarter(
  { ranks, coresPerRank, survey }: LocalRanks = {},
): Starter {
  return {
    async start(about) {
      const { size, runFolder, cacheFolder, server } = about;
      const here = ranks ?? Array.from({ length: size }, (_, rank) => rank);
      const placements = await placeHere(about, here, survey);
      const cpu = placements.every(({ gpu }) => gpu.kind === "cpu");
      const places = coresPerRank
        ? await corePlaces(here.length, coresPerRank)
        : coresPerRank === undefined && cpu
        ? await ownCores(here.length)
        : undefined;
      return here.map((rank, i) => {
        const { variables, before, gpu } = placements[i]!;
        return spawnRank({
          rank,
          args: [
            ...rankArguments(about, rank),
            `--gpu=${JSON.stringify(gpuOf(gpu))}`,
          ],
          output: `${runFolder}/logs/rank-${rank}.stderr`,
          runFolder,
          cacheFolder,
          server: server.address,
          elsewhere: here.length < size,
          threads: coresPerRank || coresEach(here.length),
          ...(places === undefined ? {} : { cores: places[i]! }),
          variables,
          ...(before === undefined ? {} : { before }),
        });
      });
    },
  };
}

/** A GPU for each rank of this machine. */
async function placeHere(
  { env, runFolder, gpus }: StartAbout,
  ranks: readonly number[],
  survey?: Survey,
): Promise<Placement[]> {
  const lookup = (name: string) => Deno.env.get(name);
  const seen = survey ?? await surveyGpus(env, { wish: gpus.adapter, lookup });
  return await placeRanks(env, seen, {
    ...gpus,
    localRanks: ranks.map((_, localRank) => localRank),
    localSize: ranks.length,
    startsBehind: true,
    folder: `${runFolder}/gpus`,
    lookup,
  });
}
