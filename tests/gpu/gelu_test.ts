import { ok, strictEqual } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { geluBackward, geluForward, probeForm } from "../../src/ops/mod.ts";
import {
  erf,
  geluDerivativeReference,
  geluReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

Deno.test("erf() has the tabulated values when the argument is small and large", () => {
  for (
    const [x, value] of [
      [0, 0],
      [0.5, 0.5204998778130465],
      [-1, -0.8427007929497149],
      [2.9, 0.9999589021219005],
      [3.1, 0.9999883513426328],
      [6, 1],
    ] as const
  ) assertClose([erf(x)], [value], { atol: 1e-13 });
});

for (const type of ["f32", "f16"] as const) {
  const exact = type === "f32";
  // f16 ends at 65504.
  const huge = exact ? 1e30 : 6e4;

  Deno.test(`geluForward() and geluBackward() match the f64 reference when ${type} values are tiny, moderate and huge`, async () => {
    using device = await Device.open();
    const values = stored(
      Float32Array.of(
        ...gaussian(500, { seed: 1, scale: 3 }),
        ...gaussian(70, { seed: 2, scale: 1e-4 }),
        0,
        -0,
        30,
        -30,
        huge,
        -huge,
      ),
      type,
    );
    const d = stored(gaussian(values.length, { seed: 3 }), type);
    const input = device.tensor([values.length], values, type);
    const output = device.tensor([values.length], undefined, type);
    const dInput = device.tensor([values.length], undefined, type);
    device.run((program) => {
      geluForward(program, { input, output });
      geluBackward(program, {
        input,
        dOutput: device.tensor([d.length], d, type),
        dInput,
      });
    });
    assertClose(
      await device.read(output),
      geluReference(values),
      exact ? { atol: 1.5e-7, rtol: 1e-6 } : { atol: 1e-6, rtol: 6e-4 },
      "output",
    );
    const slope = geluDerivativeReference(values);
    assertClose(
      await device.read(dInput),
      d.map((value, i) => value * slope[i]!),
      exact ? { atol: 2e-6, rtol: 1e-6 } : { atol: 2e-6, rtol: 6e-4 },
      "dInput",
    );
  });
}

Deno.test("probeForm() opens the adapter in both forms and closes it when it has measured", async () => {
  const opened: KernelForm[] = [];
  let now = 0;
  // A clock by which the second form takes longer.
  const clock = { now: () => now += opened.length, wall: () => 0 };
  const form = await probeForm((form) => {
    opened.push(form);
    return Device.open({ form });
  }, clock);
  strictEqual(opened.join(), "register,tiled");
  ok(now > 0);
  strictEqual(form, "register");
});
