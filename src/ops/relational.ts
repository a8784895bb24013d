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

/** Rows `[first, first + count)`. */
export interface OwnRows {
  first: number;
  count: number;
}

/** Arguments of {@linkcode relationalDistance} and {@linkcode relationalAngle}. */
export interface RelationalArgs {
  /** Features of the whole global batch, `[batch, dim]`. */
  student: Tensor;
  /** `[batch, teacherDim]`. */
  teacher: Tensor;
  /** The loss, `[1]`; not multiplied by `scale`. Of `own` rows, their part of it. */
  loss: Tensor;
  /** `[batch, dim]`, or of `own` rows `[count, dim]`. */
  dStudent: Tensor;
  /**
   * The only rows whose gradient is wanted; left out, all. Every rank with its own
   * rows share the work; their losses sum up to the whole.
   */
  own?: OwnRows | undefined;
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
  const { rows, own } = checkedRows("relationalDistance", args);
  const tiles = Math.ceil(rows / TILE);
  const pairs = relationalPairs(program, args);
  const sums = program.scratch([rows, 2]);
  const totals = program.scratch([2]);
  const moments = program.scratch([2]);
  const weights = program.scratch([own.count, TILE * tiles]);
  // Sums of the distances, then of the Huber distances and their slopes. The
  // first pass reads no totals: any other buffer stands in.
  sumRows(program, { pairs, totals: moments, sums, output: totals });
  sumRows(program, { pairs, totals, sums, output: moments }, true);
  dispatchRelational(program, weightsKernel, {
    uniforms: { u32: [rows, TILE * tiles, own.first, own.count] },
    inputs: [pairs],
    buffers: [totals, moments, weights],
    workgroups: Math.ceil(own.count * rows / 64),
  });
  reduceSum(program, {
    input: { ...moments, shape: [1], length: 1 },
    output: args.loss,
    slot: 0,
    // Everyone has the whole sum.
    scale: own.count / (rows * rows * rows),
  });
  gradient(program, args, { weights, own, summed: true });
  program.release(pairs, sums, totals, moments, weights);
}

/**
 * Records the relational angle loss (Park et al. 2019): the Huber distance of
 * the cosines of all angles between three rows.
 */
export function relationalAngle(program: Program, args: RelationalArgs): void {
  const { rows, own } = checkedRows("relationalAngle", args);
  const tiles = Math.ceil(rows / TILE);
  const ownTiles = Math.ceil(own.count / TILE);
  // Two angles instead of three where no weight is computed twice.
  const summed = own.count < rows;
  const width = tileWidth(program);
  const pairs = relationalPairs(program, {
    ...args,
    inverseOfZero: args.equalRows === "clamped" ? 1e12 : 0,
  });
  const weights = program.scratch([own.count, TILE * tiles]);
  const partial = program.scratch([ownTiles * tiles]);
  dispatchRelational(program, angleKernel, {
    uniforms: { u32: [rows, tiles, own.first, own.count] },
    inputs: [pairs],
    buffers: [weights, partial],
    constants: { WORKGROUP_SIZE: width, SUMMED: summed ? 1 : 0 },
    workgroups: ownTiles * Math.ceil(tiles / width),
  });
  reduceSum(program, { input: partial, output: args.loss, slot: 0, scale: 1 });
  gradient(program, args, { weights, own, summed });
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

function checkedRows(
  op: string,
  args: RelationalArgs,
): { rows: number; own: OwnRows } {
  const { student, teacher, loss, dStudent } = args;
  const [rows = 0, dim = 0] = student.shape;
  const { own = { first: 0, count: rows } } = args;
  if (
    rows === 0 || student.shape.length !== 2 ||
    teacher.shape.length !== 2 || teacher.shape[0] !== rows ||
    loss.length !== 1 || dStudent.length !== own.count * dim ||
    own.count < 1 || own.first + own.count > rows
  ) throw shapeError(op, { student, teacher, loss, dStudent });
  return { rows, own };
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
  { weights, own, summed }: { weights: Tensor; own: OwnRows; summed: boolean },
): void {
  const [rows = 0, dim = 0] = args.student.shape;
  const tiles = Math.ceil(rows / TILE);
  const columns = Math.ceil(dim / TILE);
  const width = tileWidth(program);
  dispatchRelational(program, gradientKernel, {
    uniforms: {
      u32: [rows, dim, tiles, columns, own.first, own.count],
      f32: [args.scale],
    },
    inputs: [args.student, weights],
    buffers: [args.dStudent],
    constants: {
      WORKGROUP_SIZE: width,
      SUMMED: summed ? 1 : 0,
      ACCUMULATE: args.accumulate === true ? 1 : 0,
      ...alignment(program, dim),
    },
    workgroups: Math.ceil(own.count / TILE) * Math.ceil(columns / width),
  });
}
