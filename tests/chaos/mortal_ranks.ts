import { fileURLToPath } from "node:url";
import {
  chooseRun,
  gpuOf,
  localStarter,
  rankArguments,
  type Starter,
  trainRun,
  type TrainRunEnd,
} from "../../cluster/launch/mod.ts";
import type { JournalRecord } from "../../cluster/coordinator/mod.ts";
import { placeRanks, surveyGpus } from "../../cluster/gpus/mod.ts";
import { codeHash } from "../../cluster/version.ts";
import { realEnv } from "../../src/env/mod.ts";
import type { Moment } from "./mortal_rank.ts";

const PROGRAM = fileURLToPath(new URL("./mortal_rank.ts", import.meta.url));

/** What a run with deaths came to. */
export interface MortalRun extends TrainRunEnd {
  journal: readonly JournalRecord[];
}

/** Trains on ranks that are processes, each of which dies at its moment. */
export async function trainMortals(
  config: string,
  { folder, overrides, deaths }: {
    folder: string;
    overrides: readonly string[];
    /** Of each rank; nothing for one that lives. */
    deaths: readonly (Moment | undefined)[];
  },
): Promise<MortalRun> {
  const journal: JournalRecord[] = [];
  const end = await trainRun({
    env: realEnv,
    choice: await chooseRun(realEnv, { path: config, folder, overrides }),
    size: deaths.length,
    version: "test",
    code: codeHash(realEnv.disk),
    server: {},
    starter: deaths.some((death) => death !== undefined)
      ? mortalStarter(deaths)
      : localStarter(),
    observer: {
      onRecord: (record) => void journal.push(record),
      onProgress: () => {},
      onWarning: () => {},
    },
    onPlan: () => {},
    onStart: () => {},
    onStoppable: () => {},
  });
  return { ...end, journal };
}

function mortalStarter(deaths: readonly (Moment | undefined)[]): Starter {
  return {
    async start(about) {
      const { env, gpus, runFolder } = about;
      const lookup = (name: string) => Deno.env.get(name);
      const survey = await surveyGpus(env, { wish: gpus.adapter, lookup });
      const placements = await placeRanks(env, survey, {
        ...gpus,
        localRanks: [...deaths.keys()],
        localSize: deaths.length,
        folder: `${runFolder}/gpus`,
        lookup,
      });
      return deaths.map((death, rank) => {
        const { variables, gpu } = placements[rank]!;
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--quiet",
            "--allow-all",
            "--no-check",
            "--cached-only",
            PROGRAM,
            ...rankArguments(about, rank),
            `--gpu=${JSON.stringify(gpuOf(gpu))}`,
          ],
          env: {
            ...variables,
            LP_NUM_THREADS: "1",
            SIGNET_TUNING: "",
            ...(death === undefined ? {} : { DEATH: JSON.stringify(death) }),
          },
          stdin: "piped",
          stdout: "null",
          stderr: "inherit",
        }).spawn();
        return {
          rank,
          pid: child.pid,
          exited: child.status,
          kill: () => {
            try {
              child.kill("SIGKILL");
            } catch {
              // It has ended by itself.
            }
          },
        };
      });
    },
  };
}
