import type { Program, Tensor } from "../gpu/mod.ts";
import { defineKernel, shapeError } from "../gpu/mod.ts";
import { reduceSum } from "./reduce_sum.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import angleWgsl from "./relational_angle.wgsl" with { type: "text" };
import gradientWgsl from "./relational_gradient.wgsl" with { type: "text" };
import pairsWgsl from "./relational_pairs.wgsl" with { type: "text" };
import rowsWgsl from "./relational_distance_rows.wgsl" with { type: "text" };
import totalWgsl from "./relational_total.wgsl" with { type: "text" };
import weightsWgsl from "./relational_distance_weights.wgsl" with {
  type: "text",
};

const pairsKernel = defineKernel("relational_pairs", pairsWgsl);
const angleKernel = defineKernel("relational_angle", angleWgsl);
const gradientKernel = defineKernel("relational_gradient", gradientWgsl);
const weightsKernel = defineKernel("relational_distance_weights", weightsWgsl);
const rowsKernel = defineRowKernel("relational_distance_rows", rowsWgsl);
const totalKernel = defineRowKernel("relational_total", totalWgsl);

/** Arguments of {@linkcode relationalDistance} and {@linkcode relationalAngle}. */
export interface RelationalArgs {
  /** Features of the whole global batch, `[batch, dim]`. */
  student: Tensor;
  /** `[batch, teacherDim]`. */
  teacher: Tensor;
  /** The loss, `[1]`; not multiplied by `scale`. */
  loss: Tensor;
  /** `[batch, dim]`. */
  dStudent: Tensor;
  /** Factor of the gradient. */
  scale: number;
  /** Adds to `dStudent` instead of overwriting it. */
  accumulate?: boolean;
  /**
   * The gradient through the direction between two equal rows, (x_b - x_a) /
   * max(|x_b - x_a|, 1e-12): `zero`, which training wants, or `clamped`, the
   * formula's own 1e12, which the golden files hold.
   */
  equalRows?: "zero" | "clamped";
}

/**
 * Records the relational distance loss (Park et al. 2019): the Huber distance
 * of the two distance matrices, each divided by its own mean.
 */
export function relationalDistance(
  program: Program,
  args: RelationalArgs,
): void {
  const rows = checkedRows("relationalDistance", args);
  const student = relationalPairs(program, args.student);
  const teacher = relationalPairs(program, args.teacher);
  const sums = program.scratch([rows, 2]);
  const totals = program.scratch([2]);
  const moments = program.scratch([2]);
  const weights = program.scratch([rows, rows]);
  rowSums(program, { student, teacher, totals: moments, sums, moment: false });
  total(program, { sums, output: totals });
  rowSums(program, { student, teacher, totals, sums, moment: true });
  total(program, { sums, output: moments });
  program.dispatch(weightsKernel, {
    uniforms: { u32: [rows] },
    buffers: [student, teacher, totals, moments, weights],
    workgroups: Math.ceil(rows * rows / 64),
  });
  const first = { ...moments, shape: [1], length: 1 };
  reduceSum(program, {
    input: first,
    output: args.loss,
    slot: 0,
    scale: 1 / (rows * rows),
  });
  gradient(program, args, weights, true);
  program.release(student, teacher, sums, totals, moments, weights);
}

/**
 * Records the relational angle loss (Park et al. 2019): the Huber distance of
 * the cosines of all angles between three rows.
 */
export function relationalAngle(program: Program, args: RelationalArgs): void {
  const rows = checkedRows("relationalAngle", args);
  const inverseOfZero = args.equalRows === "clamped" ? 1e12 : 0;
  const student = relationalPairs(program, args.student, inverseOfZero);
  const teacher = relationalPairs(program, args.teacher, inverseOfZero);
  const weights = program.scratch([rows, rows]);
  const partial = program.scratch([rows * rows]);
  program.dispatch(angleKernel, {
    uniforms: { u32: [rows] },
    buffers: [student, teacher, weights, partial],
    workgroups: rows * Math.ceil(rows / 8),
  });
  reduceSum(program, { input: partial, output: args.loss, slot: 0, scale: 1 });
  gradient(program, args, weights, false);
  program.release(student, teacher, weights, partial);
}

function checkedRows(op: string, args: RelationalArgs): number {
  const { student, teacher, loss, dStudent } = args;
  const [rows] = student.shape;
  if (
    rows === undefined || student.shape.length !== 2 ||
    teacher.shape.length !== 2 || teacher.shape[0] !== rows ||
    loss.length !== 1 || dStudent.length !== student.length
  ) throw shapeError(op, { student, teacher, loss, dStudent });
  return rows;
}

/**
 * Records squared distances S of all pairs of rows of `input` `[rows, dim]` and
 * 1 / sqrt(S), or `inverseOfZero` where rows are equal: scratch `[rows, rows, 2]`.
 */
export function relationalPairs(
  program: Program,
  input: Tensor,
  inverseOfZero = 0,
): Tensor {
  const [rows = 0, dim = 0] = input.shape;
  const tiles = Math.ceil(rows / 4);
  const pairs = program.scratch([rows, rows, 2]);
  program.dispatch(pairsKernel, {
    uniforms: { u32: [rows, dim, tiles], f32: [inverseOfZero] },
    buffers: [input, pairs],
    workgroups: Math.ceil(tiles * tiles / 8),
  });
  return pairs;
}

function rowSums(
  program: Program,
  args: {
    student: Tensor;
    teacher: Tensor;
    totals: Tensor;
    sums: Tensor;
    moment: boolean;
  },
): void {
  const rows = args.student.shape[0]!;
  dispatchRows(program, rowsKernel, {
    rows,
    uniforms: { u32: [rows] },
    buffers: [args.student, args.teacher, args.totals, args.sums],
    constants: { MOMENT: args.moment ? 1 : 0 },
  });
}

function total(program: Program, args: { sums: Tensor; output: Tensor }): void {
  dispatchRows(program, totalKernel, {
    rows: 1,
    uniforms: { u32: [args.sums.shape[0]!], f32: [1] },
    buffers: [args.sums, args.output],
  });
}

function gradient(
  program: Program,
  args: RelationalArgs,
  weights: Tensor,
  symmetric: boolean,
): void {
  const [rows = 0, dim = 0] = args.student.shape;
  program.dispatch(gradientKernel, {
    uniforms: { u32: [rows, dim], f32: [args.scale] },
    buffers: [args.student, weights, args.dStudent],
    constants: {
      SYMMETRIC: symmetric ? 1 : 0,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
    },
    workgroups: Math.ceil(rows * dim / 8),
  });
}
