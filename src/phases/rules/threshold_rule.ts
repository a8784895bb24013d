import {
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  type RuleState,
  topClasses,
} from "./rule.ts";

/**
 * Pseudo-Label (Lee 2013), FixMatch (Sohn et al. 2020) and Semi-ViT (Cai et al.
 * 2022): full weight where the confidence reaches a fixed threshold.
 */
export class ThresholdRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #classes: number;
  readonly #threshold: number;

  constructor(options: { classes: number; threshold: number }) {
    this.#classes = options.classes;
    this.#threshold = options.threshold;
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
    return { labels, weights, confidence };
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
