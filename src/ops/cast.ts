import type { Kernel, Program, RealType, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./cast.wgsl" with { type: "text" };

const TYPES = ["f32", "f16"] as const;

const KERNELS = new Map<string, Kernel>(
  TYPES.flatMap((from) =>
    TYPES.map((to) => [`${from} ${to}`, define(from, to)] as const)
  ),
);

function define(from: RealType, to: RealType): Kernel {
  const header = [
    ...(from === to && from === "f32" ? [] : ["enable f16;"]),
    `alias In = ${from};`,
    `alias Out = ${to};`,
  ];
  return defineKernel(`cast_${from}_${to}`, wgsl, header);
}

/** Records `output = input factor[0]` in the output's type; `factor` is f32, 1 when left out. */
export function cast(
  program: Program,
  args: { input: Tensor; output: Tensor; factor?: Tensor | undefined },
): void {
  const { input, output, factor } = args;
  const kernel = KERNELS.get(`${input.type} ${output.type}`);
  if (kernel === undefined || output.length !== input.length) {
    throw shapeError("cast", { input, output });
  }
  // Something must be bound where no factor is read.
  const unread = factor === undefined ? program.scratch([1]) : undefined;
  program.dispatch(kernel, {
    uniforms: { u32: [input.length] },
    buffers: [input, factor ?? unread!, output],
    constants: { FACTOR: Number(factor !== undefined) },
    workgroups: Math.ceil(input.length / 64),
  });
  if (unread !== undefined) program.release(unread);
}
