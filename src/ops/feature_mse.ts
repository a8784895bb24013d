import type { Program, Tensor } from "../gpu/mod.ts";
import { shapeError } from "../gpu/mod.ts";
import { reduceRows } from "./reduce_rows.ts";
import { realTypeOf } from "./real_type.ts";
import { defineRealRowKernel, dispatchRows } from "./row_kernel.ts";
import wgsl from "./feature_mse.wgsl" with { type: "text" };

const kernels = defineRealRowKernel("feature_mse", wgsl);

/** Arguments of {@linkcode featureMse}; `student`, `teacher` and `dStudent` of one type. */
export interface FeatureMseArgs {
  /** `[batch m, ds]`. */
  student: Tensor;
  /** `[batch n, dt]`, pooled to the student's `[m, ds]`. */
  teacher: Tensor;
  batch: number;
  /** `[batch]`; 0 for padding images. */
  rowWeights: Tensor;
  /** Factor of the gradient, such as 1 / globalBatch; not of `loss`. */
  scale: number;
  /** Weighted mean over an image's tokens and channels, `[batch]`. */
  loss: Tensor;
  dStudent: Tensor;
  /** Adds to `dStudent` instead of overwriting it. */
  accumulate?: boolean;
}

/** Records the squared difference of student tokens and adaptively pooled teacher tokens. */
export function featureMse(program: Program, args: FeatureMseArgs): void {
  const { student, teacher, batch, rowWeights, loss, dStudent } = args;
  const [studentRows = 0, studentDim = 0] = student.shape;
  const [teacherRows = 0, teacherDim = 0] = teacher.shape;
  const studentTokens = studentRows / batch;
  const teacherTokens = teacherRows / batch;
  if (
    student.shape.length !== 2 || teacher.shape.length !== 2 ||
    !Number.isInteger(studentTokens) || !Number.isInteger(teacherTokens) ||
    studentTokens < 1 || teacherTokens < 1 || rowWeights.length !== batch ||
    loss.length !== batch || dStudent.length !== student.length
  ) {
    throw shapeError("featureMse", {
      student,
      teacher,
      rowWeights,
      loss,
      dStudent,
    });
  }
  const type = realTypeOf(
    "featureMse",
    { student, teacher, dStudent },
    { rowWeights, loss },
  );
  const partial = program.scratch([batch, studentTokens]);
  dispatchRows(program, kernels[type], {
    rows: studentRows,
    uniforms: {
      u32: [batch, studentTokens, studentDim, teacherTokens, teacherDim],
      f32: [args.scale],
    },
    buffers: [student, teacher, rowWeights, partial, dStudent],
    constants: { ACCUMULATE: args.accumulate === true ? 1 : 0 },
  });
  reduceRows(program, { input: partial, output: loss });
  program.release(partial);
}
