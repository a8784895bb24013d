import {
  classMeans,
  mean,
  moveAverage,
  type PseudoLabelRule,
  type PseudoLabels,
  restored,
  type RuleState,
  topClasses,
} from "./rule.ts";

/** Keeps the ratio to a class that was never predicted finite. */
const SMALLEST = 1e-6;

/**
 * SoftMatch (Chen et al. 2023): a Gaussian weight on confidences below their
 * average, after the probabilities are aligned to a uniform distribution.
 */
export class SoftMatchRule implements PseudoLabelRule {
  readonly #classes: number;
  readonly #momentum: number;
  /** Moving average of the mean probabilities; empty before the first step. */
  #p: number[] = [];
  /** Moving average of the mean and the variance of the confidence. */
  #mu: number;
  #variance = 1;

  constructor(options: { classes: number; momentum: number }) {
    this.#classes = options.classes;
    this.#momentum = options.momentum;
    this.#mu = 1 / options.classes;
  }

  apply(
    _indices: ArrayLike<number>,
    probabilities: ArrayLike<number>,
  ): PseudoLabels {
    const { labels } = topClasses(probabilities, this.#classes);
    if (labels.length === 0) return { labels, weights: new Float32Array() };
    const m = this.#momentum;
    const fresh = classMeans(probabilities, this.#classes);
    this.#p = this.#p.length === 0 ? fresh : moveAverage(this.#p, fresh, m);
    const { confidence } = topClasses(
      this.align(probabilities),
      this.#classes,
    );
    const average = mean(confidence);
    // Unbiased; one item alone has no spread.
    const spread = mean(confidence.map((value) => (value - average) ** 2)) *
      confidence.length / Math.max(1, confidence.length - 1);
    this.#mu = m * this.#mu + (1 - m) * average;
    this.#variance = m * this.#variance + (1 - m) * spread;
    const weights = Float32Array.from(confidence, (value) => {
      const below = Math.min(value - this.#mu, 0);
      return below === 0
        ? 1
        : Math.exp(-(below ** 2) / (2 * this.#variance / 4));
    });
    return { labels, weights };
  }

  /** The probabilities times uniform over average, each row summing to 1 again. */
  align(probabilities: ArrayLike<number>): Float64Array<ArrayBuffer> {
    const classes = this.#classes;
    const aligned = Float64Array.from(
      probabilities,
      (value, i) =>
        value * (1 / classes + SMALLEST) / (this.#p[i % classes]! + SMALLEST),
    );
    for (let start = 0; start < aligned.length; start += classes) {
      const row = aligned.subarray(start, start + classes);
      const total = row.reduce((sum, value) => sum + value, 0);
      for (let c = 0; c < classes; c++) row[c]! /= total;
    }
    return aligned;
  }

  state(): RuleState {
    return { p: [...this.#p], mu: [this.#mu], var: [this.#variance] };
  }

  restore(state: RuleState): void {
    this.#p = state.p?.length === 0
      ? []
      : restored("SoftMatch", state, "p", this.#classes);
    this.#mu = restored("SoftMatch", state, "mu", 1)[0]!;
    this.#variance = restored("SoftMatch", state, "var", 1)[0]!;
  }
}
