import { defineKernel, type Kernel } from "../gpu/mod.ts";
import scalar from "./common/wide_scalar.wgsl" with { type: "text" };
import vec4 from "./common/wide_vec4.wgsl" with { type: "text" };
import { defineRowKernel, type RowKernel } from "./row_kernel.ts";

/** A kernel written with the names of `common/wide_*.wgsl`, in both widths. */
export interface WideKernel<K = Kernel> {
  readonly vec4: K;
  readonly scalar: K;
}

export function defineWideKernel(
  name: string,
  wgsl: string,
  common: readonly string[] = [],
): WideKernel {
  return {
    vec4: defineKernel(`${name}_vec4`, wgsl, [...common, vec4]),
    scalar: defineKernel(`${name}_scalar`, wgsl, [...common, scalar]),
  };
}

/** As {@linkcode defineWideKernel}, for kernels that reduce rows. */
export function defineWideRowKernel(
  name: string,
  wgsl: string,
): WideKernel<RowKernel> {
  return {
    vec4: defineRowKernel(`${name}_vec4`, `${vec4}\n${wgsl}`),
    scalar: defineRowKernel(`${name}_scalar`, `${scalar}\n${wgsl}`),
  };
}

/** The kernel for runs of `length` values, and the run's length in its units. */
export function widthFor<K>(
  kernel: WideKernel<K>,
  length: number,
): { kernel: K; units: number } {
  return length % 4 === 0
    ? { kernel: kernel.vec4, units: length / 4 }
    : { kernel: kernel.scalar, units: length };
}
