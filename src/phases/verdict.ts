import { percent } from "../evaluation/mod.ts";
import type { PhaseName, PhaseSummary } from "./engine.ts";

/** Which phase's model is the result of the run, and why. */
export interface Verdict {
  phase: PhaseName | undefined;
  reason: string;
}

type Summaries = Partial<Record<PhaseName, PhaseSummary>>;

const NAMES: Readonly<Record<PhaseName, string>> = {
  teacher: "the teacher",
  teacher2: "the second teacher",
  teacher3: "the third teacher",
  teacher4: "the fourth teacher",
  distill: "the distilled student",
  classify: "ST-Class",
  selfTrain: "self-training",
  baseline: "labels alone",
};

/**
 * Chooses by validation, never by the test split: the self-trained model where it is
 * better than the classifier it started from, and neither where training on the
 * labels alone is better. Equal means that the start is kept.
 */
export function decideShipped(phases: Summaries): Verdict {
  const chain = chooseOfChain(phases);
  const { baseline } = phases;
  const labels = baseline?.val_accuracy;
  if (chain.phase === undefined) {
    return baseline
      ? { phase: "baseline", reason: "no other phase trained a classifier" }
      : phases.teacher
      ? { phase: "teacher", reason: "no self-training in this run" }
      : chain;
  }
  const own = phases[chain.phase]?.val_accuracy;
  if (labels !== undefined && own !== undefined && labels > own) {
    return {
      phase: "baseline",
      reason: `labels alone are better on validation: ${percent(labels)}, ${
        NAMES[chain.phase]
      } ${percent(own)}`,
    };
  }
  return baseline === undefined && phases.selfTrain !== undefined
    ? {
      ...chain,
      reason:
        `${chain.reason}; not compared with labels alone (phases.baseline)`,
    }
    : chain;
}

/** Of ST-Class, or what distillation made a classifier, and what self-training made of it. */
function chooseOfChain(phases: Summaries): Verdict {
  const { classify, selfTrain, baseline } = phases;
  if (selfTrain === undefined) {
    const phase = (["classify", "distill"] as const)
      .find((name) => phases[name]?.test_accuracy !== undefined);
    return {
      phase,
      reason: phase
        ? "no self-training in this run"
        : "no phase trained a classifier",
    };
  }
  const refused = selfTrain.refused ?? selfTrain.stopped;
  const because = typeof refused === "string" ? ` (${refused})` : "";
  if (selfTrain.best_step === 0 && classify) {
    return {
      phase: "classify",
      reason:
        `tie: no step of self-training was better on validation than its start, so the start, ST-Class, is kept${because}`,
    };
  }
  const [own, start] = [selfTrain.val_accuracy, classify?.val_accuracy];
  if (own !== undefined && start !== undefined && own < start) {
    return {
      phase: "classify",
      reason: `self-training is worse on validation: ${percent(own)} after ${
        percent(start)
      }`,
    };
  }
  if (own === undefined) {
    return {
      phase: "selfTrain",
      reason:
        `unguarded: without validation images (data.validationPerClass) it is compared neither with its start nor with labels alone${because}`,
    };
  }
  const tested = (["selfTrain", "classify", "baseline"] as const)
    .flatMap((name) => {
      const accuracy = phases[name]?.test_accuracy;
      return accuracy === undefined
        ? []
        : `${NAMES[name]} ${percent(accuracy)}`;
    });
  return {
    phase: "selfTrain",
    reason: `best on validation with ${percent(own)}${
      start === undefined ? "" : ` after ${percent(start)}`
    }${
      baseline?.val_accuracy === undefined
        ? ""
        : `, labels alone ${percent(baseline.val_accuracy)}`
    }; on the test split ${tested.join(", ")}${because}`,
  };
}
