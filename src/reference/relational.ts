/** A loss over a whole batch with its gradient, in float64. */
export interface BatchLoss {
  loss: number;
  gradient: Float64Array;
}

/** Shapes of the relational losses. */
export interface RelationalShape {
  rows: number;
  dim: number;
  teacherDim: number;
}

/** Below this length a direction is divided by it, not by its own length. */
const SMALLEST = 1e-12;

/**
 * Relational distance loss, with the whole distance matrices.
 *
 * The student's own mean is differentiated; a clamped distance (below 1e-6) is
 * a constant.
 */
export function relationalDistanceReference(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  shape: RelationalShape,
): BatchLoss {
  const { rows, dim } = shape;
  const pairs = rows * (rows - 1);
  const gradient = new Float64Array(student.length);
  if (pairs === 0) return { loss: 0, gradient };
  const ds = distanceMatrix(student, rows);
  const dt = distanceMatrix(teacher, rows);
  const meanS = ds.reduce((sum, d) => sum + d, 0) / pairs;
  const meanT = dt.reduce((sum, d) => sum + d, 0) / pairs;
  let loss = 0;
  let throughMean = 0;
  const slopes = new Float64Array(rows * rows);
  for (let i = 0; i < slopes.length; i++) {
    const u = ds[i]! / meanS - dt[i]! / meanT;
    loss += huber(u) / rows ** 2;
    slopes[i] = huberSlope(u) / rows ** 2;
    throughMean += slopes[i]! * ds[i]! / meanS ** 2 / pairs;
  }
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      const d = ds[i * rows + j]!;
      if (i === j || d <= 1e-6) continue;
      const slope = slopes[i * rows + j]! / meanS - throughMean;
      for (let k = 0; k < dim; k++) {
        const direction = (student[i * dim + k]! - student[j * dim + k]!) / d;
        gradient[i * dim + k]! += slope * direction;
        gradient[j * dim + k]! -= slope * direction;
      }
    }
  }
  return { loss, gradient };
}

/**
 * Relational angle loss from explicit unit vectors.
 *
 * `equalRows: "zero"` takes no gradient through the direction between equal
 * rows; `"clamped"` takes the formula's 1e12.
 */
export function relationalAngleReference(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  shape: RelationalShape & { equalRows: "zero" | "clamped" },
): BatchLoss {
  const { rows, dim, teacherDim, equalRows } = shape;
  const gradient = new Float64Array(student.length);
  let loss = 0;
  for (let a = 0; a < rows; a++) {
    const s = directions(student, { rows, dim, from: a });
    const t = directions(teacher, { rows, dim: teacherDim, from: a });
    // dL/de_ab, both as the first and as the second arm.
    const dUnit = new Float64Array(rows * dim);
    for (let b = 0; b < rows; b++) {
      for (let c = 0; c < rows; c++) {
        const u = dot(s.units, b, c, dim) - dot(t.units, b, c, teacherDim);
        loss += huber(u) / rows ** 3;
        const slope = 2 * huberSlope(u) / rows ** 3;
        for (let k = 0; k < dim; k++) {
          dUnit[b * dim + k]! += slope * s.units[c * dim + k]!;
        }
      }
    }
    for (let b = 0; b < rows; b++) {
      const length = s.lengths[b]!;
      const clamped = length < SMALLEST;
      if (clamped && (equalRows === "zero" || a === b)) continue;
      let inner = 0;
      for (let k = 0; k < dim; k++) {
        inner += dUnit[b * dim + k]! * s.units[b * dim + k]!;
      }
      for (let k = 0; k < dim; k++) {
        const along = clamped ? 0 : inner * s.units[b * dim + k]!;
        const d = (dUnit[b * dim + k]! - along) / Math.max(length, SMALLEST);
        gradient[b * dim + k]! += d;
        gradient[a * dim + k]! -= d;
      }
    }
  }
  return { loss, gradient };
}

/** `sqrt(max(|x_i - x_j|^2, 1e-12))`, 0 on the diagonal. */
function distanceMatrix(
  x: ArrayLike<number>,
  rows: number,
): Float64Array {
  const dim = x.length / rows;
  const distances = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      if (i === j) continue;
      let square = 0;
      for (let k = 0; k < dim; k++) {
        square += (x[i * dim + k]! - x[j * dim + k]!) ** 2;
      }
      distances[i * rows + j] = Math.sqrt(Math.max(square, 1e-12));
    }
  }
  return distances;
}

/** Unit vectors from row `from` to every row, with the lengths before. */
function directions(
  x: ArrayLike<number>,
  shape: { rows: number; dim: number; from: number },
): { units: Float64Array; lengths: Float64Array } {
  const { rows, dim, from } = shape;
  const units = new Float64Array(rows * dim);
  const lengths = new Float64Array(rows);
  for (let b = 0; b < rows; b++) {
    for (let k = 0; k < dim; k++) {
      units[b * dim + k] = x[b * dim + k]! - x[from * dim + k]!;
    }
    lengths[b] = Math.hypot(...units.subarray(b * dim, (b + 1) * dim));
    for (let k = 0; k < dim; k++) {
      units[b * dim + k]! /= Math.max(lengths[b]!, SMALLEST);
    }
  }
  return { units, lengths };
}

function dot(units: Float64Array, b: number, c: number, dim: number): number {
  let sum = 0;
  for (let k = 0; k < dim; k++) {
    sum += units[b * dim + k]! * units[c * dim + k]!;
  }
  return sum;
}

function huber(u: number): number {
  return Math.abs(u) < 1 ? u * u / 2 : Math.abs(u) - 0.5;
}

function huberSlope(u: number): number {
  return Math.min(1, Math.max(-1, u));
}
