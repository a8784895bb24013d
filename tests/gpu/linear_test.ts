import { deepStrictEqual, throws } from "node:assert";
import { Device, type KernelForm, view } from "../../src/gpu/mod.ts";
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

// Rows, in, out: odd ones, the aligned path, several tiles, a split depth.
const SHAPES = [
  [1, 33, 3],
  [13, 3, 100],
  [85, 64, 192],
  [85, 100, 33],
  [300, 64, 10],
  [700, 12, 20],
] as const;

for (const form of FORMS) {
  Deno.test(`linear ops match the f64 reference in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const [rows, inner, outer] of SHAPES) {
      const sizes = { rows, inner, outer };
      const name = `${rows}x${inner}x${outer}`;
      const input = gaussian(rows * inner, { seed: 1 });
      const weight = gaussian(outer * inner, { seed: 2, scale: 0.2 });
      const bias = gaussian(outer, { seed: 3 });
      const residual = gaussian(rows * outer, { seed: 4 });
      const d = gaussian(rows * outer, { seed: 5 });
      const slope = gaussian(rows * inner, { seed: 6 });
      const skip = gaussian(rows * inner, { seed: 7 });

      const x = device.tensor([rows, inner], input);
      const w = device.tensor([outer, inner], weight);
      const b = device.tensor([outer], bias);
      const plain = device.tensor([rows, outer]);
      const added = device.tensor([rows, outer]);
      const kept = device.tensor([rows, outer]);
      const activated = device.tensor([rows, outer]);
      const dOutput = device.tensor([rows, outer], d);
      const dInput = device.tensor([rows, inner]);
      const dFused = device.tensor([rows, inner]);
      // One buffer, as parameters' gradients are.
      const biasStart = Math.ceil(outer * inner / 64) * 64;
      const segment = device.tensor([biasStart + outer]);
      const dWeight = view(segment, [outer, inner]);
      const dBias = view(segment, [outer], biasStart);

      device.run((program) => {
        linearForward(program, { input: x, weight: w, output: plain });
        linearForward(program, {
          input: x,
          weight: w,
          bias: b,
          residual: device.tensor([rows, outer], residual),
          output: added,
        });
        linearForward(program, {
          input: x,
          weight: w,
          bias: b,
          slope: kept,
          output: activated,
        });
        linearInputGradient(program, { dOutput, weight: w, dInput });
        linearInputGradient(program, {
          dOutput,
          weight: w,
          dInput: dFused,
          slope: device.tensor([rows, inner], slope),
          residual: device.tensor([rows, inner], skip),
        });
        linearWeightGradient(program, { input: x, dOutput, dWeight, dBias });
      });

      const close = { atol: 1e-5, rtol: 1e-5 };
      const y = linearReference(input, weight, undefined, sizes);
      const z = linearReference(input, weight, bias, sizes);
      assertClose(await device.read(plain), y, close, `${name} output`);
      assertClose(
        await device.read(added),
        z.map((value, i) => value + residual[i]!),
        close,
        `${name} output with residual`,
      );
      assertClose(
        await device.read(kept),
        geluDerivativeReference(z),
        close,
        `${name} slope`,
      );
      assertClose(
        await device.read(activated),
        geluReference(z),
        close,
        `${name} GELU`,
      );
      const expected = linearBackwardReference(input, weight, d, sizes);
      assertClose(
        await device.read(dInput),
        expected.dInput,
        close,
        `${name} dInput`,
      );
      assertClose(
        await device.read(dFused),
        expected.dInput.map((value, i) => value * slope[i]! + skip[i]!),
        close,
        `${name} dInput with GELU and residual`,
      );
      const sums = { atol: 1e-4, rtol: 1e-5 };
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
  });
}

// Outputs of more than 1024 tiles get the high tiles of the `tiled` form.
for (const [long, short] of [[2052, 20], [2049, 19]] as const) {
  Deno.test(`linear ops in tiled form match the f64 reference on outputs of ${long} x ${long}`, async () => {
    using device = await Device.open({ form: "tiled" });
    const few = gaussian(long * short, { seed: 1 });
    const other = gaussian(long * short, { seed: 2 });
    const output = device.tensor([long, long]);
    const close = { atol: 2e-5, rtol: 1e-5 };

    const input = device.tensor([long, short], few);
    const weight = device.tensor([long, short], other);
    device.run((program) => linearForward(program, { input, weight, output }));
    assertClose(
      await device.read(output),
      linearReference(few, other, undefined, {
        rows: long,
        inner: short,
        outer: long,
      }),
      close,
      "output",
    );

    const wide = device.tensor([short, long], other);
    device.run((program) =>
      linearInputGradient(program, {
        dOutput: input,
        weight: wide,
        dInput: output,
      })
    );
    assertClose(
      await device.read(output),
      linearBackwardReference(new Float32Array(long * long), other, few, {
        rows: long,
        inner: long,
        outer: short,
      }).dInput,
      close,
      "dInput",
    );

    const dOutput = device.tensor([short, long], few);
    const dBias = device.tensor([long]);
    device.run((program) =>
      linearWeightGradient(program, {
        input: wide,
        dOutput,
        dWeight: output,
        dBias,
      })
    );
    const expected = linearBackwardReference(
      other,
      new Float32Array(long * long),
      few,
      { rows: short, inner: long, outer: long },
    );
    assertClose(await device.read(output), expected.dWeight, close, "dWeight");
    assertClose(await device.read(dBias), expected.dBias, close, "dBias");
  });
}

Deno.test("linearWeightGradient() gives the same bits when run again with other buffers", async () => {
  using device = await Device.open();
  const input = device.tensor([700, 12], gaussian(700 * 12, { seed: 1 }));
  const dOutput = device.tensor([700, 20], gaussian(700 * 20, { seed: 2 }));
  const results = [0, 1].map(() => device.tensor([20, 12]));
  for (const dWeight of results) {
    device.run((program) => {
      linearWeightGradient(program, { input, dOutput, dWeight });
    });
  }
  deepStrictEqual(
    await device.read(results[0]!),
    await device.read(results[1]!),
  );
});

Deno.test("linear ops name all shapes when they do not fit", async () => {
  using device = await Device.open();
  const input = device.tensor([2, 3]);
  const weight = device.tensor([4, 5]);
  const output = device.tensor([2, 4]);
  throws(
    () =>
      device.run((program) =>
        linearForward(program, { input, weight, output })
      ),
    {
      name: "RangeError",
      message:
        "Cannot record linearForward: shapes do not fit: input [2,3], weight [4,5], output [2,4]",
    },
  );
  throws(
    () =>
      device.run((program) =>
        linearInputGradient(program, {
          dOutput: output,
          weight,
          dInput: input,
        })
      ),
    /linearInputGradient: shapes do not fit/,
  );
  throws(
    () =>
      device.run((program) =>
        linearWeightGradient(program, {
          input,
          dOutput: output,
          dWeight: weight,
        })
      ),
    /linearWeightGradient: shapes do not fit/,
  );
});
