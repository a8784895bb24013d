import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel } from "../gpu/mod.ts";
import wgsl from "./zero.wgsl" with { type: "text" };

const kernel = defineKernel("zero", wgsl);

/** Records zeros into the whole tensor, of either element type. */
export function zero(program: Program, tensor: Tensor): void {
  program.dispatch(kernel, {
    uniforms: { u32: [tensor.length] },
    buffers: [tensor],
    workgroups: Math.ceil(tensor.length / 64),
  });
}
