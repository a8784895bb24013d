import { type Program, shapeError, type Tensor } from "../gpu/mod.ts";
import { reduceSum } from "./reduce_sum.ts";
import {
  alignment,
  angleKernel,
  dispatchRelational,
  gradientKernel,
  pairsKernel,
  rowsKernel,
  TILE,
  tileWidth,
  weightsKernel,
} from "./relational_kernels.ts";
import { defineRowKernel, dispatchRows } from "./row_kernel.ts";
import { rowGroups } from "./wide_kernel.ts";
import totalWgsl from "./relational_total.wgsl" with { type: "text" };

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
  const tiles = Math.ceil(rows / TILE);
  const pairs = relationalPairs(program, args);
  const sums = program.scratch([rows, 2]);
  const totals = program.scratch([2]);
  const moments = program.scratch([2]);
  const weights = program.scratch([rows, TILE * tiles]);
  // Sums of the distances, then of the Huber distances and their slopes. The
  // first pass reads no totals: any other buffer stands in.
  sumRows(program, { pairs, totals: moments, sums, output: totals });
  sumRows(program, { pairs, totals, sums, output: moments }, true);
  dispatchRelational(program, weightsKernel, {
    uniforms: { u32: [rows, TILE * tiles] },
    inputs: [pairs],
    buffers: [totals, moments, weights],
    workgroups: Math.ceil(rows * rows / 64),
  });
  reduceSum(program, {
    input: { ...moments, shape: [1], length: 1 },
    output: args.loss,
    slot: 0,
    scale: 1 / (rows * rows),
  });
  gradient(program, args, weights, true);
  program.release(pairs, sums, totals, moments, weights);
}

/**
 * Records the relational angle loss (Park et al. 2019): the Huber distance of
 * the cosines of all angles between three rows.
 */
export function relationalAngle(program: Program, args: RelationalArgs): void {
  const rows = checkedRows("relationalAngle", args);
  const tiles = Math.ceil(rows / TILE);
  const width = tileWidth(program);
  const pairs = relationalPairs(program, {
    ...args,
    inverseOfZero: args.equalRows === "clamped" ? 1e12 : 0,
  });
  const weights = program.scratch([rows, TILE * tiles]);
  const partial = program.scratch([tiles * tiles]);
  dispatchRelational(program, angleKernel, {
    uniforms: { u32: [rows, tiles] },
    inputs: [pairs],
    buffers: [weights, partial],
    constants: { WORKGROUP_SIZE: width },
    workgroups: tiles * Math.ceil(tiles / width),
  });
  reduceSum(program, { input: partial, output: args.loss, slot: 0, scale: 1 });
  gradient(program, args, weights, false);
  program.release(pairs, weights, partial);
}

/**
 * Records squared distances S of all pairs of rows and 1 / sqrt(S), or
 * `inverseOfZero` where rows are equal, of the student and then of the teacher:
 * scratch `[rows, rows, 4]`.
 */
export function relationalPairs(
  program: Program,
  args: { student: Tensor; teacher: Tensor; inverseOfZero?: number },
): Tensor {
  const { student, teacher, inverseOfZero = 0 } = args;
  const [rows = 0] = student.shape;
  const tiles = Math.ceil(rows / TILE);
  const width = tileWidth(program);
  const pairs = program.scratch([rows, rows, 4]);
  for (const [part, features] of [student, teacher].entries()) {
    const [, dim = 0] = features.shape;
    dispatchRelational(program, pairsKernel, {
      uniforms: { u32: [rows, dim, tiles], f32: [inverseOfZero] },
      inputs: [features],
      buffers: [pairs],
      constants: {
        WORKGROUP_SIZE: width,
        PART: part,
        ...alignment(program, dim),
      },
      workgroups: tiles * Math.ceil(tiles / width),
    });
  }
  return pairs;
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

/** Two sums over all pairs: distances, or with `moment` what needs their means. */
function sumRows(
  program: Program,
  args: { pairs: Tensor; totals: Tensor; sums: Tensor; output: Tensor },
  moment = false,
): void {
  const { pairs, totals, sums, output } = args;
  const rows = pairs.shape[0]!;
  dispatchRelational(program, rowsKernel, {
    uniforms: { u32: [rows] },
    inputs: [pairs],
    buffers: [totals, sums],
    constants: { MOMENT: moment ? 1 : 0 },
    workgroups: rowGroups(program, rows),
  });
  dispatchRows(program, totalKernel, {
    rows: 1,
    uniforms: { u32: [rows], f32: [1] },
    buffers: [sums, output],
  });
}

function gradient(
  program: Program,
  args: RelationalArgs,
  weights: Tensor,
  symmetric: boolean,
): void {
  const [rows = 0, dim = 0] = args.student.shape;
  const tiles = Math.ceil(rows / TILE);
  const columns = Math.ceil(dim / TILE);
  const width = tileWidth(program);
  dispatchRelational(program, gradientKernel, {
    uniforms: { u32: [rows, dim, tiles, columns], f32: [args.scale] },
    inputs: [args.student, weights],
    buffers: [args.dStudent],
    constants: {
      WORKGROUP_SIZE: width,
      SYMMETRIC: symmetric ? 1 : 0,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
      ...alignment(program, dim),
    },
    workgroups: tiles * Math.ceil(columns / width),
  });
}
