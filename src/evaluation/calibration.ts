import { rowsOf } from "./probabilities.ts";

/** Images whose top confidence lies in `(low, high]`. */
export interface ReliabilityBin {
  low: number;
  high: number;
  count: number;
  /** Mean top confidence; 0 in an empty bin. */
  confidence: number;
  /** Share of right predictions; 0 in an empty bin. */
  accuracy: number;
}

/** Bins of equal width over the top confidence of each row. */
export function reliability(
  probabilities: ArrayLike<number>,
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  { classes, bins }: { classes: number; bins: number },
): ReliabilityBin[] {
  const rows = rowsOf(probabilities, classes);
  const result = Array.from({ length: bins }, (_, b): ReliabilityBin => ({
    low: b / bins,
    high: (b + 1) / bins,
    count: 0,
    confidence: 0,
    accuracy: 0,
  }));
  for (let row = 0; row < rows; row++) {
    const confidence = probabilities[row * classes + predictions[row]!]!;
    const bin = result[Math.max(0, Math.ceil(confidence * bins) - 1)];
    if (!bin) continue;
    bin.count++;
    bin.confidence += confidence;
    bin.accuracy += predictions[row] === labels[row] ? 1 : 0;
  }
  for (const bin of result) {
    bin.confidence /= bin.count || 1;
    bin.accuracy /= bin.count || 1;
  }
  return result;
}

/** Expected calibration error: mean gap between confidence and accuracy. */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  let sum = 0;
  let count = 0;
  for (const bin of bins) {
    sum += bin.count * Math.abs(bin.confidence - bin.accuracy);
    count += bin.count;
  }
  return count === 0 ? 0 : sum / count;
}
