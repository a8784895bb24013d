import { topClasses } from "./rule.ts";

/** Pseudo-labels that hold for a round, from predictions for all unlabelled images. */
export interface RoundLabels {
  /** Row of each image that is learned from; one may come several times. */
  kept: number[];
  /** Class of each of these. */
  labels: number[];
}

/**
 * Keeps the images whose confidence reaches the threshold. With `balance` every
 * class that has any gets the mean count: its surest images, over again where they
 * are too few (Noisy Student, Xie et al. 2020).
 */
export function roundLabels(
  probabilities: ArrayLike<number>,
  options: { classes: number; threshold: number; balance: boolean },
): RoundLabels {
  const { classes, threshold, balance } = options;
  const { labels, confidence } = topClasses(probabilities, classes);
  const kept: number[] = [];
  confidence.forEach((value, row) => {
    if (value >= threshold) kept.push(row);
  });
  if (!balance) return { kept, labels: kept.map((row) => labels[row]!) };
  const byClass = Array.from({ length: classes }, (): number[] => []);
  for (const row of kept) byClass[labels[row]!]!.push(row);
  const filled = byClass.filter((rows) => rows.length > 0);
  const count = Math.ceil(kept.length / Math.max(1, filled.length));
  const balanced = filled.flatMap((rows) => {
    rows.sort((a, b) => confidence[b]! - confidence[a]! || a - b);
    return Array.from({ length: count }, (_, i) => rows[i % rows.length]!);
  });
  return { kept: balanced, labels: balanced.map((row) => labels[row]!) };
}
