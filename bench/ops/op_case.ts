import type { Device, Program, RealType, Tensor } from "../../src/gpu/mod.ts";
import { philox, uniform01 } from "../../src/random.ts";
import type { Agreement } from "../common/check.ts";

/** One op at one shape, ready to be checked and timed. */
export interface OpCase {
  readonly name: string;
  readonly shape: string;
  readonly layout?: "NN" | "NT" | "TN";
  readonly unit: "GFLOP/s" | "GB/s";
  /** Floating-point operations, or bytes that must be read and written once. */
  readonly work: number;
  /** What the adapter can do at most: its best matrix product, or a copy. */
  readonly ceiling: "gemm" | "copy";
  /** Records one execution. */
  record(program: Program): void;
  /** Compares what the last execution left with the float64 reference. */
  check(): Promise<Agreement>;
  /** Frees the buffers. */
  [Symbol.dispose](): void;
}

/** Sizes of a matrix product, `[rows, depth] x [depth, cols]`. */
export interface Sizes {
  readonly rows: number;
  readonly depth: number;
  readonly cols: number;
}

/** What a case is made for. */
export interface OpContext {
  readonly device: Device;
  readonly precision: RealType;
}

/** A case that is made only if its label is asked for. */
export interface PlannedCase {
  /** `name shape layout` */
  readonly label: string;
  make(context: OpContext): OpCase;
}

/** The cases of one family of ops; small ones for a test of the bench itself. */
export type OpFamily = (size: "full" | "tiny") => Iterable<PlannedCase>;

/** Buffers of a case: filled from a seed, freed together. */
export class Operands {
  readonly #device: Device;
  readonly #precision: RealType;
  readonly #buffers: GPUBuffer[] = [];
  #stream = 0;

  constructor({ device, precision }: OpContext) {
    this.#device = device;
    this.#precision = precision;
  }

  /** Activations: values in [-scale, scale) as the kernels see them, and their tensor. */
  activations(
    shape: readonly number[],
    scale = 1,
  ): { tensor: Tensor; values: Float32Array<ArrayBuffer> } {
    return this.#filled(shape, this.#precision, scale);
  }

  /** As {@linkcode Operands.activations}, f32 whatever the precision. */
  floats(
    shape: readonly number[],
    scale = 1,
  ): { tensor: Tensor; values: Float32Array<ArrayBuffer> } {
    return this.#filled(shape, "f32", scale);
  }

  /** A result in the precision of activations. */
  result(shape: readonly number[]): Tensor {
    return this.keep(
      this.#device.tensor(shape, undefined, this.#precision),
    );
  }

  /** A result in f32: statistics, weight gradients, state. */
  floatResult(shape: readonly number[]): Tensor {
    return this.keep(this.#device.tensor(shape));
  }

  words(values: Uint32Array): Tensor {
    return this.keep(this.#device.tensor([values.length], values));
  }

  keep(tensor: Tensor): Tensor {
    this.#buffers.push(tensor.buffer);
    return tensor;
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
  }

  #filled(shape: readonly number[], type: RealType, scale: number) {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = randomValues(length, this.#stream++, scale);
    if (type === "f16") values.set(Float16Array.from(values));
    const tensor = this.keep(this.#device.tensor(shape, values, type));
    return { tensor, values };
  }
}

/** Values in [-scale, scale): Philox words, a table of them repeated with a drift. */
export function randomValues(
  length: number,
  stream: number,
  scale = 1,
): Float32Array<ArrayBuffer> {
  // 4099 is prime, so no row length of a bench meets the table in step.
  const table = Float32Array.from(
    { length: 4099 },
    (_, i) => 2 * uniform01(philox([11, stream], [i, 0, 0, 0])[0]) - 1,
  );
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const drift = 0.75 + 0.25 * Math.cos(i / 97);
    values[i] = scale * drift * table[i % 4099]!;
  }
  return values;
}

/** The first, the last and some numbers between, ascending and distinct. */
export function someOf(count: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i);
  return [
    ...new Set(
      Array.from(
        { length: most },
        (_, i) => Math.round(i * (count - 1) / (most - 1)),
      ),
    ),
  ];
}

/** The rows of a matrix with the given numbers, one after another. */
export function pickRows(
  values: ArrayLike<number>,
  width: number,
  rows: readonly number[],
): Float64Array {
  const picked = new Float64Array(rows.length * width);
  rows.forEach((row, i) => {
    for (let c = 0; c < width; c++) {
      picked[i * width + c] = values[row * width + c]!;
    }
  });
  return picked;
}
