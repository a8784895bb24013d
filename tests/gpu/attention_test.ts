import { throws } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { attentionBackward, attentionForward } from "../../src/ops/mod.ts";
import {
  attentionBackwardReference,
  attentionReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

// Batch, tokens, heads, head dimension.
const SHAPES = [
  [1, 5, 1, 3],
  [2, 21, 3, 11],
  [3, 17, 4, 16],
  [1, 65, 2, 33],
  [1, 65, 1, 64],
] as const;

for (const form of FORMS) {
  Deno.test(`attention matches the f64 reference in ${form} form`, async () => {
    using device = await Device.open({ form });
    for (const [batch, tokens, heads, headDim] of SHAPES) {
      const sizes = { batch, tokens, heads, headDim };
      const name = `${batch}x${tokens}x${heads}x${headDim}`;
      const dim = heads * headDim;
      const values = gaussian(batch * tokens * 3 * dim, { seed: 1, scale: 2 });
      const d = gaussian(batch * tokens * dim, { seed: 2 });
      const qkv = device.tensor([batch * tokens, 3 * dim], values);
      const dOutput = device.tensor([batch * tokens, dim], d);
      const output = device.tensor([batch * tokens, dim]);
      const logSumExp = device.tensor([batch, heads, tokens]);
      const dQkv = device.tensor([batch * tokens, 3 * dim]);
      device.run((program) => {
        const common = { qkv, output, logSumExp, batch, tokens, heads };
        attentionForward(program, common);
        attentionBackward(program, { ...common, dOutput, dQkv });
      });

      const expected = attentionReference(values, sizes);
      const close = { atol: 1e-5, rtol: 1e-5 };
      assertClose(
        await device.read(output),
        expected.output,
        close,
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
        { atol: 3e-5, rtol: 1e-5 },
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
