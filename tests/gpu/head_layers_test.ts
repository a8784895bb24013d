import { deepStrictEqual, ok } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import {
  headsBackward,
  headsForward,
  initialValues,
  ParameterSet,
  type VitConfig,
  vitForward,
  vitSegments,
} from "../../src/model/mod.ts";
import { reluBackward, reluForward } from "../../src/ops/mod.ts";
import {
  linearBackwardReference,
  linearReference,
  reluReference,
} from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const BATCH = 5;
const CONFIG: VitConfig = {
  image: 8,
  patch: 4,
  dim: 12,
  depth: 1,
  heads: 2,
  classes: 3,
  distilled: true,
  epsilon: 1e-6,
  hidden: [7, 6],
};

Deno.test("reluForward() and reluBackward() match the f64 reference when values are of both signs", async () => {
  using device = await Device.open();
  const values = Float32Array.of(...gaussian(300, { seed: 1 }), 0, -0, 1e30);
  const d = gaussian(values.length, { seed: 2 });
  const output = device.tensor([values.length]);
  const dInput = device.tensor([values.length]);
  device.run((program) => {
    reluForward(program, {
      input: device.tensor([values.length], values),
      output,
    });
    reluBackward(program, {
      output,
      dOutput: device.tensor([d.length], d),
      dInput,
    });
  });
  assertClose(await device.read(output), reluReference(values), { atol: 0 });
  assertClose(
    await device.read(dInput),
    d.map((value, i) => values[i]! > 0 ? value : 0),
    { atol: 0 },
  );
});

/** Heads of a model with random weights, forward and backward on the GPU. */
async function runHeads(device: Device, headDropout: number) {
  const segments = vitSegments(CONFIG);
  const parameters = new ParameterSet(device, segments);
  const values = initialValues(segments, 3);
  for (const [name, value] of values) {
    // The last layers start at 0, which would hide the gradients below.
    if (!name.startsWith("head")) continue;
    const scale = value.shape.length > 1 ? 0.5 : 0.1;
    const data = gaussian(value.data.length, { seed: name.length, scale });
    values.set(name, { ...value, data });
  }
  parameters.writeAll(values);
  const gradients = new ParameterSet(device, segments, "gradients");
  const model = { config: CONFIG, parameters };
  const patches = gaussian(BATCH * 4 * 48, { seed: 5 });
  const dValues = [0, 1].map((i) => gaussian(BATCH * 3, { seed: 7 + i }));
  const outputs = [12, 12, 3, 3].map((width) => device.tensor([BATCH, width]));
  const uniform = new StepUniform(device);
  uniform.write({
    seed: 1,
    stream: 2,
    step: 3,
    learningRate: 0,
    correction1: 1,
    correction2: 1,
    emaDecay: 0,
  });
  device.run((program) => {
    const activations = vitForward(program, model, {
      patches: device.tensor([BATCH * 4, 48], patches),
      batch: BATCH,
      keep: true,
    });
    const heads = headsForward(program, model, activations, "both", {
      dropPath: 0,
      dropout: 0,
      headDropout,
      step: uniform.tensor,
      positions: device.tensor([BATCH], Uint32Array.of(0, 1, 2, 3, 4)),
    });
    const { distillation } = heads;
    [heads.feature, distillation!.feature, heads.logits, distillation!.logits]
      .forEach((tensor, i) => program.copy(tensor, outputs[i]!));
    headsBackward(program, model, {
      heads,
      kind: "both",
      batch: BATCH,
      gradients,
      losses: {
        dLogits: device.tensor([BATCH, 3], dValues[0]!),
        dDistillationLogits: device.tensor([BATCH, 3], dValues[1]!),
      },
    });
  });
  return {
    values,
    dValues,
    outputs: await Promise.all(outputs.map((tensor) => device.read(tensor))),
    gradients: await gradients.read(),
  };
}

Deno.test("headsForward() and headsBackward() of MLP heads match the f64 reference", async () => {
  using device = await Device.open();
  const { values, dValues, outputs, gradients } = await runHeads(device, 0);
  const widths = [12, 7, 6, 3];
  ["head", "head_dist"].forEach((name, h) => {
    const layer = (i: number) => {
      const at = (kind: string) => values.get(`${name}.fc${i + 1}.${kind}`)!;
      return { weight: at("weight").data, bias: at("bias").data };
    };
    const inputs: ArrayLike<number>[] = [outputs[h]!];
    for (let i = 0; i < 3; i++) {
      const sizes = { rows: BATCH, inner: widths[i]!, outer: widths[i + 1]! };
      const { weight, bias } = layer(i);
      const output = linearReference(inputs[i]!, weight, bias, sizes);
      inputs.push(i < 2 ? reluReference(output) : output);
    }
    assertClose(outputs[2 + h]!, inputs[3]!, { atol: 1e-5, rtol: 1e-5 }, name);
    let d: ArrayLike<number> = dValues[h]!;
    for (let i = 2; i >= 0; i--) {
      const sizes = { rows: BATCH, inner: widths[i]!, outer: widths[i + 1]! };
      const back = linearBackwardReference(
        inputs[i]!,
        layer(i).weight,
        d,
        sizes,
      );
      const read = (kind: string) =>
        gradients.get(`${name}.fc${i + 1}.${kind}`)!.data;
      const close = { atol: 2e-5, rtol: 1e-5 };
      assertClose(read("weight"), back.dWeight, close, `${name}.fc${i + 1}`);
      assertClose(read("bias"), back.dBias, close, `${name}.fc${i + 1} bias`);
      d = back.dInput.map((value, k) => inputs[i]![k]! > 0 ? value : 0);
    }
  });
});

Deno.test("headsForward() drops hidden values alike in forward and backward", async () => {
  using device = await Device.open();
  const plain = await runHeads(device, 0);
  const dropped = await runHeads(device, 0.5);
  const again = await runHeads(device, 0.5);
  deepStrictEqual(dropped.outputs, again.outputs);
  ok(String(dropped.outputs[2]) !== String(plain.outputs[2]));
  // A hidden value that is dropped for all images passes no gradient on.
  const weight = dropped.gradients.get("head.fc3.weight")!.data;
  const bias = dropped.gradients.get("head.fc2.bias")!.data;
  let unused = 0;
  bias.forEach((value, unit) => {
    const column = [0, 1, 2].map((c) => weight[c * 6 + unit]!);
    if (column.some((entry) => entry !== 0)) return;
    unused++;
    deepStrictEqual(Math.abs(value), 0, `unit ${unit}`);
  });
  ok(unused < 6);
});
