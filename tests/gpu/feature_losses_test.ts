import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  classAttention,
  classAttentionBackward,
  featureMse,
  scaleBy,
} from "../../src/ops/mod.ts";
import {
  classAttentionReference,
  featureMseReference,
} from "../../src/reference/mod.ts";
import {
  assertClose,
  checkLoss,
  gaussian,
  rowWeightsOf,
  stored,
} from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

for (const form of FORMS) {
  Deno.test(`losses of features and attention match the float64 reference in ${form} form`, async (t) => {
    using device = await Device.open({ form });

    await t.step("scaleBy() reads the factor when it runs", async () => {
      const input = device.tensor([70], gaussian(70, { seed: 8 }));
      const output = device.tensor([70]);
      const factor = device.tensor([1]);
      device.write(factor, new Float32Array([0.25]));
      device.run((program) => {
        scaleBy(program, { input, factor, output });
        scaleBy(program, { input, factor, output, accumulate: true });
      });
      const expected = (await device.read(input)).map((value) => value / 2);
      assertClose(await device.read(output), expected, { rtol: 1e-6 });
    });

    for (
      const [batch, tokens, heads, headDim, prefix, type] of [
        [2, 5, 3, 4, 1, "f32"],
        [1, 70, 2, 33, 2, "f32"],
        [2, 5, 3, 4, 2, "f16"],
        // Rows for more workgroups than fit in one dimension, and one past the last.
        [21_847, 2, 3, 1, 1, "f32"],
      ] as const
    ) {
      await t.step(
        `classAttention() [${batch}, ${tokens}, ${heads}, ${headDim}], ${type}`,
        async () => {
          const dim = heads * headDim;
          const length = batch * tokens * 3 * dim;
          const values = stored(gaussian(length, { seed: 9 }), type);
          const dValues = gaussian(batch * (tokens - prefix), { seed: 10 });
          const qkv = device.tensor([batch * tokens, 3 * dim], values, type);
          const dQkv = device.tensor(
            [batch * tokens, 3 * dim],
            new Float32Array(length).fill(1),
            type,
          );
          const map = device.tensor([batch, tokens - prefix]);
          const args = {
            qkv,
            map,
            weights: device.tensor([batch * heads, tokens]),
            batch,
            tokens,
            heads,
            prefix,
          };
          const dMap = device.tensor(map.shape, dValues);
          device.run((program) => {
            classAttention(program, args);
            classAttentionBackward(program, { ...args, dMap, dQkv });
          });
          const expected = classAttentionReference(values, dValues, {
            batch,
            tokens,
            heads,
            headDim,
            prefix,
          });
          assertClose(await device.read(map), expected.map, { atol: 1e-5 });
          assertClose(
            await device.read(dQkv),
            expected.gradient.map((value) => 1 + value),
            { atol: type === "f32" ? 3e-6 : 2e-3 },
          );
        },
      );
    }

    for (
      const [batch, m, ds, n, dt, type] of [
        [3, 6, 8, 5, 20, "f32"],
        [2, 17, 33, 17, 33, "f32"],
        [1, 1, 3, 7, 2, "f32"],
        [2, 5, 70, 9, 64, "f32"],
        [3, 6, 8, 5, 20, "f16"],
        [1, 1, 3, 7, 2, "f16"],
      ] as const
    ) {
      await t.step(
        `featureMse() [${m}, ${ds}] from [${n}, ${dt}], ${type}`,
        async () => {
          const s = stored(gaussian(batch * m * ds, { seed: 5 }), type);
          const u = stored(gaussian(batch * n * dt, { seed: 6 }), type);
          const w = rowWeightsOf(batch);
          const student = device.tensor([batch * m, ds], s, type);
          const teacher = device.tensor([batch * n, dt], u, type);
          const rowWeights = device.tensor([batch], w);
          await checkLoss(
            device,
            featureMseReference(s, u, w, {
              studentTokens: m,
              studentDim: ds,
              teacherTokens: n,
              teacherDim: dt,
            }),
            { scale: 2, type },
            ({ loss, gradient, accumulate }) =>
              device.run((program) =>
                featureMse(program, {
                  student,
                  teacher,
                  batch,
                  rowWeights,
                  scale: 2,
                  loss,
                  dStudent: gradient,
                  accumulate,
                })
              ),
          );
        },
      );
    }
  });
}
