import { checkLayout, locateData } from "../../src/data/mod.ts";
import { ConfigError, type Env } from "../../src/env/mod.ts";
import { checkTask, checkWeights } from "../../src/phases/mod.ts";
import type { RunChoice } from "./run_choice.ts";

/**
 * Looks whether the images, labels and weights that a run begins with are there and
 * fit: found now rather than in the queue, or by a rank after hours of the phases
 * before. A run that has begun has labels and models of its own.
 *
 * @throws {ConfigError} If something is missing or does not fit.
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
  const table = labels === undefined ? undefined : await disk.stat(labels);
  if (labels !== undefined && table?.kind !== "file") {
    throw new ConfigError(
      `Cannot read data.labels ${labels}: it is ${
        table === undefined ? "not there" : "no file"
      }`,
    );
  }
  await checkWeights(disk, config);
}
