import type { Device, Program, Tensor } from "../gpu/mod.ts";
import type { Vit } from "../model/mod.ts";
import { PatchInput, type StepProgram } from "../training/mod.ts";
import { type Context, teacherFeature } from "./context.ts";
import type { TeacherCache } from "./teacher_cache.ts";
import { recordTeacher, type TeacherOutputs } from "./teacher_outputs.ts";

/** The teacher's side of a distillation step. */
export interface Teaching {
  /** Outputs for the rank's own images. */
  readonly outputs: TeacherOutputs;
  /** Features of the whole global batch. Records an exchange when the teacher runs. */
  allFeatures(step: StepProgram, offsets: readonly number[]): Tensor;
  /** Before a step: the global batch's images, and those of the step after it. */
  prepare(images: Uint32Array, following: Uint32Array): Promise<void>;
  [Symbol.dispose](): void;
}

/** Runs the teacher on the views of every step. */
export class LiveTeaching implements Teaching {
  readonly outputs: TeacherOutputs;
  readonly #input: PatchInput;

  /** Records the teacher's forward pass on `images`, which stay the caller's. */
  constructor(
    context: Context,
    teacher: Vit,
    { program, images, tokens }: {
      program: Program;
      images: Tensor;
      tokens: boolean;
    },
  ) {
    this.#input = new PatchInput(context.device, context.teacherInput);
    this.outputs = recordTeacher(program, teacher, {
      patches: this.#input.record(
        program,
        images,
        teacher.config,
        teacher.parameters.precision,
      ),
      batch: images.shape[0]!,
      feature: teacherFeature(context),
      tokens,
    });
  }

  allFeatures(step: StepProgram, offsets: readonly number[]): Tensor {
    return step.gather(this.outputs.feature, offsets);
  }

  async prepare(): Promise<void> {}

  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
  }
}

/** Reads the teacher's outputs from its cache, a step ahead. */
export class CachedTeaching implements Teaching {
  readonly outputs: TeacherOutputs;
  readonly #device: Device;
  readonly #cache: TeacherCache;
  readonly #allFeatures: Tensor;
  /** Own images of the global batch. */
  readonly #first: number;
  readonly #size: number;
  #ahead: { images: Uint32Array; rows: Promise<Rows> } | undefined;

  constructor(
    device: Device,
    cache: TeacherCache,
    { first, size, globalBatch }: {
      first: number;
      size: number;
      globalBatch: number;
    },
  ) {
    const { logits, feature, tokens } = cache.widths;
    this.#device = device;
    this.#cache = cache;
    this.#first = first;
    this.#size = size;
    this.#allFeatures = device.tensor([globalBatch, feature]);
    this.outputs = {
      logits: device.tensor([size, logits]),
      feature: size === globalBatch
        ? this.#allFeatures
        : device.tensor([size, feature]),
      ...(tokens > 0
        ? { tokens: device.tensor([size * tokens / feature, feature]) }
        : {}),
    };
  }

  allFeatures(): Tensor {
    return this.#allFeatures;
  }

  async prepare(images: Uint32Array, following: Uint32Array): Promise<void> {
    const ahead = this.#ahead;
    const rows = ahead && equal(ahead.images, images)
      ? ahead.rows
      : this.#read(images);
    this.#write(await rows);
    const images2 = following.slice();
    const next = this.#read(images2);
    // Awaited by the next step, if there is one.
    next.catch(() => {});
    this.#ahead = { images: images2, rows: next };
  }

  [Symbol.dispose](): void {
    const { logits, feature, tokens } = this.outputs;
    for (const tensor of [logits, feature, tokens, this.#allFeatures]) {
      tensor?.buffer.destroy();
    }
  }

  async #read(images: Uint32Array): Promise<Rows> {
    const { logits, feature, tokens } = this.#cache.widths;
    const own = images.subarray(this.#first, this.#first + this.#size);
    return {
      own: await this.#cache.read(own, logits + feature + tokens),
      all: await this.#cache.read(images, logits + feature),
    };
  }

  #write({ own, all }: Rows): void {
    const { logits, feature, tokens } = this.#cache.widths;
    const { outputs } = this;
    const after = logits + feature;
    this.#device.write(outputs.logits, join(own, 0, logits));
    this.#device.write(this.#allFeatures, join(all, logits, feature));
    if (outputs.feature !== this.#allFeatures) {
      this.#device.write(outputs.feature, join(own, logits, feature));
    }
    if (outputs.tokens) {
      this.#device.write(outputs.tokens, join(own, after, tokens));
    }
  }
}

interface Rows {
  own: readonly Float32Array[];
  all: readonly Float32Array[];
}

/** The same columns of all rows. */
function join(
  rows: readonly Float32Array[],
  start: number,
  width: number,
): Float32Array {
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, i) =>
    values.set(row.subarray(start, start + width), i * width)
  );
  return values;
}

function equal(a: Uint32Array, b: Uint32Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}
