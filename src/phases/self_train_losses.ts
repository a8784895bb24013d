import type { Device, Tensor } from "../gpu/mod.ts";
import type { HeadActivations, HeadGradients } from "../model/mod.ts";
import { consistencyMse, copyRows, crossEntropy } from "../ops/mod.ts";
import type { StepProgram } from "../training/mod.ts";
import { GradientSum, type RowFigures } from "./losses.ts";
import type { SelfTrainBatch } from "./self_train_batch.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/** Cross-entropy with labels and pseudo-labels, and consistency of the views. */
export class SelfTrainLosses {
  readonly #step: StepProgram;
  readonly #batch: SelfTrainBatch;
  readonly #rows: SelfTrainRows;
  readonly #figures: RowFigures;
  readonly #consistency: number;
  /** For each micro-batch 0 for labelled and 1 for unlabelled rows; empty without consistency. */
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
    },
  ) {
    const { step, batch, rows, figures, consistency } = options;
    this.#step = step;
    this.#batch = batch;
    this.#rows = rows;
    this.#figures = figures;
    this.#consistency = consistency;
    this.#onlyUnlabelled = consistency === 0 ? [] : batch.ranges.map(
      ({ size }, index) => {
        const weights = new Float32Array(size);
        weights.fill(1, batch.labelled.ranges[index]!.size);
        return device.tensor([size], weights);
      },
    );
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
    crossEntropy(program, {
      logits,
      labels,
      rowWeights: weights,
      smoothing: 0,
      scale: share / globalLabelled,
      loss,
      dLogits: dLogits.tensor,
      accumulate: dLogits.next(),
    });
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
