import type { Config } from "../config/mod.ts";
import { percent } from "../evaluation/mod.ts";
import type { PseudoLabels } from "./rules/mod.ts";

type Options = Config["phases"]["selfTrain"]["guard"];

/** Fewer used labels than this in a window say nothing about their classes. */
const LEAST_LABELS = 30;

/** How pseudo-labels went wrong. */
export interface Collapse {
  /** `unsure`: none was ever in use, which does no harm. */
  kind: "unsure" | "unused" | "takeover" | "drift";
  message: string;
}

/** A {@linkcode CollapseGuard} as JSON. */
export interface GuardState {
  next: number;
  steps: number;
  seen: number;
  used: number;
  classes: number[];
  floor: number;
  answers: number;
  wasUsed: boolean;
  warned: boolean;
}

/** What a {@linkcode CollapseGuard} judges by, and how it speaks. */
export interface Watched {
  /** Share of each class among the labels. */
  prior: readonly number[];
  classNames: readonly string[];
  /** Targets are predictions that are learned from without becoming labels. */
  what: "pseudo-labels" | "targets";
}

/**
 * Watches the pseudo-labels of a window of steps: whether any are used, whether one
 * class takes over and whether they drift from the class frequencies of the labels.
 * Targets of a consistency loss are watched as labels that count by how sure they are.
 * All ranks see the same; checkpoints hold it.
 */
export class CollapseGuard {
  /** Pseudo-labels or targets. */
  readonly what: Watched["what"];
  /** Labels of less confidence are not used: 0 until an answer raises it. */
  floor = 0;
  /** Collapses answered so far. */
  answers = 0;
  readonly #options: Options;
  readonly #prior: readonly number[];
  readonly #names: readonly string[];
  /** The step after the last one that is noted. */
  #next = 0;
  #steps = 0;
  #seen = 0;
  #used = 0;
  /** Weight of the labels of each class. */
  #classes: number[];
  /** Labels were in use in some window. */
  #wasUsed = false;
  /** It is said already that they never were. */
  #warned = false;

  constructor(options: Options, { prior, classNames, what }: Watched) {
    this.what = what;
    this.#options = options;
    this.#prior = prior;
    this.#names = classNames;
    this.#classes = prior.map(() => 0);
  }

  /**
   * Notes the labels of a step, once: a resumed phase prepares a step again.
   *
   * @param chosen Share of the images that these labels were chosen from, above 0.
   */
  note(
    step: number,
    { labels, weights }: Pick<PseudoLabels, "labels" | "weights">,
    chosen = 1,
  ): void {
    if (step < this.#next) return;
    this.#next = step + 1;
    this.#steps++;
    this.#seen += labels.length / chosen;
    labels.forEach((label, i) => {
      this.#used += weights[i]!;
      this.#classes[label]! += weights[i]!;
    });
  }

  /** What is wrong in a window that is full; begins the next one. */
  take(): Collapse | undefined {
    if (this.#steps < this.#options.window) return undefined;
    const collapse = this.#judge();
    this.clear();
    return collapse;
  }

  /** Forgets the window, such as after a roll-back. */
  clear(): void {
    this.#steps = 0;
    this.#seen = 0;
    this.#used = 0;
    this.#classes = this.#classes.map(() => 0);
  }

  save(): GuardState {
    return {
      next: this.#next,
      steps: this.#steps,
      seen: this.#seen,
      used: this.#used,
      classes: [...this.#classes],
      floor: this.floor,
      answers: this.answers,
      wasUsed: this.#wasUsed,
      warned: this.#warned,
    };
  }

  restore(state: GuardState): void {
    this.#next = state.next;
    this.#steps = state.steps;
    this.#seen = state.seen;
    this.#used = state.used;
    this.#classes = [...state.classes];
    this.floor = state.floor;
    this.answers = state.answers;
    this.#wasUsed = state.wasUsed;
    this.#warned = state.warned;
  }

  #judge(): Collapse | undefined {
    const { leastRate, takeover, drift } = this.#options;
    const rate = this.#used / Math.max(1, this.#seen);
    if (rate < leastRate) {
      const message = this.what === "targets"
        ? `targets are only ${percent(rate)} of the way from chance to sure`
        : `only ${percent(rate)} of the pseudo-labels are used`;
      if (this.#wasUsed) return { kind: "unused", message };
      if (this.#warned) return undefined;
      this.#warned = true;
      return { kind: "unsure", message };
    }
    this.#wasUsed = true;
    if (this.#used < LEAST_LABELS) return undefined;
    const shares = this.#classes.map((weight) => weight / this.#used);
    for (const [c, share] of shares.entries()) {
      const prior = this.#prior[c]!;
      if (share > prior + takeover * (1 - prior)) {
        return {
          kind: "takeover",
          message: `class ${this.#names[c]} has ${
            percent(share)
          } of the ${this.what} and ${percent(prior)} of the labels`,
        };
      }
    }
    const distance = shares.reduce(
      (sum, share, c) => sum + Math.abs(share - this.#prior[c]!) / 2,
      0,
    );
    return distance > drift
      ? {
        kind: "drift",
        message: `${
          percent(distance)
        } of the ${this.what} lie elsewhere than the classes of the labels`,
      }
      : undefined;
  }
}
