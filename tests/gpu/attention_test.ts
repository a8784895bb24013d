import { throws } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { attentionBackward, attentionForward } from "../../src/ops/mod.ts";
import {
  attentionBackwardReference,
  attentionReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian, stored } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

// Batch, tokens, heads, head dimension, type.
const SHAPES = [
  [1, 1, 2, 3, "f32"],
  [2, 21, 3, 11, "f32"],
  [3, 17, 4, 16, "f32"],
  [1, 65, 2, 33, "f32"],
  [1, 65, 1, 64, "f32"],
  [1, 197, 1, 72, "f32"],
  [2, 17, 1, 128, "f32"],
  [1, 1025, 1, 16, "f32"],
  [2, 21, 3, 11, "f16"],
  [3, 197, 1, 16, "f16"],
  [1, 65, 1, 64, "f16"],
] as const;

for (const form of FORMS) {
  Deno.test(`attention matches the f64 reference in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const [batch, tokens, heads, headDim, type] of SHAPES) {
      const sizes = { batch, tokens, heads, headDim };
      const name = `${batch}x${tokens}x${heads}x${headDim} ${type}`;
      const dim = heads * headDim;
      const values = stored(
        gaussian(batch * tokens * 3 * dim, { seed: 1, scale: 2 }),
        type,
      );
      const d = stored(gaussian(batch * tokens * dim, { seed: 2 }), type);
      const qkv = device.tensor([batch * tokens, 3 * dim], values, type);
      const dOutput = device.tensor([batch * tokens, dim], d, type);
      const output = device.tensor(
        [batch * tokens, dim],
        undefined,
        type,
      );
      const logSumExp = device.tensor([batch, heads, tokens]);
      const dQkv = device.tensor(
        [batch * tokens, 3 * dim],
        undefined,
        type,
      );
      device.run((program) => {
        const common = { qkv, output, logSumExp, batch, tokens, heads };
        attentionForward(program, common);
        attentionBackward(program, { ...common, dOutput, dQkv });
      });

      const expected = attentionReference(values, sizes);
      const exact = type === "f32";
      // Gradients sum over the tokens and, in f16, read the rounded output.
      const sum = Math.max(1, Math.sqrt(tokens / 65));
      const close = { atol: 1e-5, rtol: 1e-5 };
      assertClose(
        await device.read(output),
        expected.output,
        exact ? close : { atol: 5e-4, rtol: 6e-4 },
        `${name} output`,
      );
      assertClose(
        await device.read(logSumExp),
        expected.logSumExp,
        close,
        `${name} logSumExp`,
      );
      assertClose(
        await device.read(dQkv),
        attentionBackwardReference(values, d, sizes),
        exact
          ? { atol: sum * 3e-5, rtol: 1e-5 }
          : { atol: sum * 4e-3, rtol: 2e-3 },
        `${name} dQkv`,
      );
    }
  });
}

Deno.test("attentionForward() refuses what it cannot compute when shapes or the head dimension are wrong", async () => {
  using device = await Device.open();
  const sizes = { batch: 1, tokens: 2, heads: 1 };
  const logSumExp = device.tensor([1, 1, 2]);
  throws(
    () =>
      device.run((program) =>
        attentionForward(program, {
          ...sizes,
          qkv: device.tensor([2, 8]),
          output: device.tensor([2, 3]),
          logSumExp,
        })
      ),
    /attentionForward: shapes do not fit: qkv \[2,8\]/,
  );
  throws(
    () =>
      device.run((program) =>
        attentionForward(program, {
          ...sizes,
          qkv: device.tensor([2, 3 * 129]),
          output: device.tensor([2, 129]),
          logSumExp,
        })
      ),
    /the head dimension is 129, at most 128/,
  );
});
