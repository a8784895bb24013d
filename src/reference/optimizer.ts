/** Values and state of one parameter array; changed in place by the steps below. */
export interface AdamwState {
  parameter: Float64Array;
  firstMoment: Float64Array;
  secondMoment: Float64Array;
}

/** One AdamW step in float64; `step` counts from 0, `decays(i)` says whether value i decays. */
export function adamwReference(
  state: AdamwState,
  gradient: ArrayLike<number>,
  options: {
    step: number;
    learningRate: number;
    beta1: number;
    beta2: number;
    epsilon: number;
    weightDecay: number;
    clip: number;
    decays: (index: number) => boolean;
  },
): void {
  const { parameter, firstMoment, secondMoment } = state;
  const { beta1, beta2, learningRate } = options;
  for (let i = 0; i < parameter.length; i++) {
    const g = gradient[i]! * options.clip;
    const m = beta1 * firstMoment[i]! + (1 - beta1) * g;
    const v = beta2 * secondMoment[i]! + (1 - beta2) * g * g;
    firstMoment[i] = m;
    secondMoment[i] = v;
    const mHat = m / (1 - beta1 ** (options.step + 1));
    const vHat = v / (1 - beta2 ** (options.step + 1));
    if (options.decays(i)) {
      parameter[i]! *= 1 - learningRate * options.weightDecay;
    }
    parameter[i]! -= learningRate * mHat / (Math.sqrt(vHat) + options.epsilon);
  }
}

/** One step of SGD with momentum in float64; `momentum` is 0 before the first. */
export function sgdReference(
  state: { parameter: Float64Array; momentum: Float64Array },
  gradient: ArrayLike<number>,
  options: {
    learningRate: number;
    momentumFactor: number;
    weightDecay: number;
    clip: number;
    decays: (index: number) => boolean;
  },
): void {
  const { parameter, momentum } = state;
  for (let i = 0; i < parameter.length; i++) {
    const decay = options.decays(i) ? options.weightDecay * parameter[i]! : 0;
    momentum[i] = options.momentumFactor * momentum[i]! +
      gradient[i]! * options.clip + decay;
    parameter[i]! -= options.learningRate * momentum[i]!;
  }
}

/** `min(1, clipNorm / (norm + 1e-6))`, or 1 where `clipNorm` is 0. */
export function clipFactorReference(norm: number, clipNorm: number): number {
  return clipNorm === 0 ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
}
