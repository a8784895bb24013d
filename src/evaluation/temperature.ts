import { rowsOf } from "./probabilities.ts";

/** Beyond these a model is not miscalibrated but broken. */
const LEAST = 0.05;
const MOST = 20;
/** Golden section: each step keeps 0.618 of the interval. */
const STEPS = 60;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** Of one degree of freedom: what twice the log-likelihood falls by up to the ends of a 95 % interval. */
const CHI_SQUARED = 3.841;

/**
 * The temperature T for which softmax(logits / T) has the least negative
 * log-likelihood (Guo et al. 2017). It changes confidences, never which class is
 * first.
 *
 * The targets are 1 - 1/(n + 2) instead of 1, as in Platt scaling: a few images
 * that are all right do not make the model certain.
 *
 * @param logits `[rows, classes]`
 */
export function fitTemperature(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): number {
  const rows = rowsOf(logits, classes);
  if (rows === 0 || classes < 2) return 1;
  const rest = 1 / (rows + 2);
  // log T is what the search runs over; the loss has one minimum in it.
  let low = Math.log(LEAST);
  let high = Math.log(MOST);
  const loss = (x: number) =>
    smoothedLoss(logits, labels, { classes, rest, scale: Math.exp(-x) });
  let a = high - GOLDEN * (high - low);
  let b = low + GOLDEN * (high - low);
  let [lossA, lossB] = [loss(a), loss(b)];
  for (let step = 0; step < STEPS && high - low > 1e-6; step++) {
    if (lossA <= lossB) {
      [high, b, lossB] = [b, a, lossA];
      a = high - GOLDEN * (high - low);
      lossA = loss(a);
    } else {
      [low, a, lossA] = [a, b, lossB];
      b = low + GOLDEN * (high - low);
      lossB = loss(b);
    }
  }
  return Math.exp((low + high) / 2);
}

/** A temperature, and what else it could be. */
export interface Calibration {
  /** Divides the logits. */
  temperature: number;
  /** 95 % interval by the likelihood ratio. */
  low: number;
  high: number;
}

/**
 * The temperature to use: the fitted one where images clearly ask for it, or else 1.
 * One that is fitted to the chance of few images makes the confidences of others
 * worse as often as better.
 */
export function calibrate(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): Calibration {
  const rows = rowsOf(logits, classes);
  if (rows === 0 || classes < 2) {
    return { temperature: 1, low: LEAST, high: MOST };
  }
  const best = fitTemperature(logits, labels, classes);
  const loss = (temperature: number) =>
    smoothedLoss(logits, labels, {
      classes,
      rest: 1 / (rows + 2),
      scale: 1 / temperature,
    });
  const most = loss(best) + CHI_SQUARED / 2;
  const end = (outer: number): number => {
    if (loss(outer) <= most) return outer;
    let [inside, outside] = [best, outer];
    while (Math.abs(Math.log(outside / inside)) > 1e-4) {
      const middle = Math.sqrt(inside * outside);
      if (loss(middle) <= most) inside = middle;
      else outside = middle;
    }
    return inside;
  };
  const [low, high] = [end(LEAST), end(MOST)];
  const clear = high < 1 || low > 1;
  return { temperature: clear ? best : 1, low, high };
}

/** Sum over rows of the cross-entropy with smoothed targets. */
function smoothedLoss(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  { classes, rest, scale }: { classes: number; rest: number; scale: number },
): number {
  const other = rest / (classes - 1);
  let total = 0;
  for (let row = 0; row * classes < logits.length; row++) {
    const start = row * classes;
    let top = -Infinity;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[start + c]!);
    let sum = 0;
    let mean = 0;
    for (let c = 0; c < classes; c++) {
      const z = (logits[start + c]! - top) * scale;
      sum += Math.exp(z);
      mean += z * (c === labels[row] ? 1 - rest : other);
    }
    total += Math.log(sum) - mean;
  }
  return total;
}
