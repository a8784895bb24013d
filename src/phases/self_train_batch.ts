import {
  strongPolicy,
  type ViewPolicy,
  Views,
  weakPolicy,
} from "../augment/mod.ts";
import type { Program, Tensor } from "../gpu/mod.ts";
import type { Vit } from "../model/mod.ts";
import {
  type Batch,
  type PatchInput,
  type RowRange,
  SplitBatch,
  splitRows,
} from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import type { PseudoLabels } from "./pseudo_labels.ts";
import { overlap, type SelfTrainRows } from "./self_train_rows.ts";
import { SALT } from "./step_images.ts";

/** A rank's labelled and unlabelled images of a step: their views and what they are taken for. */
export class SelfTrainBatch {
  /** Rows of each micro-batch. */
  readonly ranges: readonly RowRange[];
  /** All rows with labels and weights. */
  readonly all: SplitBatch;
  /** The two kinds of rows of each micro-batch, which are seen in different views. */
  readonly labelled: SplitBatch;
  readonly unlabelled: SplitBatch;
  /** The unlabelled rows as the labeller sees them. */
  readonly weak: SplitBatch;
  /** What the unlabelled images of the step are taken for. */
  used: PseudoLabels = {
    labels: new Int32Array(),
    weights: new Float32Array(),
    accuracy: 0,
    rate: 0,
  };
  readonly #context: Context;
  readonly #rows: SelfTrainRows;
  readonly #input: PatchInput;
  readonly #model: Vit;
  readonly #views: Views[] = [];
  readonly #labels: Uint32Array<ArrayBuffer>;
  readonly #weights: Float32Array<ArrayBuffer>;

  constructor(
    context: Context,
    { rows, input, model }: {
      rows: SelfTrainRows;
      input: PatchInput;
      model: Vit;
    },
  ) {
    const { device, microBatch } = context;
    this.#context = context;
    this.#rows = rows;
    this.#input = input;
    this.#model = model;
    const size = rows.labelled + rows.unlabelled;
    const firstUnlabelled = rows.globalLabelled + rows.firstUnlabelled;
    this.ranges = splitRows(size, microBatch);
    const positions = Uint32Array.from(
      { length: size },
      (_, i) =>
        i < rows.labelled
          ? rows.firstLabelled + i
          : firstUnlabelled + i - rows.labelled,
    );
    this.all = new SplitBatch(device, positions, this.ranges);
    this.labelled = new SplitBatch(
      device,
      rows.firstLabelled,
      this.ranges.map((range) => overlap(range, 0, rows.labelled)),
    );
    this.unlabelled = new SplitBatch(
      device,
      firstUnlabelled,
      this.ranges.map((range) => overlap(range, rows.labelled, size)),
    );
    this.weak = new SplitBatch(
      device,
      firstUnlabelled,
      splitRows(rows.unlabelled, microBatch),
    );
    this.#labels = new Uint32Array(size);
    this.#weights = new Float32Array(size).fill(1);
  }

  /** Records the weak views of unlabelled images, as patches: scratch of the program. */
  recordWeak(program: Program, index: number): Tensor {
    program.section("data");
    const { config } = this.#context;
    const part = this.weak.parts[index]!;
    const policy = weakPolicy(config, "selfTrain");
    const weak = this.#view(program, part, { salt: SALT.weak, policy });
    const patches = this.#patches(program, weak);
    program.release(weak);
    return patches;
  }

  /** Records what a micro-batch learns from: labelled images in weak views, the others in strong ones. */
  record(program: Program, index: number): Tensor {
    program.section("data");
    const { config } = this.#context;
    const { image } = this.#model.config;
    const labelled = this.labelled.parts[index]!;
    const unlabelled = this.unlabelled.parts[index]!;
    const rows = this.ranges[index]!.size;
    const images = program.scratch([rows, 3, image, image]);
    if (labelled.size > 0) {
      const policy = weakPolicy(config, "selfTrain");
      const salt = SALT.labelled;
      const seen = this.#view(program, labelled, { salt, policy });
      program.copy(seen, images);
      program.release(seen);
    }
    if (unlabelled.size > 0) {
      const policy = strongPolicy(config);
      const salt = SALT.strong;
      const seen = this.#view(program, unlabelled, { salt, policy });
      const start = labelled.size * 3 * image * image * 4;
      program.copy(seen, images, start);
      program.release(seen);
    }
    const patches = this.#patches(program, images);
    program.release(images);
    return patches;
  }

  /** Writes the step's views and its own labelled and unlabelled images. */
  write(step: number, labelled: Uint32Array, unlabelled: Uint32Array): void {
    const { labels } = this.#context.data.train;
    for (const view of this.#views) view.write(step);
    labelled.forEach((image, i) => this.#labels[i] = labels[image]!);
    this.labelled.writeIndices(labelled);
    this.unlabelled.writeIndices(unlabelled);
    this.weak.writeIndices(unlabelled);
  }

  /** Takes the own rows of the pseudo-labels of the global batch. */
  adopt(all: PseudoLabels): void {
    const { unlabelledWeight } = this.#context.config.phases.selfTrain;
    const rows = this.#rows;
    this.used = all;
    for (let i = 0; i < rows.unlabelled; i++) {
      this.#labels[rows.labelled + i] = all.labels[rows.firstUnlabelled + i]!;
      this.#weights[rows.labelled + i] = unlabelledWeight *
        all.weights[rows.firstUnlabelled + i]! *
        rows.globalLabelled / rows.globalUnlabelled;
    }
    this.all.writeLabels(this.#labels);
    this.all.writeWeights(this.#weights);
  }

  [Symbol.dispose](): void {
    for (const each of [this.all, this.labelled, this.unlabelled, this.weak]) {
      each[Symbol.dispose]();
    }
    for (const view of this.#views) view[Symbol.dispose]();
  }

  #view(
    program: Program,
    batch: Batch,
    { salt, policy }: { salt: number; policy: ViewPolicy },
  ): Tensor {
    const { device, trainStore, config } = this.#context;
    const { image } = this.#model.config;
    const views = new Views(device, {
      store: trainStore,
      policy,
      indices: batch.indices,
      positions: Array.from(batch.places),
      size: { height: image, width: image },
      seed: config.seed,
      stream: STREAMS.selfTrain,
      salt,
    });
    this.#views.push(views);
    return views.record(program);
  }

  #patches(program: Program, images: Tensor): Tensor {
    const { config, parameters } = this.#model;
    return this.#input.record(program, images, config, parameters.precision);
  }
}
