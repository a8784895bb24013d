import { TrackedInts } from "../tracked_ints.ts";
import {
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  restored,
  type RuleState,
  topClasses,
} from "./rule.ts";

/**
 * FlexMatch (Zhang et al. 2021): the threshold of a class falls while few items
 * have been learned as that class.
 *
 * `beta_c = count_c / max(largest count, items never chosen)`; the threshold is
 * `tau beta_c / (2 - beta_c)`. Without warm-up the second term is left out.
 */
export class FlexMatchRule implements PseudoLabelRule {
  readonly readsLabelled = false;
  readonly #classes: number;
  readonly #threshold: number;
  readonly #warmup: boolean;
  /** Class last learned for each unlabelled item, -1 before the first. */
  readonly #chosen: TrackedInts;
  /** Items of each class in it. */
  #counts: number[];
  #beta: number[];

  constructor(options: {
    classes: number;
    threshold: number;
    /** Number of unlabelled items. */
    total: number;
    warmup: boolean;
  }) {
    this.#classes = options.classes;
    this.#threshold = options.threshold;
    this.#warmup = options.warmup;
    this.#chosen = new TrackedInts(options.total, -1);
    this.#counts = new Array<number>(options.classes).fill(0);
    this.#beta = new Array<number>(options.classes).fill(0);
  }

  apply({ indices, weak }: Predictions): PseudoLabels {
    const judged = this.judge(weak);
    const { labels, confidence } = judged;
    for (let i = 0; i < labels.length; i++) {
      if (confidence[i]! < this.#threshold) continue;
      const item = indices[i]!;
      const before = this.#chosen.at(item);
      if (before >= 0) this.#counts[before]!--;
      this.#chosen.set(item, labels[i]!);
      this.#counts[labels[i]!]!++;
    }
    this.#update();
    return judged;
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
    const beta = this.#beta[label]!;
    return this.#threshold * beta / (2 - beta);
  }

  state(): RuleState {
    return { chosen: this.#chosen.save(), beta: [...this.#beta] };
  }

  restore(state: RuleState): void {
    this.#chosen.restore(
      restored("FlexMatch", state, "chosen", this.#chosen.length),
    );
    this.#counts = new Array<number>(this.#classes).fill(0);
    for (const label of this.#chosen) if (label >= 0) this.#counts[label]!++;
    this.#beta = restored("FlexMatch", state, "beta", this.#classes);
  }

  #update(): void {
    const counts = this.#counts;
    const never = counts.reduce((rest, n) => rest - n, this.#chosen.length);
    const largest = Math.max(...counts, this.#warmup ? never : 0);
    this.#beta = counts.map((count) => largest === 0 ? 0 : count / largest);
  }
}
