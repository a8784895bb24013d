import { deepStrictEqual, ok } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { ParameterSet, vitSegments } from "../../src/model/mod.ts";
import { biasCorrections } from "../../src/ops/mod.ts";
import { Optimizer, StepUniform } from "../../src/training/mod.ts";
import { assertClose, uniform } from "../helpers/mod.ts";

Deno.test("biasCorrections() equals 1 - beta^t over the steps that were taken", async () => {
  using device = await Device.open();
  for (
    const [beta1, beta2] of [[0.9, 0.98], [0.9, 0.9999], [0, 0.5]] as const
  ) {
    for (const [step, skipped] of [[0, 0], [5, 3], [40, 2], [100_000, 7]]) {
      const words = new Uint32Array(8).fill(7);
      words[2] = step!;
      const values = device.tensor([8], words);
      const state = device.tensor([4], new Float32Array([1, 0, skipped!, 0]));
      device.run((program) =>
        biasCorrections(program, { state, step: values, beta1, beta2 })
      );
      const found = await device.readU32(values);
      const taken = step! + 1 - skipped!;
      assertClose(
        new Float32Array(found.buffer, 16, 2),
        [1 - beta1 ** taken, 1 - beta2 ** taken],
        { rtol: 1e-6 },
      );
      deepStrictEqual([...found.subarray(6)], [7, 7]);
    }
  }
});

Deno.test("Optimizer updates after skipped steps, and when it begins anew, as in its first step", async (t) => {
  using device = await Device.open();
  const segments = vitSegments({
    image: 8,
    patch: 4,
    dim: 8,
    depth: 1,
    heads: 2,
    classes: 3,
    distilled: false,
    epsilon: 1e-6,
  });
  const next = uniform(4);
  const values = segments.map(({ length }) =>
    Float32Array.from({ length }, () => next() - 0.5)
  );
  /** Weights after a step, with so many before it that overflow or are forgotten. */
  const run = async (
    { wire, overflows = 0, forgotten = 0 }: {
      wire: "f32" | "f16";
      overflows?: number;
      forgotten?: number;
    },
  ) => {
    using parameters = new ParameterSet(device, segments, "parameters");
    using gradients = new ParameterSet(device, segments, "gradients");
    using optimizer = new Optimizer(device, parameters, {
      kind: "adamw",
      weightDecay: 0.1,
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      momentum: 0,
      clipNorm: 0,
      layerDecay: 1,
      ema: 0,
      wire,
      // At the last step the scale is 1 whatever came before.
      lossScale: { initial: 2 ** overflows, growthInterval: 100 },
    });
    const step = new StepUniform(device);
    const before = overflows + forgotten;
    for (let index = 0; index <= before; index++) {
      if (index === forgotten) {
        parameters.tensors.forEach((tensor, i) =>
          device.write(tensor, values[i]!)
        );
        if (forgotten > 0) optimizer.restart(index);
      }
      gradients.tensors.forEach((tensor, i) => {
        const gradient = values[i]!.map((value) => value ** 2);
        if (index >= forgotten && index < before) gradient[0] = Infinity;
        device.write(tensor, gradient);
      });
      step.write({
        seed: 0,
        stream: 0,
        step: index,
        learningRate: 0.01,
        ...optimizer.corrections(index),
        emaDecay: 0,
      });
      device.run((program) =>
        optimizer.record(program, parameters, gradients, step.tensor)
      );
    }
    const result: number[][] = [];
    for (const tensor of parameters.tensors) {
      result.push([...await device.read(tensor)]);
    }
    step.tensor.buffer.destroy();
    return result;
  };
  for (const wire of ["f32", "f16"] as const) {
    await t.step(wire, async () => {
      const straight = await run({ wire });
      deepStrictEqual(await run({ wire, forgotten: 4 }), straight);
      ok(straight[0]!.some((value, i) => value !== values[0]![i]));
      if (wire === "f32") return;
      deepStrictEqual(await run({ wire, overflows: 3 }), straight);
      deepStrictEqual(
        await run({ wire, overflows: 2, forgotten: 5 }),
        straight,
      );
    });
  }
});
