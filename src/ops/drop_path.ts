import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import philox from "./common/philox.wgsl" with { type: "text" };
import step from "./common/step.wgsl" with { type: "text" };
import wgsl from "./drop_path.wgsl" with { type: "text" };
import { type MaskArgs, maskOf } from "./dropout.ts";
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const kernel = defineWideKernel("drop_path", wgsl, {
  common: [step, philox],
});

/** Units of a row that one workgroup handles; as in the kernel. */
const SLICE = 256;

/** Arguments of {@linkcode dropPath}; tensors are `[batch * rowsPerImage, dim]`. */
export interface DropPathArgs extends MaskArgs {
  residual: Tensor;
  branch: Tensor;
  output: Tensor;
}

/** Records `output = residual + branch mask[image] / (1 - rate)`. */
export function dropPath(program: Program, args: DropPathArgs): void {
  const { residual, branch, output } = args;
  if (residual.length !== branch.length || output.length !== branch.length) {
    throw shapeError("dropPath", { residual, branch, output });
  }
  record(program, args, { op: "dropPath", residual, branch, output });
}

/** Arguments of {@linkcode dropPathBackward}. */
export interface DropPathBackwardArgs extends MaskArgs {
  dOutput: Tensor;
  /** Overwritten. The gradient for the residual is `dOutput` itself. */
  dBranch: Tensor;
}

/** Records the gradient of {@linkcode dropPath} for the branch. */
export function dropPathBackward(
  program: Program,
  args: DropPathBackwardArgs,
): void {
  const { dOutput, dBranch } = args;
  if (dBranch.length !== dOutput.length) {
    throw shapeError("dropPathBackward", { dOutput, dBranch });
  }
  record(program, args, {
    op: "dropPathBackward",
    branch: dOutput,
    output: dBranch,
  });
}

function record(
  program: Program,
  mask: MaskArgs,
  { op, residual, branch, output }: {
    op: string;
    residual?: Tensor;
    branch: Tensor;
    output: Tensor;
  },
): void {
  const { batch, count, salt, threshold, scale } = maskOf(op, mask, branch);
  const type = realTypeOf(op, { residual, branch, output });
  const wide = chooseWide(program, kernel, count, type);
  const units = count / wide.width;
  program.dispatch(wide.kernel, {
    uniforms: { u32: [units, salt, threshold], f32: [scale] },
    ...wide.bind(
      [residual ?? branch, branch],
      [mask.step, mask.positions, output],
    ),
    constants: {
      WORKGROUP_SIZE: program.device.form === "register" ? 8 : 64,
      RESIDUAL: residual === undefined ? 0 : 1,
    },
    workgroups: [Math.ceil(units / SLICE), batch],
  });
}
