import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitPair from "./common/logit_pair.wgsl" with { type: "text" };
import wgsl from "./consistency.wgsl" with { type: "text" };

const kernel = defineRowKernel("consistency", wgsl, [logitPair]);

/** Arguments of {@linkcode consistencyMse}; logits are `[rows, classes]`. */
export interface ConsistencyMseArgs {
  student: Tensor;
  teacher: Tensor;
  /** `[rows]`; 0 for padding rows. */
  rowWeights: Tensor;
  /** Factor of the gradient, such as 1 / globalBatch; not of `loss`. */
  scale: number;
  /** Weighted loss of each row, `[rows]`. */
  loss: Tensor;
  dStudent: Tensor;
  /** Adds to `dStudent` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records the squared difference of two softmax outputs, a mean over the classes. */
export function consistencyMse(
  program: Program,
  args: ConsistencyMseArgs,
): void {
  const { student, teacher, rowWeights, loss, dStudent } = args;
  const { rows, cols } = logitSizes("consistencyMse", {
    logits: { student, teacher, dStudent },
    rows: { rowWeights, loss },
  });
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.scale] },
    buffers: [student, teacher, rowWeights, loss, dStudent],
    constants: { ACCUMULATE: args.accumulate === true ? 1 : 0 },
  });
}
