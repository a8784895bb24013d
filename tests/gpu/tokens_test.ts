import { throws } from "node:assert";
import { Device, type KernelForm, view } from "../../src/gpu/mod.ts";
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
import { assertClose, gaussian } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const CASES = [
  { batch: 1, patches: 1, dim: 1, prefix: 1 },
  { batch: 3, patches: 4, dim: 33, prefix: 2 },
  { batch: 5, patches: 16, dim: 64, prefix: 1 },
  { batch: 2, patches: 9, dim: 130, prefix: 2 },
] as const;
const EXACT = { atol: 1e-6 };

for (const form of FORMS) {
  Deno.test(`assembleTokens() and its gradients match the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const { batch, patches, dim, prefix } of CASES) {
      const tokens = patches + prefix;
      const sizes = { batch, tokens, dim, prefix };
      const values = gaussian(batch * patches * dim, { seed: 1 });
      const prefixTokens = [2, 3].slice(0, prefix)
        .map((seed) => gaussian(dim, { seed }));
      const positions = gaussian(tokens * dim, { seed: 4 });
      const dTokens = gaussian(batch * tokens * dim, { seed: 5 });
      const [classToken, distillationToken] = prefixTokens
        .map((token) => device.tensor([1, 1, dim], token));
      const output = device.tensor([batch * tokens, dim]);
      const dPatches = device.tensor([batch * patches, dim]);
      // All in one buffer, as the gradients of a segment are.
      const row = Math.ceil(dim / 64) * 64;
      const gradients = device.tensor([2 * row + tokens * dim]);
      const dClassToken = view(gradients, [dim]);
      const dDistillationToken = view(gradients, [dim], row);
      const dPositions = view(gradients, [tokens * dim], 2 * row);
      device.run((program) => {
        assembleTokens(program, {
          patches: device.tensor([batch * patches, dim], values),
          classToken: classToken!,
          ...(distillationToken === undefined ? {} : { distillationToken }),
          positions: device.tensor([1, tokens, dim], positions),
          output,
        });
        assembleTokensBackward(program, {
          dTokens: device.tensor([batch * tokens, dim], dTokens),
          dPatches,
          dClassToken,
          ...(prefix === 1 ? {} : { dDistillationToken }),
          dPositions,
        });
      });
      assertClose(
        await device.read(output),
        assembleTokensReference(values, prefixTokens, positions, sizes),
        EXACT,
      );
      const expected = assembleTokensBackwardReference(dTokens, sizes);
      assertClose(await device.read(dPatches), expected.dPatches, EXACT);
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

  Deno.test(`poolTokens() and its gradient match the reference in the ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const { batch, patches, dim, prefix } of CASES) {
      const tokens = patches + prefix;
      const sizes = { batch, tokens, dim, prefix };
      const values = gaussian(batch * tokens * dim, { seed: 6 });
      const dPooled = gaussian(batch * dim, { seed: 7 });
      const second = gaussian(batch * dim, { seed: 8 });
      const extra = gaussian(batch * tokens * dim, { seed: 9 });
      const distillation = prefix - 1;
      for (
        const weights of [
          { class: 1, distillation: 0, patches: 0 },
          { class: 0.5, distillation: 0.25 * distillation, patches: 0.5 },
        ]
      ) {
        const other = { class: 0, distillation, patches: 2 };
        const input = device.tensor([batch * tokens, dim], values);
        const output = device.tensor([batch, dim]);
        const [one, two] = [0, 1].map(() =>
          device.tensor([batch * tokens, dim])
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
            extra: device.tensor([batch * tokens, dim], extra),
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
        assertClose(await device.read(one!), first, EXACT);
        assertClose(
          await device.read(two!),
          first.map((value, i) => value + rest[i]! + extra[i]!),
          EXACT,
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
