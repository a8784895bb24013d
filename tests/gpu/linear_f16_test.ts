import { throws } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  linearForward,
  linearInputGradient,
  linearWeightGradient,
} from "../../src/ops/mod.ts";
import {
  geluDerivativeReference,
  geluReference,
  linearBackwardReference,
  linearReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

// Rows, in, out: rows of f16 that are no whole texels, several rows of a matrix in one
// row of a texture, more than one tile.
const SHAPES = [
  [5, 33, 3],
  [65, 64, 192],
  [85, 100, 34],
  [300, 48, 10],
] as const;

/** Half the distance of neighbours, relative: 2^-11. */
const ROUNDING = { atol: 2e-3, rtol: 1e-3 };

function halves(length: number, seed: number, scale = 1): Float32Array {
  const values = gaussian(length, { seed, scale });
  return Float32Array.from(new Float16Array(values));
}

for (const form of FORMS) {
  Deno.test(`linear ops in f16 match the f64 reference in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const [rows, inner, outer] of SHAPES) {
      const sizes = { rows, inner, outer };
      const name = `${rows}x${inner}x${outer}`;
      const input = halves(rows * inner, 1);
      const weight = halves(outer * inner, 2, 0.2);
      const bias = gaussian(outer, { seed: 3 });
      const residual = halves(rows * outer, 4);
      const d = halves(rows * outer, 5);
      const slope = halves(rows * inner, 6);

      const half = (shape: number[], values?: Float32Array) =>
        device.tensor(shape, values, "f16");
      const x = half([rows, inner], input);
      const w = half([outer, inner], weight);
      const b = device.tensor([outer], bias);
      const added = half([rows, outer]);
      const kept = half([rows, outer]);
      const activated = half([rows, outer]);
      const logits = device.tensor([rows, outer]);
      const dOutput = half([rows, outer], d);
      const dLogits = device.tensor([rows, outer], d);
      const dInput = half([rows, inner]);
      const dFused = half([rows, inner]);
      const dFeature = half([rows, inner]);
      const gradients = [dOutput, dLogits].map((d) => ({
        input: x,
        dOutput: d,
        dWeight: device.tensor([outer, inner]),
        dBias: device.tensor([outer]),
      }));

      device.run((program) => {
        linearForward(program, {
          input: x,
          weight: w,
          bias: b,
          residual: half([rows, outer], residual),
          output: added,
        });
        linearForward(program, {
          input: x,
          weight: w,
          bias: b,
          slope: kept,
          output: activated,
        });
        linearForward(program, {
          input: x,
          weight: w,
          bias: b,
          output: logits,
        });
        linearInputGradient(program, { dOutput, weight: w, dInput });
        linearInputGradient(program, {
          dOutput,
          weight: w,
          dInput: dFused,
          slope: half([rows, inner], slope),
        });
        linearInputGradient(program, {
          dOutput: dLogits,
          weight: w,
          dInput: dFeature,
        });
        for (const args of gradients) linearWeightGradient(program, args);
      });

      const z = linearReference(input, weight, bias, sizes);
      assertClose(
        await device.read(added),
        z.map((value, i) => value + residual[i]!),
        ROUNDING,
        `${name} output with residual`,
      );
      assertClose(
        await device.read(kept),
        geluDerivativeReference(z),
        ROUNDING,
        `${name} slope`,
      );
      assertClose(
        await device.read(activated),
        geluReference(z),
        ROUNDING,
        `${name} GELU`,
      );
      const close = { atol: 1e-5, rtol: 1e-5 };
      assertClose(await device.read(logits), z, close, `${name} logits`);
      const expected = linearBackwardReference(input, weight, d, sizes);
      assertClose(
        await device.read(dFused),
        expected.dInput.map((value, i) => value * slope[i]!),
        ROUNDING,
        `${name} dInput with GELU`,
      );
      for (const gradient of [dInput, dFeature]) {
        assertClose(
          await device.read(gradient),
          expected.dInput,
          ROUNDING,
          `${name} dInput`,
        );
      }
      const sums = { atol: 1e-4, rtol: 1e-5 };
      for (const { dWeight, dBias } of gradients) {
        assertClose(
          await device.read(dWeight),
          expected.dWeight,
          sums,
          `${name} dWeight`,
        );
        assertClose(
          await device.read(dBias),
          expected.dBias,
          sums,
          `${name} dBias`,
        );
      }
    }
  });
}

Deno.test("linear ops name the types that no kernel has", async () => {
  using device = await Device.open();
  throws(
    () =>
      device.run((program) =>
        linearForward(program, {
          input: device.tensor([2, 4], undefined, "f16"),
          weight: device.tensor([4, 4], undefined, "f16"),
          output: device.tensor([2, 4], undefined, "f16"),
          residual: device.tensor([2, 4]),
        })
      ),
    {
      name: "TypeError",
      message:
        "Cannot multiply tensors of types left f16, right f16, output f16, residual f32",
    },
  );
});
