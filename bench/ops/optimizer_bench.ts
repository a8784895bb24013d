import { adamw, ema } from "../../src/ops/mod.ts";
import { adamwReference } from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/mod.ts";
import { agree, TOLERANCE, worstOf } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
} from "./op_case.ts";

/** Parameters of the peers' model, in whole runs of 64. */
const FULL = 2_693_632;
const TINY = 256;

const LEARNING_RATE = 1e-3;
const BETA1 = 0.9;
const BETA2 = 0.98;
const EPSILON = 1e-8;
const WEIGHT_DECAY = 0.05;
const EMA_DECAY = 0.99;

/** Updates of one flat segment; f32 in every precision. */
export const optimizerCases: OpFamily = function* (size) {
  const length = size === "full" ? FULL : TINY;
  yield {
    label: `adamw ${length}`,
    make: (context) => adamwCase(context, length),
  };
  yield { label: `ema ${length}`, make: (context) => emaCase(context, length) };
};

function stepTensor({ device }: OpContext, operands: Operands) {
  const step = new StepUniform(device);
  step.write({
    seed: 0,
    stream: 0,
    step: 0,
    learningRate: LEARNING_RATE,
    correction1: 1 - BETA1,
    correction2: 1 - BETA2,
    emaDecay: EMA_DECAY,
  });
  return operands.keep(step.tensor);
}

function adamwCase(context: OpContext, length: number): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const parameter = operands.floats([length]);
  const gradient = operands.floats([length]);
  const firstMoment = operands.floatResult([length]);
  const secondMoment = operands.floatResult([length]);
  const decay = operands.floatResult([length / 64]);
  device.write(decay, new Float32Array(length / 64).fill(1));
  const norm = operands.floatResult([4]);
  const step = stepTensor(context, operands);
  return {
    name: "adamw",
    shape: `${length}`,
    unit: "GB/s",
    // Four arrays read, three written.
    work: 7 * 4 * length,
    ceiling: "copy",
    record(program) {
      adamw(program, {
        parameter: parameter.tensor,
        gradient: gradient.tensor,
        firstMoment,
        secondMoment,
        decay,
        norm,
        step,
        beta1: BETA1,
        beta2: BETA2,
        epsilon: EPSILON,
        weightDecay: WEIGHT_DECAY,
        clipNorm: 0,
        rateScale: 1,
      });
    },
    async check() {
      const state = {
        parameter: Float64Array.from(parameter.values),
        firstMoment: new Float64Array(length),
        secondMoment: new Float64Array(length),
      };
      adamwReference(state, gradient.values, {
        step: 0,
        learningRate: LEARNING_RATE,
        beta1: BETA1,
        beta2: BETA2,
        epsilon: EPSILON,
        weightDecay: WEIGHT_DECAY,
        clip: 1,
        decays: () => true,
      });
      return worstOf([
        agree(
          await device.read(parameter.tensor),
          state.parameter,
          TOLERANCE.f32,
        ),
        agree(
          await device.read(secondMoment),
          state.secondMoment,
          TOLERANCE.f32,
        ),
      ]);
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}

function emaCase(context: OpContext, length: number): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const parameter = operands.floats([length]);
  const average = operands.floats([length]);
  const step = stepTensor(context, operands);
  return {
    name: "ema",
    shape: `${length}`,
    unit: "GB/s",
    work: 3 * 4 * length,
    ceiling: "copy",
    record(program) {
      ema(program, {
        parameter: parameter.tensor,
        average: average.tensor,
        step,
      });
    },
    async check() {
      const expected = Float64Array.from(
        average.values,
        (value, i) =>
          EMA_DECAY * value + (1 - EMA_DECAY) * parameter.values[i]!,
      );
      return agree(
        await device.read(average.tensor),
        expected,
        TOLERANCE.f32,
      );
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}
