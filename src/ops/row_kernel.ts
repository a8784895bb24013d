import type {
  Constants,
  Kernel,
  Program,
  RealType,
  Tensor,
} from "../gpu/mod.ts";
import { defineKernel, defineRealKernel } from "../gpu/mod.ts";
import registerRows from "./common/row_register.wgsl" with { type: "text" };
import tiledRows from "./common/row_tiled.wgsl" with { type: "text" };

/** Rows per workgroup of the register form. */
const REGISTER_ROWS = 8;

/** A kernel that reduces rows, compiled in the form of the device. */
export interface RowKernel {
  readonly register: Kernel;
  readonly tiled: Kernel;
}

/** A kernel written with the functions of `common/row_*.wgsl`, and others of `common`. */
export function defineRowKernel(
  name: string,
  wgsl: string,
  common: readonly string[] = [],
): RowKernel {
  const register = [registerRows, ...common];
  const tiled = [tiledRows, ...common];
  return {
    register: defineKernel(`${name}_register`, wgsl, register),
    tiled: defineKernel(`${name}_tiled`, wgsl, tiled),
  };
}

/** As {@linkcode defineRowKernel}, for activations of either type; see `defineRealKernel`. */
export function defineRealRowKernel(
  name: string,
  wgsl: string,
): Record<RealType, RowKernel> {
  const register = defineRealKernel(`${name}_register`, wgsl, [registerRows]);
  const tiled = defineRealKernel(`${name}_tiled`, wgsl, [tiledRows]);
  return {
    f32: { register: register.f32, tiled: tiled.f32 },
    f16: { register: register.f16, tiled: tiled.f16 },
  };
}

/** Records a row kernel over `rows` rows. */
export function dispatchRows(
  program: Program,
  kernel: RowKernel,
  options: {
    rows: number;
    uniforms: { u32?: readonly number[]; f32?: readonly number[] };
    buffers: readonly Tensor[];
    constants?: Constants;
  },
): void {
  const { rows, ...rest } = options;
  const { form } = program.device;
  program.dispatch(kernel[form], {
    ...rest,
    workgroups: form === "register" ? Math.ceil(rows / REGISTER_ROWS) : rows,
  });
}
