import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import wgsl from "./accumulate.wgsl" with { type: "text" };

const kernel = defineKernel("accumulate", wgsl);

/** Records `sum += part` over a segment. */
export function accumulate(
  program: Program,
  { sum, part }: { sum: Tensor; part: Tensor },
): void {
  const { length } = sum;
  if (length % 4 !== 0 || part.length !== length) {
    throw shapeError("accumulate", { sum, part });
  }
  program.dispatch(kernel, {
    uniforms: { u32: [length / 4] },
    buffers: [part, sum],
    workgroups: Math.ceil(length / 256),
  });
}
