import type { Program, Tensor } from "../gpu/mod.ts";
import { logitSizes } from "./logit_sizes.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import logitPair from "./common/logit_pair.wgsl" with { type: "text" };
import wgsl from "./distill_kl.wgsl" with { type: "text" };

const kernel = defineRowKernel("distill_kl", wgsl, [logitPair]);

/** Arguments of {@linkcode distillKl}; logits are `[rows, classes]`. */
export interface DistillKlArgs {
  student: Tensor;
  teacher: Tensor;
  /** `[rows]`; 0 for padding rows. */
  rowWeights: Tensor;
  /** Softmax temperature T; the loss is scaled by T² (Hinton et al. 2015). */
  temperature: number;
  /** Factor of the gradient: 1 / globalBatch, or 1 / (globalBatch classes) for DeiT's divisor. */
  scale: number;
  /** Weighted loss of each row, `[rows]`. */
  loss: Tensor;
  dStudent: Tensor;
  /** Adds to `dStudent` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records forward and backward of the soft distillation loss in one dispatch. */
export function distillKl(program: Program, args: DistillKlArgs): void {
  const { student, teacher, rowWeights, loss, dStudent } = args;
  const { rows, cols } = logitSizes("distillKl", {
    logits: { student, teacher, dStudent },
    rows: { rowWeights, loss },
  });
  dispatchRows(program, kernel, {
    rows,
    uniforms: { u32: [rows, cols], f32: [args.temperature, args.scale] },
    buffers: [student, teacher, rowWeights, loss, dStudent],
    constants: { ACCUMULATE: args.accumulate === true ? 1 : 0 },
  });
}
