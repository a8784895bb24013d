import { softmaxReference } from "./softmax.ts";

/** Loss of each row and the gradient of the sum over rows, in float64. */
export interface RowLoss {
  loss: Float64Array;
  gradient: Float64Array;
}

/** `-w sum_c t_c log softmax(z)_c` for given targets. */
export function softCrossEntropyReference(
  logits: ArrayLike<number>,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
  cols: number,
): RowLoss {
  const q = softmaxReference(logits, cols);
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(logits.length);
  for (let r = 0; r < weights.length; r++) {
    if (weights[r] === 0) continue;
    let mass = 0;
    for (let c = 0; c < cols; c++) mass += targets[r * cols + c]!;
    for (let c = r * cols; c < (r + 1) * cols; c++) {
      loss[r]! -= weights[r]! * targets[c]! * logSoftmax(logits, c, cols);
      gradient[c] = weights[r]! * (mass * q[c]! - targets[c]!);
    }
  }
  return { loss, gradient };
}

/** Cross-entropy of labels with smoothing; a label that is no class has weight 0. */
export function crossEntropyReference(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  weights: ArrayLike<number>,
  options: { cols: number; smoothing: number },
): RowLoss {
  const { cols, smoothing } = options;
  const targets = Float64Array.from(
    { length: logits.length },
    (_, i) =>
      smoothing / cols +
      (i % cols === labels[Math.floor(i / cols)] ? 1 - smoothing : 0),
  );
  const known = Float64Array.from(
    { length: weights.length },
    (_, r) => labels[r]! >= 0 && labels[r]! < cols ? weights[r]! : 0,
  );
  return softCrossEntropyReference(logits, targets, known, cols);
}

/** `w T^2 KL(softmax(teacher / T) || softmax(student / T))`. */
export function distillKlReference(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  weights: ArrayLike<number>,
  options: { cols: number; temperature: number },
): RowLoss {
  const { cols, temperature: t } = options;
  const p = softmaxReference(teacher, cols, t);
  const q = softmaxReference(student, cols, t);
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(student.length);
  for (let i = 0; i < student.length; i++) {
    const r = Math.floor(i / cols);
    if (weights[r] === 0) continue;
    const contrast = logSoftmax(teacher, i, cols, t) -
      logSoftmax(student, i, cols, t);
    loss[r]! += weights[r]! * t * t * p[i]! * contrast;
    gradient[i] = weights[r]! * t * (q[i]! - p[i]!);
  }
  return { loss, gradient };
}

/** `w / cols sum_c (softmax(student)_c - softmax(teacher)_c)^2`. */
export function consistencyMseReference(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  weights: ArrayLike<number>,
  cols: number,
): RowLoss {
  const s = softmaxReference(student, cols);
  const t = softmaxReference(teacher, cols);
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(student.length);
  for (let r = 0; r < weights.length; r++) {
    if (weights[r] === 0) continue;
    const factor = weights[r]! / cols;
    let inner = 0;
    for (let c = r * cols; c < (r + 1) * cols; c++) {
      loss[r]! += factor * (s[c]! - t[c]!) ** 2;
      inner += s[c]! * (s[c]! - t[c]!);
    }
    for (let c = r * cols; c < (r + 1) * cols; c++) {
      gradient[c] = 2 * factor * s[c]! * (s[c]! - t[c]! - inner);
    }
  }
  return { loss, gradient };
}

/** `-w sum_c p_c log p_c`. */
export function entropyReference(
  logits: ArrayLike<number>,
  weights: ArrayLike<number>,
  cols: number,
): RowLoss {
  const p = softmaxReference(logits, cols);
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(logits.length);
  for (let r = 0; r < weights.length; r++) {
    if (weights[r] === 0) continue;
    let entropy = 0;
    for (let c = r * cols; c < (r + 1) * cols; c++) {
      entropy -= p[c]! * logSoftmax(logits, c, cols);
    }
    loss[r] = weights[r]! * entropy;
    for (let c = r * cols; c < (r + 1) * cols; c++) {
      gradient[c] = -weights[r]! * p[c]! *
        (logSoftmax(logits, c, cols) + entropy);
    }
  }
  return { loss, gradient };
}

/** `w sum_c factor_c p_c`. */
export function softmaxLinearReference(
  logits: ArrayLike<number>,
  factors: ArrayLike<number>,
  weights: ArrayLike<number>,
): RowLoss {
  const cols = factors.length;
  const p = softmaxReference(logits, cols);
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(logits.length);
  for (let r = 0; r < weights.length; r++) {
    let mean = 0;
    for (let c = 0; c < cols; c++) mean += factors[c]! * p[r * cols + c]!;
    loss[r] = weights[r]! * mean;
    for (let c = 0; c < cols; c++) {
      gradient[r * cols + c] = weights[r]! * p[r * cols + c]! *
        (factors[c]! - mean);
    }
  }
  return { loss, gradient };
}

/** Squared difference to adaptively pooled teacher tokens, a mean per image. */
export function featureMseReference(
  student: ArrayLike<number>,
  teacher: ArrayLike<number>,
  weights: ArrayLike<number>,
  shape: {
    studentTokens: number;
    studentDim: number;
    teacherTokens: number;
    teacherDim: number;
  },
): RowLoss {
  const { studentTokens: m, studentDim, teacherTokens: n, teacherDim } = shape;
  const loss = new Float64Array(weights.length);
  const gradient = new Float64Array(student.length);
  for (let at = 0; at < student.length; at++) {
    const j = at % studentDim;
    const i = Math.floor(at / studentDim) % m;
    const b = Math.floor(at / studentDim / m);
    if (weights[b] === 0) continue;
    let sum = 0;
    let count = 0;
    for (let k = Math.floor(i * n / m); k < (i + 1) * n / m; k++) {
      const end = (j + 1) * teacherDim / studentDim;
      for (let l = Math.floor(j * teacherDim / studentDim); l < end; l++) {
        sum += teacher[(b * n + k) * teacherDim + l]!;
        count++;
      }
    }
    const difference = student[at]! - sum / count;
    const factor = weights[b]! / (m * studentDim);
    loss[b]! += factor * difference ** 2;
    gradient[at] = 2 * factor * difference;
  }
  return { loss, gradient };
}

/** `log softmax(z / T)` of element `i` within its row. */
export function logSoftmax(
  z: ArrayLike<number>,
  i: number,
  cols: number,
  temperature = 1,
): number {
  const start = i - i % cols;
  let top = -Infinity;
  for (let c = start; c < start + cols; c++) top = Math.max(top, z[c]!);
  let total = 0;
  for (let c = start; c < start + cols; c++) {
    total += Math.exp((z[c]! - top) / temperature);
  }
  return (z[i]! - top) / temperature - Math.log(total);
}
