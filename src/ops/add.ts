import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import wgsl from "./add.wgsl" with { type: "text" };
import { realTypeOf } from "./real_type.ts";
import { chooseWide, defineWideKernel } from "./wide_kernel.ts";

const kernel = defineWideKernel("add", wgsl);

/** Arguments of {@linkcode add}, all of one length and type. */
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
  const type = realTypeOf("add", { ...args });
  const wide = chooseWide(program, kernel, a.length, type);
  const count = a.length / wide.width;
  program.dispatch(wide.kernel, {
    uniforms: { u32: [count] },
    ...wide.bind([a, b], [output]),
    workgroups: Math.ceil(count / 64),
  });
}
