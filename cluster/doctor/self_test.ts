import type { Device } from "../../src/gpu/mod.ts";
import {
  geluForward,
  layerNormForward,
  linearForward,
  linearInputGradient,
  linearWeightGradient,
} from "../../src/ops/mod.ts";
import { philox, uniform01 } from "../../src/random.ts";
import {
  geluReference,
  layerNormReference,
  linearBackwardReference,
  linearReference,
} from "../../src/reference/mod.ts";
import type { Check } from "./check.ts";

/** Largest error of a result, relative to its own largest value. */
interface Outcome {
  op: string;
  error: number;
}

/** A sum of n products in f32 is off by about sqrt(n) roundings of 6e-8. */
const TOLERANCE = 2e-5;

/** Sizes that divide by nothing, so that every kernel meets its edges. */
const ROWS = 67;
const INNER = 93;
const OUTER = 41;

function values(length: number, stream: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(
    { length },
    (_, i) => 2 * uniform01(philox([1, stream], [i, 0, 0, 0])[0]) - 1,
  );
}

function worst(actual: Float32Array, expected: ArrayLike<number>): number {
  let error = 0;
  let scale = 0;
  for (let i = 0; i < actual.length; i++) {
    // The comparison keeps NaN, which Math.max would also pass on.
    error = Math.max(error, Math.abs(actual[i]! - expected[i]!));
    scale = Math.max(scale, Math.abs(expected[i]!));
  }
  return error / scale;
}

async function linear(device: Device): Promise<Outcome[]> {
  const input = values(ROWS * INNER, 1);
  const weight = values(OUTER * INNER, 2);
  const bias = values(OUTER, 3);
  const dOutput = values(ROWS * OUTER, 4);
  const tensors = {
    input: device.tensor([ROWS, INNER], input),
    weight: device.tensor([OUTER, INNER], weight),
    bias: device.tensor([OUTER], bias),
    output: device.tensor([ROWS, OUTER]),
    dOutput: device.tensor([ROWS, OUTER], dOutput),
    dInput: device.tensor([ROWS, INNER]),
    dWeight: device.tensor([OUTER, INNER]),
    dBias: device.tensor([OUTER]),
  };
  device.run((program) => {
    linearForward(program, tensors);
    linearInputGradient(program, tensors);
    linearWeightGradient(program, tensors);
  });
  const sizes = { rows: ROWS, inner: INNER, outer: OUTER };
  const output = linearReference(input, weight, bias, sizes);
  const { dInput, dWeight } = linearBackwardReference(
    input,
    weight,
    dOutput,
    sizes,
  );
  const outcome = async (
    op: string,
    key: "output" | "dInput" | "dWeight",
    expected: ArrayLike<number>,
  ) => ({ op, error: worst(await device.read(tensors[key]), expected) });
  return [
    await outcome("linear", "output", output),
    await outcome("linear input gradient", "dInput", dInput),
    await outcome("linear weight gradient", "dWeight", dWeight),
  ];
}

async function gelu(device: Device): Promise<Outcome> {
  const input = values(ROWS * INNER, 5).map((value) => 4 * value);
  const output = device.tensor([input.length]);
  device.run((program) =>
    geluForward(program, {
      input: device.tensor([input.length], input),
      output,
    })
  );
  const error = worst(await device.read(output), geluReference(input));
  return { op: "gelu", error };
}

async function layerNorm(device: Device): Promise<Outcome> {
  const input = values(ROWS * INNER, 6);
  const gamma = values(INNER, 7);
  const beta = values(INNER, 8);
  const epsilon = 1e-6;
  const output = device.tensor([ROWS, INNER]);
  device.run((program) =>
    layerNormForward(program, {
      input: device.tensor([ROWS, INNER], input),
      gamma: device.tensor([INNER], gamma),
      beta: device.tensor([INNER], beta),
      output,
      mean: device.tensor([ROWS]),
      rstd: device.tensor([ROWS]),
      epsilon,
    })
  );
  const expected = layerNormReference(input, gamma, beta, {
    dim: INNER,
    epsilon,
  });
  const error = worst(await device.read(output), expected.output);
  return { op: "layer norm", error };
}

/** Runs kernels of training and compares with plain float64. */
export async function checkNumbers(device: Device): Promise<Check> {
  const outcomes = [
    ...await linear(device),
    await gelu(device),
    await layerNorm(device),
  ];
  const wrong = outcomes.filter(({ error }) => !(error <= TOLERANCE));
  const facts = Object.fromEntries(
    outcomes.map(({ op, error }) => [op, error]),
  );
  if (wrong.length > 0) {
    return {
      name: "numbers",
      status: "error",
      detail: wrong.map(({ op, error }) =>
        `${op} is off by ${error.toExponential(1)}`
      ).join(", "),
      hint:
        "this driver computes wrong results: update it, or use another adapter",
      facts,
    };
  }
  const most = Math.max(...outcomes.map(({ error }) => error));
  return {
    name: "numbers",
    status: "ok",
    detail: `${outcomes.length} kernels agree with float64 to ${
      most.toExponential(1)
    }`,
    facts,
  };
}
