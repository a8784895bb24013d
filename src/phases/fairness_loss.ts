import type { Device, Tensor } from "../gpu/mod.ts";
import { copyRows, softmaxForward, softmaxLinear } from "../ops/mod.ts";
import type { Communicator, Division, StepProgram } from "../training/mod.ts";
import type { GradientSum } from "./losses.ts";
import { fairness, type FreeMatchRule } from "./rules/mod.ts";
import type { SelfTrainBatch } from "./self_train_batch.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/**
 * FreeMatch's fairness loss over the global batch: the strong views' probabilities
 * are gathered, the host finds the gradient for their mean, a kernel that for the
 * logits. Acts on the class head.
 */
export class FairnessLoss {
  readonly #device: Device;
  readonly #options: FairnessOptions;
  /** Gradient for each class's mean probability, `[classes]`. */
  readonly #factors: Tensor;
  /** Of each micro-batch: 1 / counted images for those that count. */
  readonly #rowWeights: readonly Tensor[];

  constructor(device: Device, options: FairnessOptions) {
    this.#device = device;
    this.#options = options;
    this.#factors = device.tensor([options.classes]);
    this.#rowWeights = options.batch.ranges.map(({ size }) =>
      device.tensor([size])
    );
  }

  /** Records the exchange: `record` yields the logits of each micro-batch in turn. */
  gather(record: (index: number, use: (logits: Tensor) => void) => void): void {
    const { step, batch, rows, classes, division } = this.#options;
    const { program } = step;
    const logits = program.scratch([rows.unlabelled, classes]);
    batch.ranges.forEach((_, index) => {
      const range = batch.unlabelled.ranges[index]!;
      if (range.size === 0) return;
      record(index, (all) =>
        copyRows(program, {
          input: all,
          output: logits,
          inputRow: batch.labelled.ranges[index]!.size,
          outputRow: range.first,
          rows: range.size,
        }));
    });
    const probabilities = program.scratch(logits.shape);
    softmaxForward(program, { input: logits, output: probabilities });
    program.release(logits);
    const offsets = division.offsets(rows.globalUnlabelled);
    step.gatherToHost(
      [{ local: probabilities, offsets }],
      (gathered) => this.#write(gathered!),
    );
    program.release(probabilities);
  }

  /** Records the gradient of a micro-batch's logits. */
  add(
    index: number,
    { logits, loss, dLogits }: {
      logits: Tensor;
      /** Overwritten. */
      loss: Tensor;
      dLogits: GradientSum;
    },
  ): void {
    softmaxLinear(this.#options.step.program, {
      logits,
      factors: this.#factors,
      rowWeights: this.#rowWeights[index]!,
      scale: this.#options.weight,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    });
  }

  [Symbol.dispose](): void {
    this.#factors.buffer.destroy();
    for (const { buffer } of this.#rowWeights) buffer.destroy();
  }

  #write(strong: ArrayLike<number>): void {
    const { step, batch, rows, rule, communicator } = this.#options;
    const { weights } = batch.used!;
    const { loss, gradient, counted } = fairness(
      strong,
      weights,
      rule.averages,
    );
    this.#device.write(this.#factors, Float32Array.from(gradient));
    batch.ranges.forEach((range, index) => {
      const own = new Float32Array(range.size);
      const unlabelled = batch.unlabelled.ranges[index]!;
      const start = batch.labelled.ranges[index]!.size;
      for (let i = 0; i < unlabelled.size; i++) {
        const row = rows.firstUnlabelled + unlabelled.first + i;
        if (weights[row]! > 0) own[start + i] = 1 / counted;
      }
      this.#device.write(this.#rowWeights[index]!, own);
    });
    // Summed over ranks like every figure.
    step.metrics.set("fairness", communicator.rank === 0 ? loss : 0);
  }
}

/** What {@linkcode FairnessLoss} works on. */
export interface FairnessOptions {
  step: StepProgram;
  batch: SelfTrainBatch;
  rows: SelfTrainRows;
  rule: FreeMatchRule;
  classes: number;
  weight: number;
  communicator: Communicator;
  division: Division;
}
