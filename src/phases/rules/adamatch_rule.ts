import { alignRows, averageFrom } from "./alignment.ts";
import {
  classMeans,
  mean,
  NO_LABELS,
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  restored,
  restoredAverage,
  type RuleState,
  topClasses,
} from "./rule.ts";

/**
 * AdaMatch (Berthelot et al. 2022): the probabilities aligned to those of labelled
 * images; the threshold is a share of the mean confidence in labelled images.
 */
export class AdaMatchRule implements PseudoLabelRule {
  readonly readsLabelled = true;
  readonly #classes: number;
  readonly #threshold: number;
  readonly #momentum: number;
  /** Moving averages of mean probabilities; empty before the first step. */
  #unlabelled: number[] = [];
  #labelled: number[] = [];
  /** Of the last step. */
  #leastConfidence: number;

  constructor(options: {
    classes: number;
    /** Of the mean confidence in the batch's labelled images. */
    threshold: number;
    momentum: number;
  }) {
    this.#classes = options.classes;
    this.#threshold = options.threshold;
    this.#momentum = options.momentum;
    this.#leastConfidence = options.threshold;
  }

  apply({ weak, labelled = [] }: Predictions): PseudoLabels {
    const classes = this.#classes;
    if (labelled.length === 0) {
      throw new RangeError("Cannot apply AdaMatch without labelled images");
    }
    if (weak.length === 0) return NO_LABELS;
    const m = this.#momentum;
    this.#unlabelled = averageFrom(
      this.#unlabelled,
      classMeans(weak, classes),
      m,
    );
    this.#labelled = averageFrom(
      this.#labelled,
      classMeans(labelled, classes),
      m,
    );
    this.#leastConfidence = this.#threshold *
      mean(topClasses(labelled, classes).confidence);
    return this.judge(weak);
  }

  judge(weak: ArrayLike<number>): PseudoLabels {
    const aligned = alignRows(weak, this.#labelled, this.#unlabelled);
    const { labels, confidence } = topClasses(aligned, this.#classes);
    const weights = Float32Array.from(
      confidence,
      (value) => value >= this.#leastConfidence ? 1 : 0,
    );
    return { labels, weights, confidence };
  }

  leastConfidence(): number {
    return this.#leastConfidence;
  }

  state(): RuleState {
    return {
      least: [this.#leastConfidence],
      unlabelled: [...this.#unlabelled],
      labelled: [...this.#labelled],
    };
  }

  restore(state: RuleState): void {
    this.#leastConfidence = restored("AdaMatch", state, "least", 1)[0]!;
    const average = (name: string) =>
      restoredAverage("AdaMatch", state, name, this.#classes);
    this.#unlabelled = average("unlabelled");
    this.#labelled = average("labelled");
  }
}
