import { deepStrictEqual, throws } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { cast, gradientNorm, updateLossScale } from "../../src/ops/mod.ts";
import { gaussian } from "../helpers/mod.ts";

Deno.test("cast() rounds to f16 as the host does, widens exactly and multiplies by a factor", async () => {
  using device = await Device.open();
  if (!device.hasF16) return;
  for (const length of [1, 7, 70_001]) {
    const values = gaussian(length, { seed: length });
    const input = device.tensor([length], values);
    const narrow = device.tensor([length], undefined, "f16");
    const wide = device.tensor([length]);
    const scaled = device.tensor([length]);
    const factor = device.tensor([1], new Float32Array([0.25]));
    device.run((program) => {
      cast(program, { input, output: narrow });
      cast(program, { input: narrow, output: wide });
      cast(program, { input, output: scaled, factor });
    });
    const rounded = Float32Array.from(Float16Array.from(values));
    deepStrictEqual(await device.read(narrow), rounded);
    deepStrictEqual(await device.read(wide), rounded);
    deepStrictEqual(await device.read(scaled), values.map((x) => x / 4));
  }
  throws(
    () =>
      device.run((program) =>
        cast(program, {
          input: device.tensor([2]),
          output: device.tensor([3], undefined, "f16"),
        })
      ),
    /input \[2\], output \[3\]/,
  );
});

Deno.test("updateLossScale() grows after good steps, backs off after bad ones and gives up at the least scale", async () => {
  using device = await Device.open();
  const state = device.tensor([4], new Float32Array([8, 0, 0, 0]));
  const norm = device.tensor([4]);
  const rule = {
    growthInterval: 3,
    growth: 2,
    backoff: 0.5,
    least: 2,
    largest: 16,
  };
  const step = async (gradient: number) => {
    const gradients = [device.tensor([1], new Float32Array([gradient]))];
    device.run((program) => {
      gradientNorm(program, { gradients, output: norm });
      updateLossScale(program, { state, norm, rule });
    });
    return [[...await device.read(norm)], [...await device.read(state)]];
  };
  deepStrictEqual(await step(16), [[2, 0, 1 / 8, 8], [8, 1, 0, 0]]);
  deepStrictEqual(await step(16), [[2, 0, 1 / 8, 8], [8, 2, 0, 0]]);
  deepStrictEqual(await step(16), [[2, 0, 1 / 8, 8], [16, 0, 0, 0]]);
  for (let i = 0; i < 3; i++) await step(16);
  deepStrictEqual(await step(16), [[1, 0, 1 / 16, 16], [16, 1, 0, 0]]);
  deepStrictEqual(await step(Infinity), [[0, 1, 1 / 16, 16], [8, 0, 1, 0]]);
  await step(NaN);
  deepStrictEqual(await step(NaN), [[0, 1, 1 / 4, 4], [2, 0, 3, 0]]);
  deepStrictEqual(await step(NaN), [[0, 2, 1 / 2, 2], [2, 0, 3, 0]]);
  deepStrictEqual((await step(2))[0], [2, 2, 1 / 2, 2]);
});
