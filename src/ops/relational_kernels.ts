import {
  type Constants,
  defineKernel,
  type Kernel,
  type KernelForm,
  type Program,
  type Tensor,
} from "../gpu/mod.ts";
import registerRows from "./common/row_register.wgsl" with { type: "text" };
import tiledRows from "./common/row_tiled.wgsl" with { type: "text" };
import texels from "./common/texels.wgsl" with { type: "text" };
import inputArrays from "./relational_arrays.wgsl" with { type: "text" };
import inputTexels from "./relational_texels.wgsl" with { type: "text" };
import angleWgsl from "./relational_angle.wgsl" with { type: "text" };
import gradientWgsl from "./relational_gradient.wgsl" with { type: "text" };
import pairsWgsl from "./relational_pairs.wgsl" with { type: "text" };
import rowsWgsl from "./relational_distance_rows.wgsl" with { type: "text" };
import weightsWgsl from "./relational_distance_weights.wgsl" with {
  type: "text",
};

/** A kernel that reads textures on CPU adapters and arrays elsewhere. */
export type RelationalKernel = Readonly<Record<KernelForm, Kernel>>;

export const pairsKernel = define("relational_pairs", pairsWgsl);
export const angleKernel = define("relational_angle", angleWgsl);
export const gradientKernel = define("relational_gradient", gradientWgsl);
export const rowsKernel = define("relational_distance_rows", rowsWgsl);
export const weightsKernel = define("relational_distance_weights", weightsWgsl);

/** Rows and columns that one invocation computes. */
export const TILE = 4;

function define(name: string, wgsl: string): RelationalKernel {
  return {
    register: defineKernel(`${name}_register`, wgsl, [
      registerRows,
      texels,
      inputTexels,
    ]),
    tiled: defineKernel(`${name}_tiled`, wgsl, [tiledRows, inputArrays]),
  };
}

/** Records a kernel; `inputs` are those that `relational_arrays.wgsl` declares. */
export function dispatchRelational(
  program: Program,
  kernel: RelationalKernel,
  options: {
    uniforms: { u32?: readonly number[]; f32?: readonly number[] };
    inputs: readonly Tensor[];
    buffers: readonly Tensor[];
    constants?: Constants;
    workgroups: number;
  },
): void {
  const { inputs, buffers, ...rest } = options;
  const { form } = program.device;
  program.dispatch(kernel[form], {
    ...rest,
    ...(form === "register"
      ? { textures: inputs, buffers }
      : { buffers: [...inputs, ...buffers] }),
  });
}

/** Invocations of a workgroup of the kernels that work in tiles. */
export function tileWidth(program: Program): number {
  return program.device.form === "register" ? 8 : 32;
}

/** How kernels that read features learn whether rows are whole texels. */
export function alignment(program: Program, dim: number): Constants {
  return program.device.form === "register"
    ? { ALIGNED: dim % 4 === 0 ? 1 : 0 }
    : {};
}
