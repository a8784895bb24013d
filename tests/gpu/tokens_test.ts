import { throws } from "node:assert";
import {
  Device,
  type KernelForm,
  type RealType,
  view,
} from "../../src/gpu/mod.ts";
import {
  assembleTokens,
  assembleTokensBackward,
  poolTokens,
  poolTokensBackward,
} from "../../src/ops/mod.ts";
import {
  assembleTokensBackwardReference,
  assembleTokensReference,
  poolTokensBackwardReference,
  poolTokensReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const TYPES: readonly RealType[] = ["f32", "f16"];
const CASES = [
  { batch: 1, patches: 1, dim: 1, prefix: 1 },
  { batch: 3, patches: 4, dim: 33, prefix: 2 },
  { batch: 5, patches: 16, dim: 64, prefix: 1 },
  { batch: 2, patches: 9, dim: 130, prefix: 2 },
] as const;
const EXACT = { atol: 1e-6 };

for (
  const [form, type] of FORMS.flatMap((form) =>
    TYPES.map((type) => [form, type] as const)
  )
) {
  const close = type === "f32" ? EXACT : { atol: 5e-4, rtol: 6e-4 };
  Deno.test(`assembleTokens() and its gradients match the reference in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    for (const { batch, patches, dim, prefix } of CASES) {
      const tokens = patches + prefix;
      const sizes = { batch, tokens, dim, prefix };
      const values = stored(gaussian(batch * patches * dim, { seed: 1 }), type);
      const prefixTokens = [2, 3].slice(0, prefix)
        .map((seed) => gaussian(dim, { seed }));
      const positions = gaussian(tokens * dim, { seed: 4 });
      const dTokens = stored(gaussian(batch * tokens * dim, { seed: 5 }), type);
      const [classToken, distillationToken] = prefixTokens
        .map((token) => device.tensor([1, 1, dim], token));
      const output = device.tensor([batch * tokens, dim], undefined, type);
      const dPatches = device.tensor([batch * patches, dim], undefined, type);
      // All in one buffer, as the gradients of a segment are.
      const row = Math.ceil(dim / 64) * 64;
      const gradients = device.tensor([2 * row + tokens * dim]);
      const dClassToken = view(gradients, [dim]);
      const dDistillationToken = view(gradients, [dim], row);
      const dPositions = view(gradients, [tokens * dim], 2 * row);
      device.run((program) => {
        assembleTokens(program, {
          patches: device.tensor([batch * patches, dim], values, type),
          classToken: classToken!,
          ...(distillationToken === undefined ? {} : { distillationToken }),
          positions: device.tensor([1, tokens, dim], positions),
          output,
        });
        assembleTokensBackward(program, {
          dTokens: device.tensor([batch * tokens, dim], dTokens, type),
          dPatches,
          dClassToken,
          ...(prefix === 1 ? {} : { dDistillationToken }),
          dPositions,
        });
      });
      assertClose(
        await device.read(output),
        assembleTokensReference(values, prefixTokens, positions, sizes),
        close,
      );
      const expected = assembleTokensBackwardReference(dTokens, sizes);
      assertClose(await device.read(dPatches), expected.dPatches, close);
      assertClose(await device.read(dPositions), expected.dPositions, EXACT);
      assertClose(
        await device.read(dClassToken),
        expected.dPrefix[0]!,
        EXACT,
      );
      assertClose(
        await device.read(dDistillationToken),
        expected.dPrefix[1] ?? new Float64Array(dim),
        EXACT,
      );
    }
  });

  Deno.test(`poolTokens() and its gradient match the reference in the ${form} form, ${type}`, async () => {
    using device = await Device.open({ form });
    for (const { batch, patches, dim, prefix } of CASES) {
      const tokens = patches + prefix;
      const sizes = { batch, tokens, dim, prefix };
      const values = stored(gaussian(batch * tokens * dim, { seed: 6 }), type);
      const dPooled = gaussian(batch * dim, { seed: 7 });
      const second = gaussian(batch * dim, { seed: 8 });
      const extra = stored(gaussian(batch * tokens * dim, { seed: 9 }), type);
      const distillation = prefix - 1;
      for (
        const weights of [
          { class: 1, distillation: 0, patches: 0 },
          { class: 0.5, distillation: 0.25 * distillation, patches: 0.5 },
        ]
      ) {
        const other = { class: 0, distillation, patches: 2 };
        const input = device.tensor([batch * tokens, dim], values, type);
        const output = device.tensor([batch, dim]);
        const [one, two] = [0, 1].map(() =>
          device.tensor([batch * tokens, dim], undefined, type)
        );
        const gradient = {
          dPooled: device.tensor([batch, dim], dPooled),
          weights,
        };
        device.run((program) => {
          poolTokens(program, {
            tokens: input,
            batch,
            prefix,
            weights,
            output,
          });
          poolTokensBackward(program, {
            gradients: [gradient],
            batch,
            prefix,
            dTokens: one!,
          });
          poolTokensBackward(program, {
            gradients: [gradient, {
              dPooled: device.tensor([batch, dim], second),
              weights: other,
            }],
            extra: device.tensor([batch * tokens, dim], extra, type),
            batch,
            prefix,
            dTokens: two!,
          });
        });
        assertClose(
          await device.read(output),
          poolTokensReference(values, weights, sizes),
          EXACT,
        );
        const first = poolTokensBackwardReference(dPooled, weights, sizes);
        const rest = poolTokensBackwardReference(second, other, sizes);
        assertClose(await device.read(one!), first, close);
        assertClose(
          await device.read(two!),
          first.map((value, i) => value + rest[i]! + extra[i]!),
          close,
        );
      }
    }
  });
}

Deno.test("poolTokens() leaves tokens of weight 0 unread", async () => {
  using device = await Device.open();
  const tokens = device.tensor(
    [3, 2],
    new Float32Array([1, 2, NaN, NaN, NaN, NaN]),
  );
  const output = device.tensor([1, 2]);
  device.run((program) =>
    poolTokens(program, {
      tokens,
      batch: 1,
      prefix: 2,
      weights: { class: 1, distillation: 0, patches: 0 },
      output,
    })
  );
  assertClose(await device.read(output), [1, 2], {});
});

Deno.test("poolTokens() refuses a weight for a token that is not there", async () => {
  using device = await Device.open();
  const tokens = device.tensor([4, 2]);
  throws(
    () =>
      device.run((program) =>
        poolTokens(program, {
          tokens,
          batch: 2,
          prefix: 1,
          weights: { class: 1, distillation: 1, patches: 0 },
          output: device.tensor([2, 2]),
        })
      ),
    /weight 1 for a distillation token that is not there/,
  );
});
