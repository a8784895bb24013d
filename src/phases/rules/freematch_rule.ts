import {
  classMeans,
  mean,
  moveAverage,
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  restored,
  type RuleState,
  topClasses,
} from "./rule.ts";

/**
 * FreeMatch (Wang et al. 2023): the threshold of a class is the average
 * confidence so far, times the class's average probability over the largest.
 */
export class FreeMatchRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #classes: number;
  readonly #momentum: number;
  /** Moving average of the mean confidence. */
  #time: number;
  /** Moving average of the mean probabilities. */
  #p: number[];
  /** Moving average of the label frequencies. */
  #hist: number[];

  constructor(options: { classes: number; momentum: number }) {
    const { classes } = options;
    this.#classes = classes;
    this.#momentum = options.momentum;
    this.#time = 1 / classes;
    this.#p = new Array<number>(classes).fill(1 / classes);
    this.#hist = new Array<number>(classes).fill(1 / classes);
  }

  /** Running means by class: of the probabilities and of the label frequencies. */
  get averages(): { p: readonly number[]; hist: readonly number[] } {
    return { p: this.#p, hist: this.#hist };
  }

  apply({ weak }: Predictions): PseudoLabels {
    const { labels, confidence } = topClasses(weak, this.#classes);
    const m = this.#momentum;
    const frequencies = new Array<number>(this.#classes).fill(0);
    for (const label of labels) frequencies[label]! += 1 / labels.length;
    if (labels.length > 0) {
      this.#time = m * this.#time + (1 - m) * mean(confidence);
      const means = classMeans(weak, this.#classes);
      this.#p = moveAverage(this.#p, means, m);
      this.#hist = moveAverage(this.#hist, frequencies, m);
    }
    return this.judge(weak);
  }

  judge(weak: ArrayLike<number>): PseudoLabels {
    const { labels, confidence } = topClasses(weak, this.#classes);
    const weights = Float32Array.from(
      confidence,
      (value, i) => value >= this.leastConfidence(labels[i]!) ? 1 : 0,
    );
    return { labels, weights, confidence };
  }

  leastConfidence(label: number): number {
    return this.#time * this.#p[label]! / Math.max(...this.#p);
  }

  state(): RuleState {
    return { time: [this.#time], p: [...this.#p], hist: [...this.#hist] };
  }

  restore(state: RuleState): void {
    this.#time = restored("FreeMatch", state, "time", 1)[0]!;
    this.#p = restored("FreeMatch", state, "p", this.#classes);
    this.#hist = restored("FreeMatch", state, "hist", this.#classes);
  }
}
