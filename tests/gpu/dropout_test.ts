import { deepStrictEqual, ok, throws } from "node:assert";
import { Device, type KernelForm, type RealType } from "../../src/gpu/mod.ts";
import { dropout, dropPath, dropPathBackward } from "../../src/ops/mod.ts";
import {
  dropoutReference,
  dropPathReference,
} from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/step_uniform.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const TYPES: readonly RealType[] = ["f32", "f16"];
const CLOSE = { atol: 1e-6, rtol: 1e-6 };
const RANDOM = { seed: 0xdeadbeef, stream: 5, step: 7 };

function stepUniform(device: Device, values: typeof RANDOM): StepUniform {
  const uniform = new StepUniform(device);
  uniform.write({
    ...values,
    learningRate: 0,
    correction1: 0,
    correction2: 0,
    emaDecay: 0,
  });
  return uniform;
}

for (
  const [form, type] of FORMS.flatMap((form) =>
    TYPES.map((type) => [form, type] as const)
  )
) {
  const close = type === "f32" ? CLOSE : { atol: 5e-4, rtol: 6e-4 };
  Deno.test(`dropout() and dropPath() match the reference in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    const step = stepUniform(device, RANDOM).tensor;
    for (
      const { rows, dim, rate } of [
        { rows: 1, dim: 1, rate: 0.5 },
        { rows: 3, dim: 33, rate: 0.1 },
        { rows: 17, dim: 64, rate: 0.9 },
        { rows: 2, dim: 6, rate: 0 },
      ]
    ) {
      const order = Uint32Array.of(4, 0, 1000, 17, 3);
      const shape = [order.length * rows, dim];
      const values = stored(
        gaussian(order.length * rows * dim, { seed: 1 }),
        type,
      );
      const rest = stored(gaussian(values.length, { seed: 2 }), type);
      const input = device.tensor(shape, values, type);
      const residual = device.tensor(shape, rest, type);
      const positions = device.tensor([order.length], order);
      const mask = { rate, step, positions, rowsPerImage: rows };
      const [dropped, path, dBranch] = [0, 1, 2].map(() =>
        device.tensor(shape, undefined, type)
      );
      device.run((program) => {
        dropout(program, { input, output: dropped!, ...mask, salt: 16 });
        dropPath(program, {
          residual,
          branch: input,
          output: path!,
          ...mask,
          salt: 17,
        });
        dropPathBackward(program, {
          dOutput: input,
          dBranch: dBranch!,
          ...mask,
          salt: 17,
        });
      });
      const source = { ...RANDOM, rate, positions: order };
      assertClose(
        await device.read(dropped!),
        dropoutReference(values, { ...source, salt: 16 }),
        close,
      );
      const branch = dropPathReference(values, { ...source, salt: 17 });
      assertClose(await device.read(dBranch!), branch, close);
      assertClose(
        await device.read(path!),
        branch.map((value, i) => value + rest[i]!),
        close,
      );
    }
  });
}

Deno.test("dropout() masks depend on the global position, not on the rank", async () => {
  using device = await Device.open();
  const step = stepUniform(device, RANDOM).tensor;
  const whole = Uint32Array.from({ length: 6 }, (_, i) => i);
  const ones = new Float32Array(6 * 8).fill(1);
  const masks = await Promise.all(
    [whole, whole.subarray(0, 4), whole.subarray(4)].map((part) => {
      const output = device.tensor([part.length, 8]);
      device.run((program) =>
        dropout(program, {
          input: device.tensor(
            [part.length, 8],
            ones.subarray(0, part.length * 8),
          ),
          output,
          rate: 0.5,
          step,
          positions: device.tensor([part.length], part),
          rowsPerImage: 1,
          salt: 1,
        })
      );
      return device.read(output);
    }),
  );
  const [all, first, second] = masks;
  deepStrictEqual([...first!, ...second!], [...all!]);
  ok(all!.includes(0) && all!.includes(2));
});

Deno.test("dropout() draws another mask when step, stream or salt differ", async () => {
  using device = await Device.open();
  const ones = new Float32Array(64).fill(1);
  const input = device.tensor([1, 64], ones);
  const positions = device.tensor([1], Uint32Array.of(0));
  const kinds = new Set<string>();
  for (
    const { salt, ...random } of [
      { ...RANDOM, salt: 1 },
      { ...RANDOM, salt: 2 },
      { ...RANDOM, salt: 1, step: 8 },
      { ...RANDOM, salt: 1, stream: 6 },
      { ...RANDOM, salt: 1, seed: 1 },
    ]
  ) {
    const output = device.tensor([1, 64]);
    const { tensor: step } = stepUniform(device, random);
    device.run((program) =>
      dropout(program, {
        input,
        output,
        rate: 0.5,
        step,
        positions,
        rowsPerImage: 1,
        salt,
      })
    );
    kinds.add((await device.read(output)).join());
  }
  deepStrictEqual(kinds.size, 5);
});

Deno.test("dropout() refuses a rate of 1", async () => {
  using device = await Device.open();
  const positions = device.tensor([1], Uint32Array.of(0));
  const input = device.tensor([1, 4]);
  throws(
    () =>
      device.run((program) =>
        dropout(program, {
          input,
          output: device.tensor([1, 4]),
          rate: 1,
          step: stepUniform(device, RANDOM).tensor,
          positions,
          rowsPerImage: 1,
          salt: 0,
        })
      ),
    /rate 1 is not in \[0, 1\)/,
  );
});
