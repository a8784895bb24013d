import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitRow from "./common/logit_row.wgsl" with { type: "text" };
import backward from "./softmax_backward.wgsl" with { type: "text" };
import forward from "./softmax.wgsl" with { type: "text" };

const forwardKernel = defineRowKernel("softmax", forward, [logitRow]);
const backwardKernel = defineRowKernel("softmax_backward", backward);

/**
 * Records softmax over the columns of `input` `[rows, cols]`, f32; the largest is
 * subtracted first. An example is at the head of `mod.ts`.
 *
 * @throws {RangeError} With both shapes, if they do not fit.
 */
export function softmaxForward(
  program: Program,
  args: { input: Tensor; output: Tensor },
): void {
  const { input, output } = args;
  const { rows, cols } = logitSizes("softmaxForward", {
    logits: { input, output },
  });
  dispatchRows(program, forwardKernel, {
    rows,
    uniforms: { u32: [rows, cols] },
    buffers: [input, output],
  });
}

/** Records the gradient of softmax; `output` is the forward result `[rows, cols]`. */
export function softmaxBackward(
  program: Program,
  args: { output: Tensor; dOutput: Tensor; dInput: Tensor },
): void {
  const { output, dOutput, dInput } = args;
  const { rows, cols } = logitSizes("softmaxBackward", {
    logits: { output, dOutput, dInput },
  });
  dispatchRows(program, backwardKernel, {
    rows,
    uniforms: { u32: [rows, cols] },
    buffers: [output, dOutput, dInput],
  });
}
