import { type Env, EnvironmentError } from "../../src/env/mod.ts";
import { FreshRun } from "../launch/mod.ts";
import { slurm } from "./command.ts";
import { batchScript, type ScriptOptions } from "./script.ts";

/** The script of a job of a chain of so many. */
export function chainScript(
  options: ScriptOptions,
  job: number,
  jobs: number,
): string {
  return batchScript(
    jobs === 1 ? options : { ...options, chain: { job, jobs } },
  );
}

/**
 * Writes the scripts of a chain of jobs into the run folder and submits them,
 * each to start when the one before has ended; resolves with their ids. Refused, it
 * leaves no folder.
 */
export async function submit(
  env: Env,
  runFolder: string,
  options: ScriptOptions,
  jobs: number,
): Promise<string[]> {
  await using fresh = await FreshRun.at(env.disk, runFolder);
  // SLURM opens the log before anything of ours runs.
  await env.disk.makeFolder(runFolder);
  const ids: string[] = [];
  for (let job = 1; job <= jobs; job++) {
    const file = `${runFolder}/job-${job}.sbatch`;
    await env.disk.write(file, chainScript(options, job, jobs));
    const before = ids.at(-1);
    const answer = await slurm("sbatch", [
      "--parsable",
      ...(before === undefined ? [] : [`--dependency=afterany:${before}`]),
      file,
    ]).catch((error) => {
      if (before === undefined || !(error instanceof EnvironmentError)) {
        throw error;
      }
      throw new EnvironmentError(error.message, {
        cause: error,
        hint: `the jobs before it are in the queue: scancel ${ids.join(" ")}`,
      });
    });
    // `id;cluster` in a federation.
    ids.push(answer.split(";")[0]!);
    fresh.kept = true;
  }
  return ids;
}
