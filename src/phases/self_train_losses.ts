import type { Device, Tensor } from "../gpu/mod.ts";
import type { HeadActivations, HeadGradients } from "../model/mod.ts";
import {
  consistencyMse,
  copyRows,
  crossEntropy,
  softCrossEntropy,
} from "../ops/mod.ts";
import type { StepProgram } from "../training/mod.ts";
import type { FairnessLoss } from "./fairness_loss.ts";
import { GradientSum, type RowFigures } from "./losses.ts";
import type { SelfTrainBatch } from "./self_train_batch.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/** Cross-entropy with labels and pseudo-labels, consistency of the views and fairness. */
export class SelfTrainLosses {
  readonly #step: StepProgram;
  readonly #batch: SelfTrainBatch;
  readonly #rows: SelfTrainRows;
  readonly #figures: RowFigures;
  readonly #consistency: number;
  readonly #fairness: FairnessLoss | undefined;
  readonly #device: Device;
  /** For each micro-batch 0 for labelled rows, at most the ramp for the others; empty without consistency. */
  readonly #onlyUnlabelled: readonly Tensor[];

  constructor(
    device: Device,
    options: {
      step: StepProgram;
      batch: SelfTrainBatch;
      rows: SelfTrainRows;
      figures: RowFigures;
      /** Weight of the squared difference of the views' probabilities. */
      consistency: number;
      fairness: FairnessLoss | undefined;
    },
  ) {
    const { step, batch, rows, figures, consistency } = options;
    this.#device = device;
    this.#fairness = options.fairness;
    this.#step = step;
    this.#batch = batch;
    this.#rows = rows;
    this.#figures = figures;
    this.#consistency = consistency;
    this.#onlyUnlabelled = consistency === 0 ? [] : batch.ranges.map(
      ({ size }) => device.tensor([size]),
    );
  }

  /**
   * Writes what a step changes: call it after the batch is written.
   *
   * @param trusted How much the target of each unlabelled row of the global batch
   * counts; absent = 1.
   */
  write(trusted?: Float32Array): void {
    const { labelled, unlabelled, ramp } = this.#batch;
    this.#onlyUnlabelled.forEach((tensor, index) => {
      const weights = new Float32Array(tensor.length);
      const start = labelled.ranges[index]!.size;
      const first = this.#rows.firstUnlabelled +
        unlabelled.ranges[index]!.first;
      for (let i = start; i < weights.length; i++) {
        weights[i] = ramp * (trusted?.[first + i - start] ?? 1);
      }
      this.#device.write(tensor, weights);
    });
  }

  /**
   * Records the losses of a micro-batch; returns the gradients of the logits.
   *
   * @param weakLogits Of all own unlabelled rows in weak views, where they are computed.
   */
  record(
    index: number,
    heads: HeadActivations,
    weakLogits: Tensor | undefined,
  ): HeadGradients {
    const { program } = this.#step;
    const share = heads.distillation ? 0.5 : 1;
    const loss = program.scratch([this.#batch.ranges[index]!.size]);
    const dLogits = this.#crossEntropy(index, heads.logits, {
      metric: "crossEntropy",
      share,
      loss,
    });
    const dDistillation = heads.distillation &&
      this.#crossEntropy(index, heads.distillation.logits, {
        metric: "crossEntropyDistillation",
        share,
        loss,
      });
    if (weakLogits && this.#consistency > 0) {
      this.#addConsistency(index, { heads, weakLogits, loss, dLogits });
    }
    this.#fairness?.add(index, { logits: heads.logits, loss, dLogits });
    program.release(loss);
    return {
      dLogits: dLogits.tensor,
      ...(dDistillation ? { dDistillationLogits: dDistillation.tensor } : {}),
    };
  }

  [Symbol.dispose](): void {
    for (const { buffer } of this.#onlyUnlabelled) buffer.destroy();
  }

  #crossEntropy(
    index: number,
    logits: Tensor,
    { metric, share, loss }: {
      metric: "crossEntropy" | "crossEntropyDistillation";
      share: number;
      loss: Tensor;
    },
  ): GradientSum {
    const { program } = this.#step;
    const { labels, weights } = this.#batch.all.parts[index]!;
    const { globalLabelled } = this.#rows;
    const dLogits = new GradientSum(program.scratch(logits.shape));
    const targets = this.#batch.targets?.[index];
    const common = {
      logits,
      rowWeights: weights,
      scale: share / globalLabelled,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    };
    if (targets) softCrossEntropy(program, { ...common, targets });
    else crossEntropy(program, { ...common, labels, smoothing: 0 });
    const { first } = this.#batch.ranges[index]!;
    this.#figures.add(metric, loss, first, 1 / globalLabelled);
    return dLogits;
  }

  #addConsistency(
    index: number,
    { heads, weakLogits, loss, dLogits }: {
      heads: HeadActivations;
      weakLogits: Tensor;
      loss: Tensor;
      dLogits: GradientSum;
    },
  ): void {
    const { program } = this.#step;
    const { globalUnlabelled } = this.#rows;
    const labelled = this.#batch.labelled.ranges[index]!;
    const unlabelled = this.#batch.unlabelled.ranges[index]!;
    const teacher = program.scratch(heads.logits.shape);
    // The labelled rows have weight 0; any finite values do for them.
    program.copy(heads.logits, teacher);
    if (unlabelled.size > 0) {
      copyRows(program, {
        input: weakLogits,
        output: teacher,
        inputRow: unlabelled.first,
        outputRow: labelled.size,
        rows: unlabelled.size,
      });
    }
    consistencyMse(program, {
      student: heads.logits,
      teacher,
      rowWeights: this.#onlyUnlabelled[index]!,
      scale: this.#consistency / globalUnlabelled,
      loss,
      dStudent: dLogits.tensor,
      accumulate: dLogits.next(),
    });
    const { first } = this.#batch.ranges[index]!;
    this.#figures.add("consistency", loss, first, 1 / globalUnlabelled);
    program.release(teacher);
  }
}
