/** How the threshold rises: steadily, mostly at the start, or mostly at the end. */
export type AnnealingSchedule = "linear" | "log" | "exp";

/** Steepness of the bent schedules, as published. */
const STEEPNESS = 5;

/**
 * Confidence above which a labelled image is left out, at a share of the phase:
 * from chance to 1.
 */
export function annealingThreshold(
  schedule: AnnealingSchedule,
  progress: number,
  classes: number,
): number {
  const part = {
    linear: progress,
    log: 1 - Math.exp(-STEEPNESS * progress),
    exp: Math.exp(STEEPNESS * (progress - 1)),
  }[schedule];
  return 1 / classes + part * (1 - 1 / classes);
}

/**
 * Training signal annealing (UDA, Xie et al. 2020): labelled images whose class the
 * model is surer of than the threshold do not count, the others share the weight.
 */
export function annealedWeights(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  options: { classes: number; threshold: number },
): Float32Array<ArrayBuffer> {
  const { classes, threshold } = options;
  const weights = Float32Array.from(
    labels,
    (label, i) => probabilities[i * classes + label]! > threshold ? 0 : 1,
  );
  const kept = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight * labels.length / Math.max(1, kept));
}
