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
import { PseudoMixing } from "./pseudo_mixing.ts";
import type { StepLabels } from "./pseudo_labels.ts";
import type { Method } from "./self_train_method.ts";
import { overlap, type SelfTrainRows } from "./self_train_rows.ts";
import { SelfTrainTargets } from "./self_train_targets.ts";
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
  /** The rows as the labeller sees them. */
  readonly weak: SplitBatch;
  readonly weakLabelled: SplitBatch;
  /** Class probabilities to learn, for each micro-batch; absent where labels say all. */
  readonly targets: readonly Tensor[] | undefined;
  /** What the unlabelled images of the step are taken for. */
  used: StepLabels | undefined;
  readonly #context: Context;
  readonly #rows: SelfTrainRows;
  readonly #input: PatchInput;
  readonly #model: Vit;
  readonly #method: Method;
  readonly #taken: SelfTrainTargets;
  readonly #views: Views[] = [];
  readonly #mixing: PseudoMixing | undefined;
  readonly #labels: Uint32Array<ArrayBuffer>;
  readonly #weights: Float32Array<ArrayBuffer>;
  #step = 0;

  constructor(
    context: Context,
    { rows, input, model, method, steps }: {
      rows: SelfTrainRows;
      input: PatchInput;
      model: Vit;
      method: Method;
      /** Of the phase. */
      steps: number;
    },
  ) {
    const { device, microBatch, config } = context;
    this.#context = context;
    this.#rows = rows;
    this.#input = input;
    this.#model = model;
    this.#method = method;
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
    this.weakLabelled = new SplitBatch(
      device,
      rows.firstLabelled,
      splitRows(rows.labelled, microBatch),
    );
    this.targets = method.soft
      ? this.ranges.map(({ size }) =>
        device.tensor([size, model.config.classes])
      )
      : undefined;
    const { mixAlpha, unlabelledWeight, rampUp } = config.phases.selfTrain;
    const mixing = method.mix === "off" ? undefined : new PseudoMixing(device, {
      kind: method.mix,
      alpha: mixAlpha,
      seed: config.seed,
      rows,
      positions: this.all.parts.map(({ places }) => places),
    });
    this.#labels = new Uint32Array(size);
    this.#weights = new Float32Array(size).fill(1);
    this.#mixing = mixing;
    this.#taken = new SelfTrainTargets({
      rows,
      classes: model.config.classes,
      method,
      steps,
      unlabelledWeight,
      rampUp,
      mixAt: mixing && ((position) => mixing.at(position)),
    });
  }

  /** Factor of the unlabelled losses in this step. */
  get ramp(): number {
    return this.#taken.ramp;
  }

  /** Records what the labeller sees of a kind's micro-batch, as patches: scratch of the program. */
  recordWeak(
    program: Program,
    kind: "labelled" | "unlabelled",
    index: number,
  ): Tensor {
    program.section("data");
    const policy = weakPolicy(this.#context.config, "selfTrain");
    const seen = kind === "labelled"
      ? this.#view(program, this.weakLabelled.parts[index]!, {
        salt: SALT.labelled,
        policy,
      })
      : this.#view(program, this.weak.parts[index]!, {
        salt: SALT.weak,
        policy,
      });
    const patches = this.#patches(program, seen);
    program.release(seen);
    return patches;
  }

  /**
   * Records the images of a micro-batch, which need no labels: labelled ones in weak
   * views, the others in those that the method learns from; then partners.
   */
  recordImages(program: Program, index: number): Tensor {
    program.section("data");
    const { config } = this.#context;
    const { image } = this.#model.config;
    const { size } = this.ranges[index]!;
    const partners = this.#mixing?.parts[index];
    const extras = partners
      ? partners.labelled.size + partners.unlabelled.size
      : 0;
    const images = program.scratch([size + extras, 3, image, image]);
    const weakly = weakPolicy(config, "selfTrain");
    const learned = this.#method.weakOnly ? weakly : strongPolicy(config);
    let row = 0;
    for (
      const [batch, salt, policy] of [
        [this.labelled.parts[index]!, SALT.labelled, weakly],
        [this.unlabelled.parts[index]!, SALT.strong, learned],
        [partners?.labelled, SALT.labelled, weakly],
        [partners?.unlabelled, SALT.strong, learned],
      ] as const
    ) {
      if (batch === undefined || batch.size === 0) continue;
      const seen = this.#view(program, batch, { salt, policy });
      program.copy(seen, images, row * 3 * image * image * 4);
      program.release(seen);
      row += batch.size;
    }
    return images;
  }

  /** Records the patches of a micro-batch from its images, mixed where the method mixes; releases the images. */
  recordPatches(program: Program, index: number, images: Tensor): Tensor {
    program.section("data");
    const mixed = this.#mixing?.record(program, index, images) ?? images;
    const patches = this.#patches(program, mixed);
    program.release(images);
    if (mixed !== images) program.release(mixed);
    return patches;
  }

  /** Writes a step's views and the images of the global batch. */
  write(step: number, labelled: Uint32Array, unlabelled: Uint32Array): void {
    const { labels } = this.#context.data.train;
    const rows = this.#rows;
    this.#step = step;
    for (const view of this.#views) view.write(step);
    this.#taken.begin(step, labelled.map((image) => labels[image]!));
    const ownLabelled = labelled.subarray(
      rows.firstLabelled,
      rows.firstLabelled + rows.labelled,
    );
    const ownUnlabelled = unlabelled.subarray(
      rows.firstUnlabelled,
      rows.firstUnlabelled + rows.unlabelled,
    );
    this.labelled.writeIndices(ownLabelled);
    this.weakLabelled.writeIndices(ownLabelled);
    this.unlabelled.writeIndices(ownUnlabelled);
    this.weak.writeIndices(ownUnlabelled);
    for (const part of this.#mixing?.parts ?? []) {
      const { globalLabelled } = rows;
      if (part.labelled.size > 0) {
        part.labelled.writeIndices(
          part.labelled.places.map((position) => labelled[position]!),
        );
      }
      if (part.unlabelled.size > 0) {
        part.unlabelled.writeIndices(
          part.unlabelled.places.map((p) => unlabelled[p - globalLabelled]!),
        );
      }
    }
  }

  /**
   * Takes the own rows of the global batch's labels.
   *
   * @param predicted Probabilities of the labelled images, where they were asked for.
   */
  adopt(all: StepLabels, predicted?: ArrayLike<number>): void {
    this.used = all;
    this.#taken.adopt(all, predicted);
    this.#mixing?.write(this.#step, all);
    const { classes } = this.#model.config;
    this.all.parts.forEach(({ places }, index) => {
      const { first } = this.ranges[index]!;
      places.forEach((position, i) => {
        this.#weights[first + i] = this.#taken.weightAt(position);
        this.#labels[first + i] = this.#taken.labelAt(position);
      });
      if (!this.targets) return;
      const targets = new Float32Array(places.length * classes);
      places.forEach((position, i) => {
        const target = targets.subarray(i * classes, (i + 1) * classes);
        this.#taken.addTarget(target, position);
      });
      this.#context.device.write(this.targets[index]!, targets);
    });
    this.all.writeLabels(this.#labels);
    this.all.writeWeights(this.#weights);
  }

  [Symbol.dispose](): void {
    for (
      const each of [
        this.all,
        this.labelled,
        this.unlabelled,
        this.weak,
        this.weakLabelled,
      ]
    ) each[Symbol.dispose]();
    for (const view of this.#views) view[Symbol.dispose]();
    for (const { buffer } of this.targets ?? []) buffer.destroy();
    this.#mixing?.[Symbol.dispose]();
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
