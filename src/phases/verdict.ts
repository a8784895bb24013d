import type { PhaseName, PhaseSummary } from "./engine.ts";

/** Which phase's model is the result of the run, and why. */
export interface Verdict {
  phase: PhaseName | undefined;
  reason: string;
}

/** How far, as a share, self-training may fall below ST-Class on the test split. */
const TOLERATED_LOSS = 0.005;

/**
 * Ships the self-trained model only when it is no worse on validation than the
 * classifier it started from, within half a point of it on the test split, and
 * better than training on the labels alone.
 */
export function decideShipped(
  phases: Partial<Record<PhaseName, PhaseSummary>>,
): Verdict {
  const { teacher, classify, selfTrain, baseline } = phases;
  const percent = (value = Number.NaN) => `${(100 * value).toFixed(1)} %`;
  const fallback: PhaseName | undefined = classify
    ? "classify"
    : baseline
    ? "baseline"
    : teacher
    ? "teacher"
    : undefined;
  if (selfTrain?.test_accuracy === undefined) {
    return {
      phase: fallback,
      reason: fallback === undefined
        ? "no phase trained a classifier"
        : "no self-training in this run",
    };
  }
  const { test_accuracy: test, val_accuracy: validation } = selfTrain;
  const start = classify ?? {};
  if (
    validation !== undefined && start.val_accuracy !== undefined &&
    validation < start.val_accuracy
  ) {
    return {
      phase: fallback,
      reason: `self-training is worse on validation: ${
        percent(validation)
      } after ${percent(start.val_accuracy)}`,
    };
  }
  if (
    start.test_accuracy !== undefined &&
    test < start.test_accuracy - TOLERATED_LOSS
  ) {
    return {
      phase: fallback,
      reason: `self-training lost on the test split: ${percent(test)} after ${
        percent(start.test_accuracy)
      }`,
    };
  }
  if (
    baseline?.test_accuracy !== undefined && test <= baseline.test_accuracy
  ) {
    const better = start.test_accuracy === undefined ||
        baseline.test_accuracy > start.test_accuracy
      ? "baseline"
      : fallback;
    return {
      phase: better,
      reason: `self-training is not better than the labels alone: ${
        percent(test)
      }, baseline ${percent(baseline.test_accuracy)}`,
    };
  }
  return {
    phase: "selfTrain",
    reason: `self-training ${percent(test)}` +
      (start.test_accuracy === undefined
        ? ""
        : `, ST-Class ${percent(start.test_accuracy)}`) +
      (baseline?.test_accuracy === undefined
        ? ""
        : `, labels alone ${percent(baseline.test_accuracy)}`),
  };
}
