import { bytesOf } from "../../src/gpu/mod.ts";
import {
  crossEntropy,
  geluBackward,
  geluForward,
  layerNormBackward,
  layerNormForward,
} from "../../src/ops/mod.ts";
import {
  crossEntropyReference,
  geluDerivativeReference,
  geluReference,
  layerNormBackwardReference,
  layerNormReference,
} from "../../src/reference/mod.ts";
import { agree, TOLERANCE, worstOf } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
  pickRows,
  type PlannedCase,
  someOf,
} from "./op_case.ts";

type Shape = readonly [rows: number, cols: number];

const EPSILON = 1e-6;

/** Ops that pass over rows of activations: layer norm, GELU, softmax loss. */
export const rowCases: OpFamily = function* (size) {
  const tiny = size === "tiny";
  const norms: Shape[] = tiny ? [[13, 24]] : [[4160, 192], [6336, 384]];
  for (const shape of norms) {
    yield planned("layer_norm_forward", shape, layerNormForwardCase);
    yield planned("layer_norm_backward", shape, layerNormBackwardCase);
  }
  const hidden: Shape = tiny ? [7, 20] : [4160, 768];
  yield planned("gelu_forward", hidden, geluForwardCase);
  yield planned("gelu_backward", hidden, geluBackwardCase);
  const losses: Shape[] = tiny ? [[5, 10]] : [[4096, 10], [4096, 1000]];
  for (const shape of losses) yield planned("cross_entropy", shape, lossCase);
};

function planned(
  name: string,
  shape: Shape,
  make: (context: OpContext, shape: Shape) => OpCase,
): PlannedCase {
  return {
    label: `${name} ${shape.join("x")}`,
    make: (context) => make(context, shape),
  };
}

function layerNormForwardCase(
  context: OpContext,
  [rows, dim]: Shape,
): OpCase {
  const { device, precision } = context;
  const operands = new Operands(context);
  const input = operands.activations([rows, dim]);
  const gamma = operands.floats([dim]);
  const beta = operands.floats([dim]);
  const output = operands.result([rows, dim]);
  const mean = operands.floatResult([rows]);
  const rstd = operands.floatResult([rows]);
  return {
    name: "layer_norm_forward",
    shape: `${rows}x${dim}`,
    unit: "GB/s",
    work: 2 * bytesOf(rows * dim, precision),
    ceiling: "copy",
    record(program) {
      layerNormForward(program, {
        input: input.tensor,
        gamma: gamma.tensor,
        beta: beta.tensor,
        output,
        mean,
        rstd,
        epsilon: EPSILON,
      });
    },
    async check() {
      return agree(
        await device.read(output),
        layerNormReference(input.values, gamma.values, beta.values, {
          dim,
          epsilon: EPSILON,
        }).output,
        TOLERANCE[precision],
      );
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}

function layerNormBackwardCase(
  context: OpContext,
  [rows, dim]: Shape,
): OpCase {
  const { device, precision } = context;
  const operands = new Operands(context);
  const input = operands.activations([rows, dim]);
  const dOutput = operands.activations([rows, dim]);
  const gamma = operands.floats([dim]);
  const zeros = new Float32Array(dim);
  const forward = layerNormReference(input.values, gamma.values, zeros, {
    dim,
    epsilon: EPSILON,
  });
  const mean = operands.floatResult([rows]);
  const rstd = operands.floatResult([rows]);
  device.write(mean, Float32Array.from(forward.mean));
  device.write(rstd, Float32Array.from(forward.rstd));
  const dInput = operands.result([rows, dim]);
  const dGamma = operands.floatResult([dim]);
  const dBeta = operands.floatResult([dim]);
  return {
    name: "layer_norm_backward",
    shape: `${rows}x${dim}`,
    unit: "GB/s",
    work: 3 * bytesOf(rows * dim, precision),
    ceiling: "copy",
    record(program) {
      layerNormBackward(program, {
        input: input.tensor,
        gamma: gamma.tensor,
        mean,
        rstd,
        dOutput: dOutput.tensor,
        dInput,
        dGamma,
        dBeta,
      });
    },
    async check() {
      const expected = layerNormBackwardReference(
        input.values,
        gamma.values,
        dOutput.values,
        { dim, epsilon: EPSILON },
      );
      const tolerance = TOLERANCE[precision];
      return worstOf([
        agree(await device.read(dInput), expected.dInput, tolerance),
        agree(await device.read(dGamma), expected.dGamma, tolerance),
        agree(await device.read(dBeta), expected.dBeta, tolerance),
      ]);
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}

function geluForwardCase(context: OpContext, shape: Shape): OpCase {
  return geluCase(context, shape, false);
}

function geluBackwardCase(context: OpContext, shape: Shape): OpCase {
  return geluCase(context, shape, true);
}

function geluCase(
  context: OpContext,
  [rows, cols]: Shape,
  backward: boolean,
): OpCase {
  const { device, precision } = context;
  const operands = new Operands(context);
  const input = operands.activations([rows, cols], 4);
  const dOutput = operands.activations([rows, cols]);
  const output = operands.result([rows, cols]);
  return {
    name: backward ? "gelu_backward" : "gelu_forward",
    shape: `${rows}x${cols}`,
    unit: "GB/s",
    work: (backward ? 3 : 2) * bytesOf(rows * cols, precision),
    ceiling: "copy",
    record(program) {
      if (backward) {
        geluBackward(program, {
          input: input.tensor,
          dOutput: dOutput.tensor,
          dInput: output,
        });
      } else geluForward(program, { input: input.tensor, output });
    },
    async check() {
      const some = someOf(rows, 64);
      const picked = pickRows(input.values, cols, some);
      const slopes = pickRows(dOutput.values, cols, some);
      return agree(
        pickRows(await device.read(output), cols, some),
        backward
          ? geluDerivativeReference(picked).map((value, i) =>
            value * slopes[i]!
          )
          : geluReference(picked),
        TOLERANCE[precision],
      );
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}

function lossCase(context: OpContext, [rows, classes]: Shape): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const logits = operands.floats([rows, classes], 5);
  const classOf = Uint32Array.from(
    { length: rows },
    (_, i) => (i * 7) % classes,
  );
  const labels = operands.words(classOf);
  const ones = new Float32Array(rows).fill(1);
  const rowWeights = operands.floatResult([rows]);
  device.write(rowWeights, ones);
  const loss = operands.floatResult([rows]);
  const dLogits = operands.floatResult([rows, classes]);
  return {
    name: "cross_entropy",
    shape: `${rows}x${classes}`,
    unit: "GB/s",
    // Logits and their gradient are f32 in every precision.
    work: 2 * 4 * rows * classes,
    ceiling: "copy",
    record(program) {
      crossEntropy(program, {
        logits: logits.tensor,
        labels,
        rowWeights,
        smoothing: 0.1,
        scale: 1,
        loss,
        dLogits,
      });
    },
    async check() {
      const some = someOf(rows, 16);
      const expected = crossEntropyReference(
        pickRows(logits.values, classes, some),
        some.map((row) => classOf[row]!),
        new Float64Array(some.length).fill(1),
        { cols: classes, smoothing: 0.1 },
      );
      const losses = await device.read(loss);
      return worstOf([
        agree(some.map((row) => losses[row]!), expected.loss, TOLERANCE.f32),
        agree(
          pickRows(await device.read(dLogits), classes, some),
          expected.gradient,
          TOLERANCE.f32,
        ),
      ]);
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}
