import { PLAIN_VIEW, Views } from "../augment/mod.ts";
import { type Device, Program, Readback, type Tensor } from "../gpu/mod.ts";
import {
  type FeatureKind,
  headsForward,
  type Vit,
  vitForward,
} from "../model/mod.ts";
import type { ImageStore } from "../ops/mod.ts";
import { Batch, NO_IMAGE } from "./batch.ts";
import type { Communicator } from "./communicator.ts";
import { shareOf, shareOffsets } from "./division.ts";
import type { PatchInput } from "./input.ts";

/** What {@linkcode Inference} needs. */
export interface InferenceOptions {
  device: Device;
  communicator: Communicator;
  model: Vit;
  input: PatchInput;
  feature: FeatureKind;
  store: ImageStore;
  /** The images, by index into the store. */
  indices: Int32Array;
  /** Called after each batch. */
  onBatch?: () => void;
}

/** Rows of a batch; more do not make it faster, fewer leave a GPU idle. */
const BATCH = 128;

/**
 * Logits of a fixed list of images without augmentation: every rank computes
 * its share, all ranks end with all rows. A distilled model averages its two
 * heads, as deployed DeiT does.
 */
export class Inference {
  readonly #options: InferenceOptions;
  readonly #program: Program;
  readonly #batch: Batch;
  readonly #views: Views;
  readonly #readback: Readback;
  readonly #rows: Float32Array<SharedArrayBuffer>;
  readonly #heads: number;
  #ready = false;

  constructor(options: InferenceOptions) {
    const { device, communicator, model, input, feature, store } = options;
    const { config } = model;
    const size = Math.min(BATCH, Math.max(1, options.indices.length));
    this.#options = options;
    this.#batch = new Batch(device, size, 0);
    this.#program = new Program(device);
    this.#views = new Views(device, {
      store,
      policy: PLAIN_VIEW,
      indices: this.#batch.indices,
      positions: Array.from({ length: size }, (_, i) => i),
      size: { height: config.image, width: config.image },
      seed: 0,
      stream: 0,
      salt: 0,
    });
    const images = this.#views.record(this.#program);
    const patches = input.record(
      this.#program,
      images,
      config,
      model.parameters.precision,
    );
    this.#program.release(images);
    const activations = vitForward(this.#program, model, {
      patches,
      batch: size,
      keep: false,
    });
    const heads = headsForward(this.#program, model, activations, feature);
    const outputs: Tensor[] = [heads.logits];
    if (heads.distillation) outputs.push(heads.distillation.logits);
    this.#heads = outputs.length;
    const bytes = size * config.classes * 4;
    this.#readback = new Readback(device, bytes * outputs.length);
    outputs.forEach((logits, i) => {
      this.#program.copy(logits, this.#readback, i * bytes);
    });
    this.#rows = communicator.allocate(options.indices.length * config.classes);
  }

  /** `[indices.length, classes]`, the same on every rank; valid until the next run. */
  async run(): Promise<Float32Array<SharedArrayBuffer>> {
    const { communicator, model, indices, onBatch } = this.#options;
    if (!this.#ready) await this.#readback.prepare();
    this.#ready = true;
    const { classes } = model.config;
    const { size } = this.#batch;
    const { rank, size: ranks } = communicator;
    const [start, end] = shareOf(indices.length, rank, ranks);
    const chosen = new Uint32Array(size);
    const logits = new Float32Array(this.#heads * size * classes);
    for (let first = start; first < end; first += size) {
      const count = Math.min(size, end - first);
      chosen.fill(NO_IMAGE);
      chosen.set(indices.subarray(first, first + count));
      this.#batch.writeIndices(chosen);
      this.#program.submit();
      this.#readback.read(new Uint8Array(logits.buffer));
      for (let i = 0; i < count * classes; i++) {
        let sum = 0;
        for (let head = 0; head < this.#heads; head++) {
          sum += logits[head * size * classes + i]!;
        }
        this.#rows[first * classes + i] = sum / this.#heads;
      }
      onBatch?.();
    }
    await communicator.allGather(
      this.#rows,
      shareOffsets(indices.length, ranks).map((row) => row * classes),
    );
    return this.#rows;
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#batch[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
    this.#views[Symbol.dispose]();
  }
}
