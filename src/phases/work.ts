import type { Config } from "../config/mod.ts";
import { type PhaseName, PHASES } from "./engine.ts";
import { methodOf } from "./self_train_method.ts";

/** A forward pass costs this share of forward and backward. */
const FORWARD = 1 / 3;

/** What a phase has to do. */
export interface PhaseWork {
  /** Training images seen. */
  images: number;
  steps: number;
  /**
   * Computation of a step, in steps of the student on a batch of labelled images.
   * Of the student's phases; teachers have other sizes.
   */
  cost: number;
}

/** The work of each enabled phase, in order. */
export function phaseWork(config: Config): Map<PhaseName, PhaseWork> {
  const { phases, globalBatch } = config;
  return new Map(
    PHASES.filter((phase) => phases[phase].enabled).map((phase) => {
      const images = imagesOf(config, phase);
      const steps = Math.ceil(images / globalBatch);
      const cost = phase === "selfTrain" ? selfTrainCost(phases.selfTrain) : 1;
      return [phase, { images, steps, cost }];
    }),
  );
}

/** By default the baseline sees as many images as the phases it is compared with. */
function imagesOf({ phases }: Config, phase: PhaseName): number {
  const { baseline, classify, selfTrain } = phases;
  if (phase !== "baseline" || baseline.images > 0) return phases[phase].images;
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
