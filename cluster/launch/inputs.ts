import type { Config } from "../../src/config/mod.ts";
import { checkLayout, locateData } from "../../src/data/mod.ts";
import { ConfigError, type Env } from "../../src/env/mod.ts";
import { checkTask } from "../../src/phases/mod.ts";
import type { RunChoice } from "./run_choice.ts";

/**
 * Looks whether the images, labels and weights that a run begins with are there:
 * found missing now rather than in the queue, or by a rank after hours of the phases
 * before. A run that has begun has labels and models of its own.
 *
 * @throws {ConfigError} If something is missing.
 */
export async function checkInputs(
  { disk }: Pick<Env, "disk">,
  { config, resumed }: Pick<RunChoice, "config" | "resumed">,
): Promise<void> {
  const { kind, path, labels } = config.data;
  if (resumed) {
    await locateData(disk, { kind, path });
    return;
  }
  const found = await checkLayout(disk, { ...config.data, seed: config.seed });
  if (found !== undefined) checkTask(config, found);
  if (labels !== undefined && !await disk.stat(labels)) {
    throw new ConfigError(`Cannot read data.labels ${labels}: it is not there`);
  }
  for (const [key, weights] of weightsOf(config)) {
    if ((await disk.stat(weights))?.kind === "file") continue;
    throw new ConfigError(
      `Cannot load ${key} ${weights}: there is no such file`,
      {
        hint:
          "deno task import FILE writes it from a model of timm or Hugging Face",
      },
    );
  }
}

/** The weights that its phases load, by their keys. */
function weightsOf(
  { teacher, teachers, student, phases }: Config,
): [key: string, path: string][] {
  const { distill, selfTrain } = phases;
  const taught = distill.enabled || phases.teacher.enabled;
  return [
    ["student.weights", student.weights],
    ["teacher.weights", taught ? teacher.weights : undefined],
    ...(distill.enabled ? teachers : []).map(({ weights }, i) => [
      `teachers.${i}.weights`,
      weights,
    ]),
    ...(selfTrain.enabled ? selfTrain.voters : []).map(({ weights }, i) => [
      `voters.${i}.weights`,
      weights,
    ]),
  ].filter((entry): entry is [string, string] => entry[1] !== undefined);
}
