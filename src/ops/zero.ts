import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, tensorBytes } from "../gpu/mod.ts";
import wgsl from "./zero.wgsl" with { type: "text" };

const kernel = defineKernel("zero", wgsl);

/** Records zeros into the whole tensor, of any element type. */
export function zero(program: Program, tensor: Tensor): void {
  const words = tensorBytes(tensor) / 4;
  program.dispatch(kernel, {
    uniforms: { u32: [words] },
    buffers: [tensor],
    workgroups: Math.ceil(words / 64),
  });
}
