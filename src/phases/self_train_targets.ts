import type { RowMix } from "./pseudo_mixing.ts";
import {
  annealedWeights,
  annealingThreshold,
  type PseudoLabels,
} from "./rules/mod.ts";
import { type Method, rampAt } from "./self_train_method.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/** What {@linkcode SelfTrainTargets} is made of. */
export interface SelfTrainTargetsOptions {
  rows: SelfTrainRows;
  classes: number;
  method: Method;
  /** Of the phase. */
  steps: number;
  /** Weight of the unlabelled loss, and the share of the steps in which it rises. */
  unlabelledWeight: number;
  rampUp: number;
  /** How the row at a position is mixed; absent where none is. */
  mixAt: ((position: number) => RowMix) | undefined;
}

/** What every row of the global batch is taken for in a step, and how much it counts. */
export class SelfTrainTargets {
  /** Factor of the unlabelled losses in this step. */
  ramp = 1;
  readonly #options: SelfTrainTargetsOptions;
  /** Class of each labelled image. */
  readonly #known: Uint32Array<ArrayBuffer>;
  /** How much each image counts among those of its kind. */
  readonly #masks: Float32Array<ArrayBuffer>;
  #labels: PseudoLabels | undefined;
  #step = 0;

  constructor(options: SelfTrainTargetsOptions) {
    const { globalLabelled, globalUnlabelled } = options.rows;
    this.#options = options;
    this.#known = new Uint32Array(globalLabelled);
    this.#masks = new Float32Array(globalLabelled + globalUnlabelled);
  }

  /** Begins a step with the classes of its labelled images. */
  begin(step: number, known: Uint32Array): void {
    const { steps, rampUp } = this.#options;
    this.#step = step;
    this.#known.set(known);
    this.ramp = rampAt(step, steps, rampUp);
  }

  /**
   * Takes the labels of the unlabelled images.
   *
   * @param predicted Probabilities of the labelled images, where they were asked for.
   */
  adopt(labels: PseudoLabels, predicted?: ArrayLike<number>): void {
    const { rows, classes, method, steps } = this.#options;
    this.#labels = labels;
    this.#masks.fill(1);
    this.#masks.set(labels.weights, rows.globalLabelled);
    if (method.annealing === undefined || predicted === undefined) return;
    const threshold = annealingThreshold(
      method.annealing,
      this.#step / steps,
      classes,
    );
    this.#masks.set(
      annealedWeights(predicted, this.#known, { classes, threshold }),
    );
  }

  /** Weight of a row in the loss, which is divided by the labelled rows. */
  weightAt(position: number): number {
    const { rows, unlabelledWeight, mixAt } = this.#options;
    const { globalLabelled, globalUnlabelled } = rows;
    const kind = position < globalLabelled
      ? 1
      : unlabelledWeight * this.ramp * globalLabelled / globalUnlabelled;
    if (mixAt === undefined) return kind * this.#masks[position]!;
    // Parts that keep their own weights have them in the target.
    return kind * (mixAt(position).weight ?? 1);
  }

  /** Class of a row that is not mixed. */
  labelAt(position: number): number {
    const row = position - this.#options.rows.globalLabelled;
    return row < 0 ? this.#known[position]! : this.#labels!.labels[row]!;
  }

  /** Adds a row's class probabilities to `target`, `[classes]`. */
  addTarget(target: Float32Array, position: number): void {
    const mix = this.#options.mixAt?.(position);
    if (mix === undefined) return this.#add(target, position, 1);
    const { partner, share, weight } = mix;
    const own = weight === undefined ? this.#masks[position]! : 1;
    const other = weight === undefined ? this.#masks[partner]! : 1;
    this.#add(target, position, share * own);
    this.#add(target, partner, (1 - share) * other);
  }

  #add(target: Float32Array, position: number, share: number): void {
    const { rows, classes } = this.#options;
    const row = position - rows.globalLabelled;
    const targets = this.#labels!.targets;
    if (row < 0 || targets === undefined) {
      target[this.labelAt(position)]! += share;
      return;
    }
    for (let c = 0; c < classes; c++) {
      target[c]! += share * targets[row * classes + c]!;
    }
  }
}
