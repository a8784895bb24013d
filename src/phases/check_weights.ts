import type { Config } from "../config/mod.ts";
import { ConfigError, type Disk } from "../env/mod.ts";
import { matchWeights, type VitConfig, vitSegments } from "../model/mod.ts";
import {
  furtherConfig,
  type Sized,
  studentConfig,
  teacherConfig,
} from "./context.ts";
import { readWeightShapes } from "./read_weights.ts";

/**
 * Looks whether the weights that a configuration names are there and fit the
 * backbones of their models, whatever the images are: heads of other classes start
 * anew, and positions are resized.
 *
 * @throws {ConfigError} If a file is missing, damaged or of another model.
 */
export async function checkWeights(disk: Disk, config: Config): Promise<void> {
  for (const { role, path, size } of weightsOf(config)) {
    const key = `${role}.weights`;
    if ((await disk.stat(path))?.kind !== "file") {
      throw new ConfigError(
        `Cannot load ${key} ${path}: there is no such file`,
        {
          hint:
            "deno task import FILE writes it from a model of timm or Hugging Face",
        },
      );
    }
    const shapes = await readWeightShapes(disk, role, path);
    try {
      matchWeights(shapes, { config: size, segments: vitSegments(size) });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(
        `${error.message} (${key} ${path})`,
        error.hint === undefined ? {} : { hint: error.hint },
      );
    }
  }
}

/** The weights that its phases load, with the models that they are for. */
function weightsOf(
  config: Config,
): { role: string; path: string; size: VitConfig }[] {
  const { teacher, teachers, student, phases } = config;
  const { distill, selfTrain } = phases;
  const taught = distill.enabled || phases.teacher.enabled;
  const voters = selfTrain.enabled ? selfTrain.voters : [];
  const further = distill.enabled ? teachers : [];
  const sized = (patch: number): Sized => ({
    config,
    data: { classNames: [], train: { height: patch } },
  });
  return [
    {
      role: "student",
      path: student.weights,
      size: studentConfig(sized(student.patch)),
    },
    {
      role: "teacher",
      path: taught ? teacher.weights : undefined,
      size: teacherConfig(sized(teacher.patch)),
    },
    ...further.map((own, i) => ({
      role: `teachers.${i}`,
      path: own.weights,
      size: furtherConfig(sized(own.patch ?? teacher.patch), "teacher", own),
    })),
    ...voters.map((own, i) => ({
      role: `voters.${i}`,
      path: own.weights,
      size: furtherConfig(sized(own.patch ?? student.patch), "student", own),
    })),
  ].flatMap(({ path, ...model }) =>
    path === undefined ? [] : [{ path, ...model }]
  );
}
