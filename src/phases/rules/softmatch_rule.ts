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
 * SoftMatch (Chen et al. 2023): a Gaussian weight on confidences below their
 * average, after the probabilities are aligned to a uniform distribution.
 */
export class SoftMatchRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #classes: number;
  readonly #momentum: number;
  readonly #sigmas: number;
  /** Moving average of the mean probabilities; empty before the first step. */
  #p: number[] = [];
  /** Moving average of the mean and the variance of the confidence. */
  #mu: number;
  #variance = 1;

  constructor(options: {
    classes: number;
    momentum: number;
    /** Deviations of the confidence in one of the weight's Gaussian. */
    sigmas: number;
  }) {
    this.#classes = options.classes;
    this.#momentum = options.momentum;
    this.#sigmas = options.sigmas;
    this.#mu = 1 / options.classes;
  }

  apply({ weak }: Predictions): PseudoLabels {
    if (weak.length === 0) return NO_LABELS;
    const m = this.#momentum;
    this.#p = averageFrom(this.#p, classMeans(weak, this.#classes), m);
    const { confidence } = topClasses(this.align(weak), this.#classes);
    const average = mean(confidence);
    // Unbiased; one item alone has no spread.
    const spread = mean(confidence.map((value) => (value - average) ** 2)) *
      confidence.length / Math.max(1, confidence.length - 1);
    this.#mu = m * this.#mu + (1 - m) * average;
    this.#variance = m * this.#variance + (1 - m) * spread;
    return this.judge(weak);
  }

  judge(weak: ArrayLike<number>): PseudoLabels {
    const { labels } = topClasses(weak, this.#classes);
    const { confidence } = topClasses(this.align(weak), this.#classes);
    const width = 2 * this.#variance / this.#sigmas ** 2;
    const weights = Float32Array.from(confidence, (value) => {
      const below = Math.min(value - this.#mu, 0);
      return below === 0 ? 1 : Math.exp(-(below ** 2) / width);
    });
    return { labels, weights, confidence };
  }

  /** The probabilities aligned to a uniform distribution. */
  align(probabilities: ArrayLike<number>): Float64Array<ArrayBuffer> {
    const uniform = new Array<number>(this.#classes).fill(1 / this.#classes);
    return alignRows(probabilities, uniform, this.#p);
  }

  leastConfidence(): number {
    return 0;
  }

  state(): RuleState {
    return { p: [...this.#p], mu: [this.#mu], var: [this.#variance] };
  }

  restore(state: RuleState): void {
    this.#p = restoredAverage("SoftMatch", state, "p", this.#classes);
    this.#mu = restored("SoftMatch", state, "mu", 1)[0]!;
    this.#variance = restored("SoftMatch", state, "var", 1)[0]!;
  }
}
