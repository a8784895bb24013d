import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./add.wgsl" with { type: "text" };

const kernel = defineKernel("add", wgsl);

/** Arguments of {@linkcode add}, all of one length. */
export interface AddArgs {
  a: Tensor;
  b: Tensor;
  output: Tensor;
}

/** Records `output = a + b`. */
export function add(program: Program, args: AddArgs): void {
  const { a, b, output } = args;
  if (b.length !== a.length || output.length !== a.length) {
    throw shapeError("add", { ...args });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [a.length] },
    buffers: [a, b, output],
    workgroups: Math.ceil(a.length / 64),
  });
}
