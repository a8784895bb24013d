import type { Config } from "../config/mod.ts";
import type { PhaseName } from "./engine.ts";
import { methodOf } from "./self_train_method.ts";
import {
  enabledPhases,
  isTeacher,
  sectionOf,
  trainedTeachers,
} from "./teachers.ts";

/** Side of images whose size is known with the data only. */
const USUAL_IMAGE = 32;

/** A forward pass costs this share of forward and backward. */
const FORWARD = 1 / 3;

/** What a phase has to do. */
export interface PhaseWork {
  /** Training images seen. */
  images: number;
  steps: number;
  /** Computation of a step, in steps of the student on a batch of labelled images. */
  cost: number;
}

/** The work of each enabled phase, in order. */
export function phaseWork(config: Config): Map<PhaseName, PhaseWork> {
  return new Map(
    enabledPhases(config).map((phase) => {
      const images = imagesOf(config, phase);
      const steps = Math.ceil(images / config.globalBatch);
      return [phase, { images, steps, cost: costOf(config, phase) }];
    }),
  );
}

function costOf(config: Config, phase: PhaseName): number {
  if (phase === "selfTrain") return selfTrainCost(config.phases.selfTrain);
  if (!isTeacher(phase)) return 1;
  const trained = trainedTeachers(config).find((each) => each.phase === phase);
  const { teacher, teachers, student } = config;
  const { patch = teacher.patch, dim = teacher.dim, depth = teacher.depth } =
    trained ? teachers[trained.index]! : teacher;
  return products({ patch, dim, depth }, config) / products(student, config);
}

/** Multiplications of a forward pass, but for a factor. */
function products(
  { patch, dim, depth }: Pick<Config["teacher"], "patch" | "dim" | "depth">,
  { data }: Config,
): number {
  const tokens = ((data.imageSize || USUAL_IMAGE) / patch) ** 2 + 1;
  return depth * tokens * dim * (6 * dim + tokens);
}

/** By default the baseline sees as many images as the phases it is compared with. */
function imagesOf({ phases }: Config, phase: PhaseName): number {
  const { baseline, classify, selfTrain } = phases;
  if (phase !== "baseline" || baseline.images > 0) {
    return phases[sectionOf(phase)].images;
  }
  const same = (classify.enabled ? classify.images : 0) +
    (selfTrain.enabled ? selfTrain.images : 0);
  return same || classify.images;
}

/** Beside the batch itself, the weak views of its unlabelled images. */
function selfTrainCost(options: Config["phases"]["selfTrain"]): number {
  const { unlabelledRatio } = options;
  const { labels, consistency } = methodOf(options);
  return labels.when === "step" || consistency > 0
    ? 1 + FORWARD * unlabelledRatio / (1 + unlabelledRatio)
    : 1;
}
