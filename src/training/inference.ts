import { crc32 } from "node:zlib";
import { PLAIN_VIEW, Views } from "../augment/mod.ts";
import {
  type Device,
  DeviceLimitError,
  Program,
  Readback,
  readEach,
  tensorBytes,
} from "../gpu/mod.ts";
import {
  type FeatureKind,
  headsForward,
  predictedLogits,
  type Vit,
  vitForward,
} from "../model/mod.ts";
import type { ImageStore } from "../ops/mod.ts";
import { Batch, NO_IMAGE } from "./batch.ts";
import type { Communicator } from "./communicator.ts";
import { Division } from "./division.ts";
import type { PatchInput } from "./input.ts";
import type { Leftovers, Work } from "./leftovers.ts";
import { evenBatch, SharedRows } from "./shared_rows.ts";

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
  /** Where rows are kept when a rank is lost, for the same work of those who are left. */
  leftovers?: Leftovers;
}

/** Most rows of a batch: more do not make it faster. */
const BATCH = 128;

/**
 * Logits or features of a fixed list of images without augmentation: every rank
 * computes some, all ranks end with all rows.
 */
export class Inference {
  readonly #options: InferenceOptions;
  readonly #program: Program;
  readonly #batch: Batch;
  readonly #views: Views;
  readonly #readback: Readback;
  readonly #rows: SharedRows;
  /** Values of one image. */
  readonly #width: number;
  readonly #chosen: Uint32Array<ArrayBuffer>;
  /** Of a batch. */
  readonly #outputs: Float32Array<ArrayBuffer>;
  #ready = false;

  constructor(options: InferenceOptions) {
    const { device, communicator, indices } = options;
    const division = options.division ?? Division.even(communicator);
    const count = indices.length;
    const size = evenBatch(
      { communicator, division, count },
      fittingBatch(options),
    );
    this.#options = options;
    const pass = recordPass(device, options, size);
    this.#program = pass.program;
    this.#batch = pass.batch;
    this.#views = pass.views;
    const { output } = pass;
    this.#readback = new Readback(device, tensorBytes(output));
    this.#program.copy(output, this.#readback);
    this.#width = output.length / size;
    this.#chosen = new Uint32Array(size);
    this.#outputs = new Float32Array(output.length);
    this.#rows = new SharedRows({
      communicator,
      division,
      count,
      width: this.#width,
      batch: size,
    });
  }

  /** `[indices.length, classes]`, or `[indices.length, dim]` of features, the same on every rank; valid until the next run. */
  async run(): Promise<Float32Array<SharedArrayBuffer>> {
    const { leftovers } = this.#options;
    if (!this.#ready) await this.#readback.prepare();
    this.#ready = true;
    const kept = leftovers === undefined || leftovers.empty
      ? undefined
      : leftovers.take(await this.#describe());
    try {
      await this.#rows.fill((first, end) => this.#compute(first, end), kept);
    } catch (error) {
      await this.#keep().catch(() => {
        // Without its GPU a rank does not go on.
      });
      throw error;
    }
    return this.#rows.values;
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#batch[Symbol.dispose]();
    this.#readback[Symbol.dispose]();
    this.#views[Symbol.dispose]();
  }

  /** Rows `first` to `end - 1`, at most a batch. */
  #compute(first: number, end: number): void {
    const { indices, onBatch } = this.#options;
    const width = this.#width;
    this.#chosen.fill(NO_IMAGE);
    this.#chosen.set(indices.subarray(first, end));
    this.#batch.writeIndices(this.#chosen);
    this.#program.submit();
    this.#readback.read(new Uint8Array(this.#outputs.buffer));
    this.#rows.values.set(
      this.#outputs.subarray(0, (end - first) * width),
      first * width,
    );
    onBatch?.();
  }

  /** Keeps what this rank has computed of work that cannot be finished. */
  async #keep(): Promise<void> {
    const { own } = this.#rows;
    if (own.size === 0) return;
    this.#options.leftovers?.keep(await this.#describe(), own);
  }

  /** All that the rows depend on. */
  async #describe(): Promise<Work> {
    const { device, model, indices, feature, output, store } = this.#options;
    let weights = 0;
    for await (const values of readEach(device, model.parameters.tensors)) {
      weights = crc32(new Uint8Array(values.buffer), weights);
    }
    const text = JSON.stringify({
      weights,
      model: model.config,
      feature,
      output,
      indices: crc32(new Uint8Array(indices.slice().buffer)),
      batch: this.#batch.size,
    });
    return { images: store, text };
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

/** Records the forward pass on plain views; `output` is the feature or the logits. */
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
  return {
    batch,
    program,
    views,
    output: output === "feature"
      ? heads.feature
      : predictedLogits(program, heads),
  };
}
