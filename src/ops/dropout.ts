import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import philox from "./common/philox.wgsl" with { type: "text" };
import step from "./common/step.wgsl" with { type: "text" };
import wgsl from "./dropout.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const kernel = defineWideKernel("dropout", wgsl, { common: [step, philox] });

/** What random masks are a function of. */
export interface MaskArgs {
  /** Probability of 0, in [0, 1). */
  rate: number;
  /** The per-step uniform: seed, stream and step. */
  step: Tensor;
  /** Position of each local image in the global batch, `u32 [batch]` */
  positions: Tensor;
  /** Rows of `[rows, dim]` tensors that belong to one image. */
  rowsPerImage: number;
  /** Differs for every op with a mask of its own. */
  salt: number;
}

/** Arguments of {@linkcode dropout}. */
export interface DropoutArgs extends MaskArgs {
  /** `[batch * rowsPerImage, dim]` */
  input: Tensor;
  output: Tensor;
}

/**
 * Records dropout. The mask is recomputed from the arguments, so the same call
 * on the output's gradient is the backward pass.
 */
export function dropout(program: Program, args: DropoutArgs): void {
  const { input, output, positions } = args;
  const { batch, count, salt, threshold, scale } = maskOf(
    "dropout",
    args,
    input,
  );
  if (output.length !== input.length) {
    throw shapeError("dropout", { input, output, positions });
  }
  const type = realTypeOf("dropout", { input, output });
  const wide = chooseWide(program, kernel, count, type);
  const lanes = program.device.form === "register" ? 8 : 64;
  program.dispatch(wide.kernel, {
    uniforms: { u32: [count / wide.width, salt, threshold], f32: [scale] },
    ...wide.bind([input], [args.step, positions, output]),
    constants: { WORKGROUP_SIZE: lanes },
    workgroups: [Math.ceil(count / (4 * lanes)), batch],
  });
}

/** Checked sizes and numbers of a mask: a word below the threshold gives 0. */
export function maskOf(op: string, args: MaskArgs, tensor: Tensor) {
  const { rate, positions, rowsPerImage, salt } = args;
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(`Cannot record ${op}: rate ${rate} is not in [0, 1)`);
  }
  const batch = positions.length;
  const count = rowsPerImage * (tensor.shape.at(-1) ?? 0);
  if (tensor.length !== batch * count) {
    throw shapeError(`${op} with ${rowsPerImage} rows an image`, {
      tensor,
      positions,
    });
  }
  const threshold = Math.min(0xffffffff, Math.round(rate * 2 ** 32));
  return {
    batch,
    count,
    salt: salt >>> 0,
    threshold,
    scale: 1 / (1 - rate),
  };
}
