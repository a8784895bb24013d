import type { KernelForm, Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import arrays from "./layer_norm_arrays.wgsl" with { type: "text" };
import backward from "./layer_norm_backward.wgsl" with { type: "text" };
import parameters from "./layer_norm_parameters.wgsl" with { type: "text" };
import textures from "./layer_norm_texels.wgsl" with { type: "text" };
import forward from "./layer_norm.wgsl" with { type: "text" };
import { matrixOf } from "./matrix_source.ts";
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel, rowGroups } from "./wide_kernel.ts";

const inputs = { arrays, textures };
const forwardKernel = defineWideKernel("layer_norm", forward, { inputs });
const backwardKernel = defineWideKernel(
  "layer_norm_backward",
  backward,
  { inputs },
);
const parametersKernel = defineKernel("layer_norm_parameters", parameters);

/** Rows of a chunk in backward: few enough for a cache, and to occupy a GPU. */
const CHUNK_ROWS: Record<KernelForm, number> = { register: 64, tiled: 16 };
/** Chunks from which on they are longer, up to what the kernel holds. */
const MANY_CHUNKS = 1024;
const MAX_CHUNK_ROWS = 256;

/** Arguments of {@linkcode layerNormForward}; `input` and `output` of one type, the others f32. */
export interface LayerNormForwardArgs {
  /** `[rows, dim]` */
  input: Tensor;
  /** `[dim]` */
  gamma: Tensor;
  /** `[dim]` */
  beta: Tensor;
  /** `[rows, dim]` */
  output: Tensor;
  /** Mean of each row, `[rows]`; kept for backward. */
  mean: Tensor;
  /** `1 / sqrt(variance + epsilon)` of each row, `[rows]`; kept for backward. */
  rstd: Tensor;
  epsilon: number;
}

/**
 * Records LayerNorm over the last dimension, with the biased variance.
 *
 * @throws {RangeError} With all shapes, if they do not fit.
 *
 * @example
 * ```ts
 * import { Device, layerNormForward } from "@signet/signet";
 * import { deepStrictEqual } from "node:assert";
 *
 * using device = await Device.open();
 * const output = device.tensor([1, 4]);
 * device.run((program) =>
 *   layerNormForward(program, {
 *     input: device.tensor([1, 4], Float32Array.of(1, 3, 1, 3)),
 *     gamma: device.tensor([4], Float32Array.of(1, 1, 1, 1)),
 *     beta: device.tensor([4]),
 *     output,
 *     mean: device.tensor([1]),
 *     rstd: device.tensor([1]),
 *     epsilon: 1e-6,
 *   })
 * );
 * deepStrictEqual([...await device.read(output)].map(Math.round), [-1, 1, -1, 1]);
 * ```
 */
export function layerNormForward(
  program: Program,
  args: LayerNormForwardArgs,
): void {
  const { input, gamma, beta, output, mean, rstd, epsilon } = args;
  const [rows, dim] = matrix(input);
  if (
    gamma.length !== dim || beta.length !== dim ||
    output.length !== input.length || mean.length !== rows ||
    rstd.length !== rows
  ) {
    throw shapeError("layerNormForward", {
      input,
      gamma,
      beta,
      output,
      mean,
      rstd,
    });
  }
  const type = realTypeOf("layerNormForward", { input, output }, {
    gamma,
    beta,
    mean,
    rstd,
  });
  const wide = chooseWide(program, forwardKernel, dim, type);
  const { sources, shift } = matricesOf(program, dim, [input, beta, gamma]);
  program.dispatch(wide.kernel, {
    uniforms: { u32: [rows, dim / wide.width, shift], f32: [epsilon] },
    ...wide.bind(sources, [output, mean, rstd]),
    workgroups: rowGroups(program, rows),
  });
}

/** Arguments of {@linkcode layerNormBackward}; `input`, `dOutput`, `dInput` and `residual` of one type. */
export interface LayerNormBackwardArgs {
  /** `[rows, dim]` */
  input: Tensor;
  /** `[dim]` */
  gamma: Tensor;
  /** From forward, `[rows]` */
  mean: Tensor;
  /** From forward, `[rows]` */
  rstd: Tensor;
  /** `[rows, dim]` */
  dOutput: Tensor;
  /** Overwritten, `[rows, dim]` */
  dInput: Tensor;
  /** Gradient that reaches the input by another way, added to `dInput`. */
  residual?: Tensor;
  /** Overwritten, `[dim]` */
  dGamma: Tensor;
  /** Overwritten, `[dim]` */
  dBeta: Tensor;
}

/** Records the gradients of LayerNorm. */
export function layerNormBackward(
  program: Program,
  args: LayerNormBackwardArgs,
): void {
  const { input, gamma, mean, rstd, dOutput, dInput, dGamma, dBeta } = args;
  const residual = args.residual ?? dOutput;
  const [rows, dim] = matrix(input);
  if (
    gamma.length !== dim || mean.length !== rows || rstd.length !== rows ||
    dOutput.length !== input.length || dInput.length !== input.length ||
    residual.length !== input.length || dGamma.length !== dim ||
    dBeta.length !== dim
  ) {
    throw shapeError("layerNormBackward", {
      input,
      gamma,
      mean,
      rstd,
      dOutput,
      dInput,
      residual,
      dGamma,
      dBeta,
    });
  }
  const type = realTypeOf(
    "layerNormBackward",
    { input, dOutput, dInput, residual },
    { gamma, mean, rstd, dGamma, dBeta },
  );
  const chunk = chunkRows(program.device.form, rows);
  const chunks = Math.ceil(rows / chunk);
  const partial = program.scratch([chunks, 2, dim]);
  const wide = chooseWide(program, backwardKernel, dim, type);
  const { sources, shift } = matricesOf(
    program,
    dim,
    [input, dOutput, gamma, residual],
  );
  program.dispatch(wide.kernel, {
    uniforms: { u32: [rows, dim / wide.width, chunk, shift] },
    ...wide.bind(sources, [mean, rstd, dInput, partial]),
    constants: { RESIDUAL: args.residual === undefined ? 0 : 1 },
    workgroups: chunks,
  });
  program.dispatch(parametersKernel, {
    uniforms: { u32: [chunks, dim] },
    buffers: [partial, dGamma, dBeta],
    workgroups: [Math.ceil(dim / 8)],
  });
  program.release(partial);
}

/** From form and shape alone, so that every adapter sums in the same order. */
function chunkRows(form: KernelForm, rows: number): number {
  const wanted = Math.max(CHUNK_ROWS[form], Math.ceil(rows / MANY_CHUNKS));
  return Math.min(wanted, MAX_CHUNK_ROWS);
}

/** As matrix products read them, and the shift of the first. */
function matricesOf(program: Program, dim: number, tensors: readonly Tensor[]) {
  const sources = tensors.map((tensor) => matrixOf(program, tensor, dim));
  return { sources, shift: sources[0]!.layout.shift };
}

function matrix(tensor: Tensor): [number, number] {
  const dim = tensor.shape.at(-1) ?? 0;
  return [dim === 0 ? 0 : tensor.length / dim, dim];
}
