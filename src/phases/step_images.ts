import { augmentOf, mixes, Mixing, Views, weakPolicy } from "../augment/mod.ts";
import type { Program, Tensor } from "../gpu/mod.ts";
import { Batch, type RowRange } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import type { PhaseName } from "./engine.ts";
import { sectionOf } from "./teachers.ts";

/** Salts of a batch's views; weak and strong draw different numbers. */
export const SALT = { labelled: 1, weak: 2, strong: 3 } as const;

/** The images of a step: random views, mixed in pairs where the configuration says so. */
export class StepImages {
  /** Present where images are mixed; then the loss takes its targets. */
  readonly mixing: Mixing | undefined;
  readonly #views: Views;
  readonly #batch: Batch;
  readonly #positions: readonly number[];
  readonly #labels: Int32Array;

  /** @param options.first Position in the global batch of the batch's first row. */
  constructor(
    context: Context,
    options: { phase: PhaseName; batch: Batch; first: number; image: number },
  ) {
    const { device, config, trainStore, data } = context;
    const { phase, batch, first, image } = options;
    const section = sectionOf(phase);
    const policy = augmentOf(config, section);
    const size = { height: image, width: image };
    const { seed, globalBatch } = config;
    const stream = STREAMS[phase];
    this.mixing = mixes(policy)
      ? new Mixing(device, {
        policy,
        globalBatch,
        first,
        size: batch.size,
        image: size,
        seed,
        stream,
      })
      : undefined;
    this.#batch = batch;
    this.#labels = data.train.labels;
    this.#positions = this.mixing?.positions ??
      Array.from({ length: batch.size }, (_, i) => first + i);
    this.#views = new Views(device, {
      store: trainStore,
      policy: weakPolicy(config, section),
      indices: this.mixing?.indices ?? batch.indices,
      positions: this.#positions,
      size,
      seed,
      stream,
      salt: SALT.labelled,
    });
  }

  /** Records the images, `[batch, 3, height, width]`: scratch of the program. */
  record(program: Program): Tensor {
    const views = this.#views.record(program);
    if (!this.mixing) return views;
    const mixed = this.mixing.record(program, views);
    program.release(views);
    return mixed;
  }

  /**
   * Writes a step's images and labels.
   *
   * @param imageAt The image at a position of the global batch.
   * @param weightOf Weight of its label; 0 = it may not be used.
   */
  write(
    step: number,
    imageAt: (position: number) => number,
    weightOf: (image: number) => number,
  ): void {
    const chosen = this.#positions.map(imageAt);
    const weights = Float32Array.from(chosen, weightOf);
    const indices = Uint32Array.from(chosen);
    const labels = Uint32Array.from(
      chosen,
      (image, i) => weights[i]! > 0 ? this.#labels[image]! : 0,
    );
    const { size } = this.#batch;
    this.#batch.writeIndices(indices.subarray(0, size));
    this.#batch.writeLabels(labels.subarray(0, size));
    this.#batch.writeWeights(weights.subarray(0, size));
    this.mixing?.write(step, { indices, labels, weights });
    this.#views.write(step);
  }

  [Symbol.dispose](): void {
    this.mixing?.[Symbol.dispose]();
    this.#views[Symbol.dispose]();
  }
}

/** Images that pass through the model together. */
export interface MicroBatch {
  readonly rows: Batch;
  readonly images: StepImages;
  [Symbol.dispose](): void;
}

/** A rank's share of the images, a {@linkcode MicroBatch} for each range of it. */
export function microBatches(
  context: Context,
  { first, ranges, phase, image }: {
    phase: PhaseName;
    /** Position in the global batch of the share's first row. */
    first: number;
    ranges: readonly RowRange[];
    image: number;
  },
): MicroBatch[] {
  return ranges.map((range) => {
    const start = first + range.first;
    const rows = new Batch(context.device, range.size, start);
    const images = new StepImages(context, {
      phase,
      batch: rows,
      first: start,
      image,
    });
    return {
      rows,
      images,
      [Symbol.dispose]() {
        rows[Symbol.dispose]();
        images[Symbol.dispose]();
      },
    };
  });
}
