import { alignRows, averageFrom } from "./alignment.ts";
import {
  classMeans,
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  restoredAverage,
  type RuleState,
  sharpen,
  topClasses,
} from "./rule.ts";

/**
 * ReMixMatch (Berthelot et al. 2020): the probabilities aligned to the class
 * frequencies of the labels, then sharpened; every image counts.
 */
export class ReMixMatchRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #prior: readonly number[];
  readonly #momentum: number;
  readonly #temperature: number;
  /** Moving average of the mean probabilities; empty before the first step. */
  #p: number[] = [];

  constructor(options: {
    /** Share of each class among the labels. */
    prior: readonly number[];
    momentum: number;
    /** Below 1 sharpens. */
    temperature: number;
  }) {
    this.#prior = options.prior;
    this.#momentum = options.momentum;
    this.#temperature = options.temperature;
  }

  apply({ weak }: Predictions): PseudoLabels {
    const classes = this.#prior.length;
    if (weak.length > 0) {
      const means = classMeans(weak, classes);
      this.#p = averageFrom(this.#p, means, this.#momentum);
    }
    return this.judge(weak);
  }

  judge(weak: ArrayLike<number>): PseudoLabels {
    const classes = this.#prior.length;
    const aligned = alignRows(weak, this.#prior, this.#p);
    const targets = sharpen(aligned, classes, this.#temperature);
    const { labels, confidence } = topClasses(targets, classes);
    return {
      labels,
      weights: new Float32Array(labels.length).fill(1),
      confidence,
      targets: Float32Array.from(targets),
    };
  }

  leastConfidence(): number {
    return 0;
  }

  state(): RuleState {
    return { p: [...this.#p] };
  }

  restore(state: RuleState): void {
    this.#p = restoredAverage("ReMixMatch", state, "p", this.#prior.length);
  }
}
