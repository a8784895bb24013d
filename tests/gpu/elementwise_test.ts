import { deepStrictEqual, throws } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { add, copyRows, zero } from "../../src/ops/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

for (const length of [1, 63, 65, 1000, 4_200_000]) {
  Deno.test(`add() and zero() reach every element of ${length}`, async () => {
    using device = await Device.open();
    const a = gaussian(1000, { seed: 1 });
    const values = Float32Array.from({ length }, (_, i) => a[i % 1000]!);
    const input = device.tensor([length], values);
    const output = device.tensor([length]);
    device.run((program) => add(program, { a: input, b: input, output }));
    deepStrictEqual(await device.read(output), values.map((x) => 2 * x));
    device.run((program) => zero(program, output));
    deepStrictEqual(await device.read(output), new Float32Array(length));
  });
}

Deno.test("copyRows() copies rows between places that cannot be bound", async () => {
  using device = await Device.open();
  const values = gaussian(7 * 33, { seed: 2 });
  const output = device.tensor([5, 33]);
  device.run((program) =>
    copyRows(program, {
      input: device.tensor([7, 33], values),
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
