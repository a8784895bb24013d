import { deepStrictEqual, throws } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { add, copyRows, zero } from "../../src/ops/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

for (
  const [length, type] of [1, 63, 65, 1000, 4_200_000].flatMap((length) =>
    (["f32", "f16"] as const).map((type) => [length, type] as const)
  )
) {
  Deno.test(`add() and zero() reach every element of ${length} of type ${type}`, async () => {
    using device = await Device.open();
    const a = stored(gaussian(1000, { seed: 1 }), type);
    const values = Float32Array.from({ length }, (_, i) => a[i % 1000]!);
    const input = device.tensor([length], values, type);
    const output = device.tensor([length], undefined, type);
    device.run((program) => add(program, { a: input, b: input, output }));
    deepStrictEqual(await device.read(output), values.map((x) => 2 * x));
    device.run((program) => zero(program, output));
    deepStrictEqual(await device.read(output), new Float32Array(length));
  });
}

for (const type of ["f32", "f16"] as const) {
  Deno.test(`copyRows() copies rows of ${type} between places that cannot be bound`, async () => {
    using device = await Device.open();
    const values = stored(gaussian(7 * 33, { seed: 2 }), type);
    const output = device.tensor([5, 33], undefined, type);
    device.run((program) =>
      copyRows(program, {
        input: device.tensor([7, 33], values, type),
        output,
        inputRow: 3,
        outputRow: 1,
        rows: 3,
      })
    );
    const expected = new Float32Array(5 * 33);
    expected.set(values.subarray(3 * 33, 6 * 33), 33);
    assertClose(await device.read(output), expected, {});
  });
}

Deno.test("copyRows() refuses rows beyond the end", async () => {
  using device = await Device.open();
  const input = device.tensor([7, 3]);
  throws(
    () =>
      device.run((program) =>
        copyRows(program, {
          input,
          output: device.tensor([5, 3]),
          inputRow: 5,
          outputRow: 0,
          rows: 3,
        })
      ),
    /3 rows from 5 of \[7,3\] to 0 of \[5,3\]/,
  );
});

Deno.test("add() and copyRows() name the types when they differ", async () => {
  using device = await Device.open();
  const a = device.tensor([2, 2]);
  const b = device.tensor([2, 2], undefined, "f16");
  throws(
    () => device.run((program) => add(program, { a, b, output: a })),
    /add: types do not fit: a f32, b f16, output f32/,
  );
  throws(
    () =>
      device.run((program) =>
        copyRows(program, {
          input: a,
          output: b,
          inputRow: 0,
          outputRow: 0,
          rows: 1,
        })
      ),
    /copyRows: types do not fit: input f32, output f16/,
  );
});
