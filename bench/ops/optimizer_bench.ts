import { adamw } from "../../src/ops/mod.ts";
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
  yield {
    label: `adamw_average ${length}`,
    make: (context) => adamwCase(context, length, true),
  };
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

/** @param averaged Also moves the average of the parameters. */
function adamwCase(
  context: OpContext,
  length: number,
  averaged = false,
): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const parameter = operands.floats([length]);
  const gradient = operands.floats([length]);
  const average = averaged ? operands.floats([length]) : undefined;
  const firstMoment = operands.floatResult([length]);
  const secondMoment = operands.floatResult([length]);
  const decay = operands.floatResult([length / 64]);
  device.write(decay, new Float32Array(length / 64).fill(1));
  const norm = operands.floatResult([4]);
  // Gate open, loss not scaled.
  device.write(norm, new Float32Array([0, 0, 1, 1]));
  const step = stepTensor(context, operands);
  return {
    name: averaged ? "adamw_average" : "adamw",
    shape: `${length}`,
    unit: "GB/s",
    // Four arrays read, three written; the average is both.
    work: (averaged ? 9 : 7) * 4 * length,
    ceiling: "copy",
    record(program) {
      adamw(program, {
        parameter: parameter.tensor,
        gradient: gradient.tensor,
        average: average?.tensor,
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
        ...(average === undefined ? [] : [
          agree(
            await device.read(average.tensor),
            average.values.map((value, i) =>
              EMA_DECAY * value + (1 - EMA_DECAY) * state.parameter[i]!
            ),
            TOLERANCE.f32,
          ),
        ]),
      ]);
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}
