import {
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  type RuleState,
  sharpen,
  topClasses,
} from "./rule.ts";

/**
 * UDA (Xie et al. 2020): sharpened probabilities as targets, where the confidence
 * before sharpening reaches a fixed threshold.
 */
export class UdaRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #classes: number;
  readonly #threshold: number;
  readonly #temperature: number;

  constructor(options: {
    classes: number;
    threshold: number;
    /** Below 1 sharpens. */
    temperature: number;
  }) {
    this.#classes = options.classes;
    this.#threshold = options.threshold;
    this.#temperature = options.temperature;
  }

  apply({ weak }: Predictions): PseudoLabels {
    return this.judge(weak);
  }

  judge(weak: ArrayLike<number>): PseudoLabels {
    const { labels, confidence } = topClasses(weak, this.#classes);
    const weights = Float32Array.from(
      confidence,
      (value) => value >= this.#threshold ? 1 : 0,
    );
    const targets = sharpen(weak, this.#classes, this.#temperature);
    return {
      labels,
      weights,
      confidence,
      targets: Float32Array.from(targets),
    };
  }

  leastConfidence(): number {
    return this.#threshold;
  }

  state(): RuleState {
    return {};
  }

  restore(_state: RuleState): void {
    // A fixed threshold remembers nothing.
  }
}
