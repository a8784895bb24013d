import type { Device, Program, Tensor } from "../gpu/mod.ts";
import { PatchInput, type RowRange } from "../training/mod.ts";
import type { FrozenModel } from "./further_models.ts";
import type { TeacherCache } from "./teacher_cache.ts";
import {
  OUTPUTS,
  recordTeacher,
  type TeacherOutputs,
  type TeacherReads,
} from "./teacher_outputs.ts";

/** The teacher's side of a distillation step. */
export interface Teaching {
  /** Outputs for the images of a micro-batch; recorded when the teacher runs. */
  outputs(index: number, images: Tensor): TeacherOutputs;
  /**
   * Features of the whole global batch; absent when the teacher runs, since every
   * rank has those of its own images then.
   */
  readonly allFeatures: Tensor | undefined;
  /** Before a step: the global batch's images, and those of the step after it. */
  prepare(images: Uint32Array, following: Uint32Array): Promise<void>;
  [Symbol.dispose](): void;
}

/** Runs the teacher on the views of every step. */
export class LiveTeaching implements Teaching {
  readonly allFeatures = undefined;
  readonly #input: PatchInput;
  readonly #teacher: FrozenModel;
  readonly #program: Program;
  readonly #reads: TeacherReads;

  constructor(
    program: Program,
    teacher: FrozenModel,
    reads: TeacherReads,
  ) {
    this.#input = new PatchInput(program.device, teacher.normalisation);
    this.#teacher = teacher;
    this.#program = program;
    this.#reads = reads;
  }

  /** Records the teacher's forward pass on `images`, which stay the caller's. */
  outputs(_index: number, images: Tensor): TeacherOutputs {
    const { model, feature } = this.#teacher;
    const { config, parameters } = model;
    return recordTeacher(this.#program, model, {
      patches: this.#input.record(
        this.#program,
        images,
        config,
        parameters.precision,
      ),
      batch: images.shape[0]!,
      feature,
      reads: this.#reads,
    });
  }

  async prepare(): Promise<void> {}

  [Symbol.dispose](): void {
    this.#input[Symbol.dispose]();
  }
}

/** Reads the teacher's outputs from its cache, a step ahead. */
export class CachedTeaching implements Teaching {
  readonly allFeatures: Tensor;
  /** Outputs of each micro-batch. */
  readonly #parts: readonly TeacherOutputs[];
  readonly #ranges: readonly RowRange[];
  readonly #device: Device;
  readonly #cache: TeacherCache;
  /** Own images of the global batch. */
  readonly #first: number;
  readonly #size: number;
  #ahead: { images: Uint32Array; rows: Promise<Rows> } | undefined;

  constructor(
    device: Device,
    cache: TeacherCache,
    { first, ranges, globalBatch }: {
      first: number;
      ranges: readonly RowRange[];
      globalBatch: number;
    },
  ) {
    const { logits, feature, tokens, attention } = cache.widths;
    this.#device = device;
    this.#cache = cache;
    this.#first = first;
    this.#ranges = ranges;
    this.#size = ranges.reduce((sum, { size }) => sum + size, 0);
    this.allFeatures = device.tensor([globalBatch, feature]);
    this.#parts = ranges.map(({ size }) => ({
      logits: device.tensor([size, logits]),
      feature: size === globalBatch
        ? this.allFeatures
        : device.tensor([size, feature]),
      ...(tokens > 0
        ? { tokens: device.tensor([size * tokens / feature, feature]) }
        : {}),
      ...(attention > 0 ? { attention: device.tensor([size, attention]) } : {}),
    }));
  }

  outputs(index: number): TeacherOutputs {
    return this.#parts[index]!;
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
    for (const part of this.#parts) {
      for (const name of OUTPUTS) part[name]?.buffer.destroy();
    }
    this.allFeatures.buffer.destroy();
  }

  async #read(images: Uint32Array): Promise<Rows> {
    const { logits, feature, tokens, attention } = this.#cache.widths;
    const own = images.subarray(this.#first, this.#first + this.#size);
    return {
      own: await this.#cache.read(own, logits + feature + tokens + attention),
      all: await this.#cache.read(images, logits + feature),
    };
  }

  #write({ own, all }: Rows): void {
    const { logits, feature, tokens, attention } = this.#cache.widths;
    const after = logits + feature;
    this.#device.write(this.allFeatures, join(all, logits, feature));
    this.#ranges.forEach(({ first, size }, i) => {
      const outputs = this.#parts[i]!;
      const rows = own.slice(first, first + size);
      this.#device.write(outputs.logits, join(rows, 0, logits));
      if (outputs.feature !== this.allFeatures) {
        this.#device.write(outputs.feature, join(rows, logits, feature));
      }
      if (outputs.tokens) {
        this.#device.write(outputs.tokens, join(rows, after, tokens));
      }
      if (outputs.attention) {
        this.#device.write(
          outputs.attention,
          join(rows, after + tokens, attention),
        );
      }
    });
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
