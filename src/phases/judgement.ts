import type { Config } from "../config/mod.ts";
import {
  type PseudoLabelRule,
  type PseudoLabels,
  roundLabels,
  topClasses,
} from "./rules/mod.ts";
import type { Method } from "./self_train_method.ts";

/** Labels of images, and why those of weight 0 are not used. */
export interface Judgement extends PseudoLabels {
  whyNot(image: number): string;
}

/** How images would be labelled and used now, from `[images, classes]`. */
export function judgeImages(
  probabilities: ArrayLike<number>,
  { classes, rule, method, options, floor }: {
    classes: number;
    /** Absent where rounds label, or nothing does. */
    rule: PseudoLabelRule | undefined;
    method: Method;
    options: Config["phases"]["selfTrain"];
    /** Confidence below which no label is used, whatever else. */
    floor: number;
  },
): Judgement {
  if (rule !== undefined) {
    const judged = rule.judge(probabilities);
    const weights = judged.weights.map((weight, i) =>
      judged.confidence[i]! < floor ? 0 : weight
    );
    return {
      ...judged,
      weights,
      whyNot(image) {
        const label = judged.labels[image]!;
        const least = Math.max(rule.leastConfidence(label), floor);
        return least > 0 ? below(least) : "confidence far below the mean";
      },
    };
  }
  const { labels, confidence } = topClasses(probabilities, classes);
  const weights = new Float32Array(labels.length);
  if (method.labels.when === "never") {
    const reason = `${options.method} uses no labels`;
    return { labels, confidence, weights, whyNot: () => reason };
  }
  const { threshold, balance } = roundOptions(options, floor);
  const { kept } = roundLabels(probabilities, { classes, threshold, balance });
  for (const image of kept) weights[image] = 1;
  return {
    labels,
    confidence,
    weights,
    whyNot: (image) =>
      confidence[image]! < threshold
        ? below(threshold)
        : "enough surer images of its class",
  };
}

/** How a round picks its images. */
export function roundOptions(
  { method, threshold, noisyStudent }: Config["phases"]["selfTrain"],
  floor: number,
) {
  const noisy = method === "noisy-student";
  return {
    threshold: Math.max(threshold, floor),
    balance: noisy && noisyStudent.balance,
    soft: noisy && noisyStudent.labels === "soft",
  };
}

function below(least: number): string {
  return `confidence below ${Number(least.toFixed(4))}`;
}
