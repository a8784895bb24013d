import { topClasses } from "./rule.ts";

/** How predictions of several models become one. */
export type Combination = "mean" | "vote";

/**
 * Class probabilities of several models together, `[rows, classes]`: their mean, or
 * the share of the models whose top class it is.
 */
export function combineModels(
  models: readonly ArrayLike<number>[],
  { classes, kind }: { classes: number; kind: Combination },
): Float64Array<ArrayBuffer> {
  const combined = new Float64Array(models[0]?.length ?? 0);
  for (const probabilities of models) {
    if (kind === "mean") {
      for (let i = 0; i < combined.length; i++) {
        combined[i]! += probabilities[i]! / models.length;
      }
    } else {
      topClasses(probabilities, classes).labels.forEach((label, row) => {
        combined[row * classes + label]! += 1 / models.length;
      });
    }
  }
  return combined;
}
