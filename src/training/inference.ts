import { PLAIN_VIEW, Views } from "../augment/mod.ts";
import {
  type Device,
  DeviceLimitError,
  Program,
  Readback,
  type Tensor,
} from "../gpu/mod.ts";
import {
  type FeatureKind,
  headsForward,
  type Vit,
  vitForward,
} from "../model/mod.ts";
import type { ImageStore } from "../ops/mod.ts";
import { Batch, NO_IMAGE } from "./batch.ts";
import type { Communicator } from "./communicator.ts";
import { Division } from "./division.ts";
import type { PatchInput } from "./input.ts";

/** What {@linkcode Inference} needs. */
export interface InferenceOptions {
  device: Device;
  communicator: Communicator;
  /** Default: every rank computes as many images. */
  division?: Division;
  model: Vit;
  input: PatchInput;
  feature: FeatureKind;
  store: ImageStore;
  /** The images, by index into the store. */
  indices: Int32Array;
  /** What is computed of each image; default: logits. */
  output?: "logits" | "feature";
  /** Called after each batch. */
  onBatch?: () => void;
}

/** Rows of a batch; more do not make it faster, fewer leave a GPU idle. */
const BATCH = 128;

/**
 * Logits or features of a fixed list of images without augmentation: every rank
 * computes its share, all ranks end with all rows. The logits of a distilled
 * model are the mean of its two heads, as deployed DeiT does.
 */
export class Inference {
  readonly #options: InferenceOptions;
  readonly #division: Division;
  readonly #program: Program;
  readonly #batch: Batch;
  readonly #views: Views;
  readonly #readback: Readback;
  readonly #rows: Float32Array<SharedArrayBuffer>;
  readonly #heads: number;
  /** Values of one image. */
  readonly #width: number;
  #ready = false;

  constructor(options: InferenceOptions) {
    const { device, communicator } = options;
    const size = fittingBatch(options);
    this.#options = options;
    this.#division = options.division ?? Division.even(communicator);
    const pass = recordPass(device, options, size);
    this.#program = pass.program;
    this.#batch = pass.batch;
    this.#views = pass.views;
    this.#heads = pass.outputs.length;
    const bytes = pass.outputs[0]!.length * 4;
    this.#readback = new Readback(device, bytes * this.#heads);
    pass.outputs.forEach((logits, i) => {
      this.#program.copy(logits, this.#readback, i * bytes);
    });
    this.#width = pass.outputs[0]!.length / size;
    this.#rows = communicator.allocate(options.indices.length * this.#width);
  }

  /** `[indices.length, classes]`, or `[indices.length, dim]` of features, the same on every rank; valid until the next run. */
  async run(): Promise<Float32Array<SharedArrayBuffer>> {
    const { communicator, indices, onBatch } = this.#options;
    const width = this.#width;
    if (!this.#ready) await this.#readback.prepare();
    this.#ready = true;
    const { size } = this.#batch;
    const [start, end] = this.#division.own(indices.length);
    const chosen = new Uint32Array(size);
    const logits = new Float32Array(this.#heads * size * width);
    for (let first = start; first < end; first += size) {
      const count = Math.min(size, end - first);
      chosen.fill(NO_IMAGE);
      chosen.set(indices.subarray(first, first + count));
      this.#batch.writeIndices(chosen);
      this.#program.submit();
      this.#readback.read(new Uint8Array(logits.buffer));
      for (let i = 0; i < count * width; i++) {
        let sum = 0;
        for (let head = 0; head < this.#heads; head++) {
          sum += logits[head * size * width + i]!;
        }
        this.#rows[first * width + i] = sum / this.#heads;
      }
      onBatch?.();
    }
    await communicator.allGather(
      this.#rows,
      this.#division.offsets(indices.length).map((row) => row * width),
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

/** As many rows as the adapter's limits allow, up to {@linkcode BATCH}. */
function fittingBatch(options: InferenceOptions): number {
  let size = Math.min(BATCH, Math.max(1, options.indices.length));
  while (true) {
    using dry = options.device.rehearsal();
    try {
      recordPass(dry, options, size);
      return size;
    } catch (error) {
      if (!(error instanceof DeviceLimitError) || size === 1) throw error;
      size = Math.ceil(size / 2);
    }
  }
}

/** Records the forward pass on plain views; `outputs` are the feature, or the logits of each head. */
function recordPass(
  device: Device,
  { model, input, feature, store, output }: InferenceOptions,
  size: number,
) {
  const { config, parameters } = model;
  const batch = new Batch(device, size, 0);
  const program = new Program(device);
  const views = new Views(device, {
    store,
    policy: PLAIN_VIEW,
    indices: batch.indices,
    positions: Array.from(batch.places),
    size: { height: config.image, width: config.image },
    seed: 0,
    stream: 0,
    salt: 0,
  });
  const images = views.record(program);
  const patches = input.record(program, images, config, parameters.precision);
  program.release(images);
  const activations = vitForward(program, model, {
    patches,
    batch: size,
    keep: false,
  });
  const heads = headsForward(program, model, activations, feature);
  const outputs: Tensor[] = [
    output === "feature" ? heads.feature : heads.logits,
  ];
  if (heads.distillation && output !== "feature") {
    outputs.push(heads.distillation.logits);
  }
  return { batch, program, views, outputs };
}
