import { type Program, shapeError, type Tensor } from "../gpu/mod.ts";
import { gemm } from "./gemm.ts";

// Operands, biases and outputs may each be f32 or f16: products are summed in f32.
// Residuals and slopes are of the output's type, weight gradients f32.

/** Arguments of {@linkcode linearForward}. */
export interface LinearForwardArgs {
  /** `[rows, in]` */
  input: Tensor;
  /** `[out, in]` */
  weight: Tensor;
  /** `[out]` */
  bias?: Tensor | undefined;
  /** `[rows, out]` */
  output: Tensor;
  /** `[rows, out]`, added to the output. */
  residual?: Tensor | undefined;
  /** `[rows, out]`: keeps GELU's derivative at `x W^T + b`; the output is then GELU. */
  slope?: Tensor | undefined;
}

/**
 * Records `output = residual + x W^T + b`, or `gelu(x W^T + b)` and its slope. The
 * weight is stored as PyTorch stores it, `[out, in]`.
 *
 * @throws {RangeError} With all shapes, if they do not fit.
 *
 * @example
 * ```ts
 * import { Device, linearForward } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * using device = await Device.open();
 * const output = device.tensor([1, 2]);
 * device.run((program) =>
 *   linearForward(program, {
 *     input: device.tensor([1, 3], Float32Array.of(1, 2, 3)),
 *     weight: device.tensor([2, 3], Float32Array.of(1, 0, 0, 0, 1, 1)),
 *     bias: device.tensor([2], Float32Array.of(10, 20)),
 *     output,
 *   })
 * );
 * deepStrictEqual([...await device.read(output)], [11, 25]);
 * ```
 */
export function linearForward(program: Program, args: LinearForwardArgs): void {
  const { input, weight, bias, output, residual, slope } = args;
  const [rows, depth, cols] = sizes(input, weight);
  if (
    !fits(output, rows, cols) || !fits(residual, rows, cols) ||
    !fits(slope, rows, cols) || !fits(bias, cols) ||
    input.length !== rows * depth || weight.length !== cols * depth ||
    (residual !== undefined && slope !== undefined)
  ) {
    throw shapeError("linearForward", given(args));
  }
  gemm(program, {
    rows,
    cols,
    depth,
    left: input,
    right: weight,
    transposeRight: true,
    output,
    bias,
    residual,
    keep: slope,
  });
}

/** Arguments of {@linkcode linearInputGradient}. */
export interface LinearInputGradientArgs {
  /** `[rows, out]` */
  dOutput: Tensor;
  /** `[out, in]` */
  weight: Tensor;
  /** `[rows, in]` */
  dInput: Tensor;
  /** `[rows, in]`, added to the gradient. */
  residual?: Tensor | undefined;
  /** `[rows, in]`: the input was a GELU with these derivatives. */
  slope?: Tensor | undefined;
}

/** Records `dInput = residual + dOutput W slope`. */
export function linearInputGradient(
  program: Program,
  args: LinearInputGradientArgs,
): void {
  const { dOutput, weight, dInput, residual, slope } = args;
  const [rows, cols, depth] = sizes(dInput, weight);
  if (
    !fits(dOutput, rows, depth) || !fits(residual, rows, cols) ||
    !fits(slope, rows, cols) || dInput.length !== rows * cols ||
    weight.length !== cols * depth
  ) {
    throw shapeError("linearInputGradient", given(args));
  }
  gemm(program, {
    rows,
    cols,
    depth,
    left: dOutput,
    right: weight,
    output: dInput,
    residual,
    slope,
  });
}

/** Arguments of {@linkcode linearWeightGradient}. */
export interface LinearWeightGradientArgs {
  /** `[rows, in]` */
  input: Tensor;
  /** `[rows, out]` */
  dOutput: Tensor;
  /** `[out, in]` */
  dWeight: Tensor;
  /** `[out]`: sums of dOutput over the rows. */
  dBias?: Tensor | undefined;
}

/** Records `dWeight = dOutput^T x` and the bias gradient; both are overwritten. */
export function linearWeightGradient(
  program: Program,
  args: LinearWeightGradientArgs,
): void {
  const { input, dOutput, dWeight, dBias } = args;
  const [depth, cols, rows] = sizes(input, dWeight);
  if (
    !fits(dOutput, depth, rows) || !fits(dBias, rows) ||
    input.length !== depth * cols || dWeight.length !== rows * cols
  ) {
    throw shapeError("linearWeightGradient", given(args));
  }
  gemm(program, {
    rows,
    cols,
    depth,
    left: dOutput,
    transposeLeft: true,
    right: input,
    output: dWeight,
    sums: dBias,
    split: true,
  });
}

/**
 * Rows, input and output sizes. A weight of more dimensions, such as the patch
 * projection's `[dim, channels, patch, patch]`, counts as `[out, rest]`.
 */
function sizes(input: Tensor, weight: Tensor): [number, number, number] {
  const [out = 0] = weight.shape;
  const inner = input.shape[input.shape.length - 1] ?? 0;
  return [input.length / inner, inner, out];
}

function fits(tensor: Tensor | undefined, ...shape: number[]): boolean {
  if (tensor === undefined) return true;
  const last = tensor.shape[tensor.shape.length - 1];
  return tensor.length === shape.reduce((a, b) => a * b, 1) &&
    last === shape[shape.length - 1];
}

function given(args: object): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(args).filter(([, tensor]) => tensor !== undefined),
  );
}
