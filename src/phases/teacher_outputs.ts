import { PLAIN_VIEW, Views } from "../augment/mod.ts";
import {
  type Device,
  Program,
  Readback,
  type Tensor,
  tensorBytes,
} from "../gpu/mod.ts";
import {
  type FeatureKind,
  gridOf,
  headsForward,
  predictedLogits,
  tokensOf,
  type Vit,
  vitForward,
} from "../model/mod.ts";
import type { ImageStore } from "../ops/mod.ts";
import { Batch, NO_IMAGE, PatchInput } from "../training/mod.ts";
import type { Normalisation } from "../training/mod.ts";
import { asF32 } from "./losses.ts";

/** What distillation reads of the teacher for a batch. */
export interface TeacherOutputs {
  /** `[batch, classes]` */
  readonly logits: Tensor;
  /** `[batch, dim]` */
  readonly feature: Tensor;
  /** After the final norm, f32 `[batch * tokens, dim]`; absent where no loss reads them. */
  readonly tokens?: Tensor;
  /** Where the class token looks, as logits, `[batch, patches]`; absent where no loss reads it. */
  readonly attention?: Tensor;
}

/** What losses read of the teacher beside logits and feature. */
export interface TeacherReads {
  tokens: boolean;
  attention: boolean;
}

/** Records the teacher's forward pass, which keeps no activations. */
export function recordTeacher(
  program: Program,
  model: Vit,
  options: {
    /** Released when used. */
    patches: Tensor;
    batch: number;
    feature: FeatureKind;
    reads: TeacherReads;
  },
): TeacherOutputs {
  const { patches, batch, feature, reads } = options;
  const activations = vitForward(program, model, {
    patches,
    batch,
    keep: false,
    classAttention: reads.attention,
  });
  program.release(patches);
  const heads = headsForward(program, model, activations, feature);
  const { classAttention } = activations;
  const kept = reads.tokens ? asF32(program, activations.tokens) : undefined;
  if (kept !== activations.tokens) program.release(activations.tokens);
  return {
    logits: predictedLogits(program, heads),
    feature: heads.feature,
    ...(kept ? { tokens: kept } : {}),
    ...(classAttention ? { attention: classAttention.map } : {}),
  };
}

/** Floats that the outputs of one image take, in the order of {@linkcode OUTPUTS}. */
export type OutputWidths = Record<typeof OUTPUTS[number], number>;

/** How a teacher's outputs for an image follow each other. */
export const OUTPUTS = ["logits", "feature", "tokens", "attention"] as const;

export function outputWidths(
  { config }: Vit,
  reads: TeacherReads,
): OutputWidths {
  return {
    logits: config.classes,
    feature: config.dim,
    tokens: reads.tokens ? tokensOf(config) * config.dim : 0,
    attention: reads.attention ? gridOf(config) ** 2 : 0,
  };
}

/** Runs the teacher on lists of images, outside of training. */
export class TeacherRun {
  readonly batch: number;
  readonly #program: Program;
  readonly #batch: Batch;
  readonly #views: Views;
  readonly #input: PatchInput;
  readonly #outputs: readonly Tensor[];
  readonly #readbacks: Readback[] = [];

  private constructor(options: TeacherRunOptions) {
    const { device, model, store, batch } = options;
    const { image } = model.config;
    this.batch = batch;
    this.#batch = new Batch(device, batch, 0);
    this.#input = new PatchInput(device, options.normalisation);
    this.#program = new Program(device);
    this.#views = new Views(device, {
      store,
      policy: PLAIN_VIEW,
      indices: this.#batch.indices,
      positions: Array.from({ length: batch }, (_, i) => i),
      size: { height: image, width: image },
      seed: 0,
      stream: 0,
      salt: 0,
    });
    const images = this.#views.record(this.#program);
    const patches = this.#input.record(
      this.#program,
      images,
      model.config,
      model.parameters.precision,
    );
    this.#program.release(images);
    const { feature, reads } = options;
    const outputs = recordTeacher(this.#program, model, {
      patches,
      batch,
      feature,
      reads,
    });
    this.#outputs = OUTPUTS.flatMap((name) => outputs[name] ?? []);
    for (const output of this.#outputs) {
      const readback = new Readback(device, tensorBytes(output));
      this.#program.copy(output, readback);
      this.#readbacks.push(readback);
    }
  }

  static async open(options: TeacherRunOptions): Promise<TeacherRun> {
    const run = new TeacherRun(options);
    for (const readback of run.#readbacks) await readback.prepare();
    return run;
  }

  /**
   * Outputs of images `first` to `first + count - 1`, at most a batch, into the
   * first rows of `target`: the outputs of an image behind each other.
   */
  evaluate(first: number, count: number, target: Float32Array): void {
    const { batch } = this;
    this.#batch.writeIndices(
      Uint32Array.from(
        { length: batch },
        (_, i) => i < count ? first + i : NO_IMAGE,
      ),
    );
    this.#program.submit();
    const width = this.#outputs.reduce((sum, { length }) => sum + length, 0) /
      batch;
    let offset = 0;
    this.#outputs.forEach((output, i) => {
      const bytes = new Uint8Array(tensorBytes(output));
      this.#readbacks[i]!.read(bytes);
      const values = output.type === "f16"
        ? new Float16Array(bytes.buffer)
        : new Float32Array(bytes.buffer);
      const size = output.length / batch;
      for (let row = 0; row < count; row++) {
        const from = row * size;
        target.set(values.subarray(from, from + size), row * width + offset);
      }
      offset += size;
    });
  }

  [Symbol.dispose](): void {
    this.#program[Symbol.dispose]();
    this.#batch[Symbol.dispose]();
    this.#input[Symbol.dispose]();
    for (const readback of this.#readbacks) readback[Symbol.dispose]();
    this.#views[Symbol.dispose]();
  }
}

export interface TeacherRunOptions {
  device: Device;
  model: Vit;
  normalisation: Normalisation;
  feature: FeatureKind;
  reads: TeacherReads;
  store: ImageStore;
  /** Images at a time. */
  batch: number;
}
