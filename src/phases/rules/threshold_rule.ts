import {
  type PseudoLabelRule,
  type PseudoLabels,
  type RuleState,
  topClasses,
} from "./rule.ts";

/** Pseudo-Label and FixMatch: full weight where the confidence reaches a fixed threshold. */
export class ThresholdRule implements PseudoLabelRule {
  readonly #classes: number;
  readonly #threshold: number;

  constructor(options: { classes: number; threshold: number }) {
    this.#classes = options.classes;
    this.#threshold = options.threshold;
  }

  apply(
    _indices: ArrayLike<number>,
    probabilities: ArrayLike<number>,
  ): PseudoLabels {
    const { labels, confidence } = topClasses(probabilities, this.#classes);
    const weights = Float32Array.from(
      confidence,
      (value) => value >= this.#threshold ? 1 : 0,
    );
    return { labels, weights };
  }

  state(): RuleState {
    return {};
  }

  restore(_state: RuleState): void {
    // A fixed threshold remembers nothing.
  }
}
