import { throws } from "node:assert";
import {
  Device,
  type KernelForm,
  type RealType,
  view,
} from "../../src/gpu/mod.ts";
import { layerNormBackward, layerNormForward } from "../../src/ops/mod.ts";
import {
  layerNormBackwardReference,
  layerNormReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const TYPES: readonly RealType[] = ["f32", "f16"];
const SHAPES = [[1, 1], [1, 64], [7, 33], [130, 3], [67, 192], [
  9,
  257,
]] as const;
const EPSILON = 1e-6;
const FORMS_AND_TYPES = FORMS.flatMap((form) =>
  TYPES.map((type) => [form, type] as const)
);
/** Half a unit in the last place of f16 is 2^-11. */
const HALF = { atol: 5e-4, rtol: 6e-4 };

for (const [form, type] of FORMS_AND_TYPES) {
  Deno.test(`layerNormForward() matches the f64 reference in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    for (const [rows, dim] of SHAPES) {
      const input = stored(
        gaussian(rows * dim, { seed: 1, scale: 2, mean: 0.5 }),
        type,
      );
      const gamma = gaussian(dim, { seed: 2, mean: 1 });
      const beta = gaussian(dim, { seed: 3 });
      const output = device.tensor([rows, dim], undefined, type);
      const mean = device.tensor([rows]);
      const rstd = device.tensor([rows]);
      device.run((program) =>
        layerNormForward(program, {
          input: device.tensor([rows, dim], input, type),
          gamma: device.tensor([dim], gamma),
          beta: device.tensor([dim], beta),
          output,
          mean,
          rstd,
          epsilon: EPSILON,
        })
      );
      const expected = layerNormReference(input, gamma, beta, {
        dim,
        epsilon: EPSILON,
      });
      const name = `[${rows}, ${dim}]`;
      const tolerance = { atol: 5e-6, rtol: 5e-6 };
      assertClose(
        await device.read(output),
        expected.output,
        type === "f32" ? tolerance : HALF,
        name,
      );
      assertClose(await device.read(mean), expected.mean, tolerance, name);
      assertClose(await device.read(rstd), expected.rstd, tolerance, name);
    }
  });

  Deno.test(`layerNormBackward() matches the f64 reference in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    for (const [rows, dim] of SHAPES) {
      for (const withResidual of [false, true]) {
        const input = stored(
          gaussian(rows * dim, { seed: 4, scale: 2, mean: 0.5 }),
          type,
        );
        const gamma = gaussian(dim, { seed: 5, mean: 1 });
        const dOutput = stored(gaussian(rows * dim, { seed: 6 }), type);
        const residual = stored(gaussian(rows * dim, { seed: 7 }), type);
        const zeros = new Float32Array(dim);
        const forward = layerNormReference(input, gamma, zeros, {
          dim,
          epsilon: 0.01,
        });
        const dInput = device.tensor([rows, dim], undefined, type);
        // Both in one buffer, as parameters of a segment are.
        const start = Math.ceil(dim / 64) * 64;
        const gradients = device.tensor([2 * start]);
        const dGamma = view(gradients, [dim]);
        const dBeta = view(gradients, [dim], start);
        device.run((program) =>
          layerNormBackward(program, {
            input: device.tensor([rows, dim], input, type),
            gamma: device.tensor([dim], gamma),
            mean: device.tensor([rows], Float32Array.from(forward.mean)),
            rstd: device.tensor([rows], Float32Array.from(forward.rstd)),
            dOutput: device.tensor([rows, dim], dOutput, type),
            dInput,
            ...(withResidual
              ? { residual: device.tensor([rows, dim], residual, type) }
              : {}),
            dGamma,
            dBeta,
          })
        );
        const expected = layerNormBackwardReference(input, gamma, dOutput, {
          dim,
          epsilon: 0.01,
        });
        if (withResidual) {
          residual.forEach((value, i) => expected.dInput[i]! += value);
        }
        const name = `[${rows}, ${dim}]`;
        const tolerance = { atol: 1e-5, rtol: 1e-5 };
        assertClose(
          await device.read(dInput),
          expected.dInput,
          type === "f32" ? tolerance : HALF,
          name,
        );
        assertClose(await device.read(dGamma), expected.dGamma, {
          atol: 3e-6 * Math.sqrt(rows),
          rtol: 1e-5,
        }, name);
        assertClose(await device.read(dBeta), expected.dBeta, {
          atol: 3e-6 * Math.sqrt(rows),
          rtol: 1e-5,
        }, name);
      }
    }
  });
}

for (const form of FORMS) {
  Deno.test(`layerNormForward() keeps its digits when the mean is large in the ${form} form`, async () => {
    using device = await Device.open({ form });
    const [rows, dim] = [5, 48];
    const input = gaussian(rows * dim, { seed: 8, mean: 300 });
    const ones = new Float32Array(dim).fill(1);
    const zeros = new Float32Array(dim);
    const output = device.tensor([rows, dim]);
    device.run((program) =>
      layerNormForward(program, {
        input: device.tensor([rows, dim], input),
        gamma: device.tensor([dim], ones),
        beta: device.tensor([dim], zeros),
        output,
        mean: device.tensor([rows]),
        rstd: device.tensor([rows]),
        epsilon: EPSILON,
      })
    );
    const expected = layerNormReference(input, ones, zeros, {
      dim,
      epsilon: EPSILON,
    });
    assertClose(await device.read(output), expected.output, { atol: 1e-5 });
  });
}

Deno.test("layerNormBackward() sums gamma's gradient over several chunks of rows", async () => {
  using device = await Device.open();
  const [rows, dim] = [20_000, 5];
  const input = gaussian(rows * dim, { seed: 9 });
  const gamma = gaussian(dim, { seed: 10 });
  const dOutput = gaussian(rows * dim, { seed: 11 });
  const { mean, rstd } = layerNormReference(input, gamma, gamma, {
    dim,
    epsilon: EPSILON,
  });
  const dGamma = device.tensor([dim]);
  const dBeta = device.tensor([dim]);
  device.run((program) =>
    layerNormBackward(program, {
      input: device.tensor([rows, dim], input),
      gamma: device.tensor([dim], gamma),
      mean: device.tensor([rows], Float32Array.from(mean)),
      rstd: device.tensor([rows], Float32Array.from(rstd)),
      dOutput: device.tensor([rows, dim], dOutput),
      dInput: device.tensor([rows, dim]),
      dGamma,
      dBeta,
    })
  );
  const expected = layerNormBackwardReference(input, gamma, dOutput, {
    dim,
    epsilon: EPSILON,
  });
  assertClose(await device.read(dGamma), expected.dGamma, { atol: 1e-3 });
  assertClose(await device.read(dBeta), expected.dBeta, { atol: 1e-3 });
});

Deno.test("layerNormForward() names the shapes when they do not fit", async () => {
  using device = await Device.open();
  const input = device.tensor([2, 3]);
  const rows = device.tensor([2]);
  throws(
    () =>
      device.run((program) =>
        layerNormForward(program, {
          input,
          gamma: device.tensor([4]),
          beta: device.tensor([3]),
          output: device.tensor([2, 3]),
          mean: rows,
          rstd: rows,
          epsilon: EPSILON,
        })
      ),
    /layerNormForward.*input \[2,3\], gamma \[4\]/,
  );
});
