import { deepStrictEqual, throws } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import {
  argmaxRows,
  combineLogits,
  consistencyMse,
  crossEntropy,
  distillKl,
  entropy,
  softCrossEntropy,
  softmaxBackward,
  softmaxForward,
  softmaxLinear,
} from "../../src/ops/mod.ts";
import {
  combineLogitsReference,
  consistencyMseReference,
  crossEntropyReference,
  distillKlReference,
  entropyReference,
  softCrossEntropyReference,
  softmaxBackwardReference,
  softmaxLinearReference,
  softmaxReference,
} from "../../src/reference/mod.ts";
import {
  assertClose,
  checkLoss,
  gaussian,
  rowWeightsOf,
  uniform,
} from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];
const SHAPES = [[1, 1], [5, 10], [9, 67], [3, 1000]] as const;

for (const form of FORMS) {
  Deno.test(`softmax, losses and argmax match the float64 reference in ${form} form`, async (t) => {
    using device = await Device.open({ form });
    for (const [rows, cols] of SHAPES) {
      const z = gaussian(rows * cols, { seed: 1, scale: 4 });
      const other = gaussian(rows * cols, { seed: 2, scale: 4 });
      const w = rowWeightsOf(rows);
      const shape = [rows, cols];
      const logits = device.tensor(shape, z);
      const teacher = device.tensor(shape, other);
      const rowWeights = device.tensor([rows], w);
      const next = uniform(3);
      const label = Uint32Array.from(
        { length: rows },
        (_, r) => r === 2 ? cols : Math.floor(next() * cols),
      );
      const labels = device.tensor([rows], label);

      await t.step(`softmax() [${shape}]`, async () => {
        const output = device.tensor(shape);
        const dInput = device.tensor(shape);
        device.run((program) => {
          softmaxForward(program, { input: logits, output });
          softmaxBackward(program, { output, dOutput: teacher, dInput });
        });
        const expected = softmaxReference(z, cols);
        assertClose(await device.read(output), expected, { atol: 1e-6 });
        assertClose(
          await device.read(dInput),
          softmaxBackwardReference(expected, other, cols),
          { atol: 3e-6 },
        );
      });

      await t.step(`crossEntropy() [${shape}]`, async () => {
        for (const smoothing of [0, 0.1]) {
          const correct = device.tensor([rows]);
          await checkLoss(
            device,
            crossEntropyReference(z, label, w, { cols, smoothing }),
            { scale: 0.25 },
            ({ loss, gradient, accumulate }) =>
              device.run((program) =>
                crossEntropy(program, {
                  logits,
                  labels,
                  rowWeights,
                  smoothing,
                  scale: 0.25,
                  loss,
                  correct,
                  dLogits: gradient,
                  accumulate,
                })
              ),
          );
          deepStrictEqual(
            [...await device.read(correct)],
            [...label].map((y, r) =>
              w[r] !== 0 && y === argmax(z, r, cols) ? 1 : 0
            ),
          );
        }
      });

      await t.step(`softCrossEntropy() [${shape}]`, async () => {
        const p = Float32Array.from(softmaxReference(other, cols));
        const targets = device.tensor(shape, p);
        await checkLoss(
          device,
          softCrossEntropyReference(z, p, w, cols),
          { scale: 3 },
          ({ loss, gradient, accumulate }) =>
            device.run((program) =>
              softCrossEntropy(program, {
                logits,
                targets,
                rowWeights,
                scale: 3,
                loss,
                dLogits: gradient,
                accumulate,
              })
            ),
        );
      });

      await t.step(`distillKl() [${shape}]`, async () => {
        await checkLoss(
          device,
          distillKlReference(z, other, w, { cols, temperature: 3 }),
          { scale: 0.5 },
          ({ loss, gradient, accumulate }) =>
            device.run((program) =>
              distillKl(program, {
                student: logits,
                teacher,
                rowWeights,
                temperature: 3,
                scale: 0.5,
                loss,
                dStudent: gradient,
                accumulate,
              })
            ),
        );
      });

      await t.step(`consistencyMse() [${shape}]`, async () => {
        await checkLoss(
          device,
          consistencyMseReference(z, other, w, cols),
          { scale: 1 },
          ({ loss, gradient, accumulate }) =>
            device.run((program) =>
              consistencyMse(program, {
                student: logits,
                teacher,
                rowWeights,
                scale: 1,
                loss,
                dStudent: gradient,
                accumulate,
              })
            ),
        );
      });

      await t.step(`entropy() [${shape}]`, async () => {
        await checkLoss(
          device,
          entropyReference(z, w, cols),
          { scale: 1 },
          ({ loss, gradient, accumulate }) =>
            device.run((program) =>
              entropy(program, {
                logits,
                rowWeights,
                scale: 1,
                loss,
                dLogits: gradient,
                accumulate,
              })
            ),
        );
      });

      await t.step(`combineLogits() [${shape}]`, async () => {
        const third = gaussian(rows * cols, { seed: 7, scale: 4 });
        third.set(z.subarray(0, cols));
        for (const kind of ["mean", "vote"] as const) {
          const output = device.tensor(shape);
          device.run((program) =>
            combineLogits(program, {
              models: [logits, teacher, device.tensor(shape, third)],
              kind,
              output,
            })
          );
          assertClose(
            await device.read(output),
            combineLogitsReference([z, other, third], { cols, kind }),
            { atol: 1e-5 },
          );
        }
      });

      await t.step(`softmaxLinear() [${shape}]`, async () => {
        const f = gaussian(cols, { seed: 4 });
        const factors = device.tensor([cols], f);
        await checkLoss(
          device,
          softmaxLinearReference(z, f, w),
          { scale: 2 },
          ({ loss, gradient, accumulate }) =>
            device.run((program) =>
              softmaxLinear(program, {
                logits,
                factors,
                rowWeights,
                scale: 2,
                loss,
                dLogits: gradient,
                accumulate,
              })
            ),
        );
      });

      await t.step(`argmaxRows() [${shape}]`, async () => {
        const chosen = device.tensor([rows], undefined, "u32");
        const confidence = device.tensor([rows]);
        device.run((program) =>
          argmaxRows(program, { logits, labels: chosen, confidence })
        );
        const p = softmaxReference(z, cols);
        const expected = Array.from(
          { length: rows },
          (_, r) => argmax(z, r, cols),
        );
        deepStrictEqual([...await device.readU32(chosen)], expected);
        assertClose(
          await device.read(confidence),
          expected.map((c, r) => p[r * cols + c]!),
          { atol: 1e-6 },
        );
      });
    }

    await t.step(
      "losses give zeros when a masked row is not finite",
      async () => {
        const logits = device.tensor([2, 3], new Float32Array(6).fill(NaN));
        const rowWeights = device.tensor([2]);
        const labels = device.tensor([2], new Uint32Array(2));
        const loss = device.tensor([2], new Float32Array([7, 7]));
        const dLogits = device.tensor([2, 3], new Float32Array(6).fill(7));
        device.run((program) =>
          crossEntropy(program, {
            logits,
            labels,
            rowWeights,
            smoothing: 0.1,
            scale: 1,
            loss,
            dLogits,
          })
        );
        deepStrictEqual([...await device.read(loss)], [0, 0]);
        deepStrictEqual([...await device.read(dLogits)], [0, 0, 0, 0, 0, 0]);
      },
    );

    await t.step(
      "crossEntropy() counts no hit in rows that are not finite",
      async () => {
        const correct = device.tensor([3]);
        device.run((program) =>
          crossEntropy(program, {
            logits: device.tensor(
              [3, 2],
              Float32Array.of(NaN, 0, 0, NaN, 2, 1),
            ),
            labels: device.tensor([3], new Uint32Array(3)),
            rowWeights: device.tensor([3], new Float32Array(3).fill(1)),
            smoothing: 0,
            scale: 1,
            loss: device.tensor([3]),
            correct,
          })
        );
        deepStrictEqual([...await device.read(correct)], [0, 0, 1]);
      },
    );

    await t.step("argmaxRows() takes the smaller class on a tie", async () => {
      const logits = device.tensor(
        [2, 4],
        new Float32Array([0, 5, 5, 1, 2, 2, 2, 2]),
      );
      const labels = device.tensor([2], undefined, "u32");
      device.run((program) => argmaxRows(program, { logits, labels }));
      deepStrictEqual([...await device.readU32(labels)], [1, 0]);
    });
  });
}

Deno.test("crossEntropy() names all shapes when they do not fit", async () => {
  using device = await Device.open();
  const [logits, labels, rowWeights, loss] = [
    device.tensor([4, 3]),
    device.tensor([3], undefined, "u32"),
    device.tensor([4]),
    device.tensor([4]),
  ];
  throws(
    () =>
      device.run((program) =>
        crossEntropy(program, {
          logits,
          labels,
          rowWeights,
          smoothing: 0,
          scale: 1,
          loss,
        })
      ),
    /shapes do not fit: logits \[4,3\], labels \[3\]/,
  );
});

function argmax(z: ArrayLike<number>, row: number, cols: number): number {
  let best = 0;
  for (let c = 1; c < cols; c++) {
    if (z[row * cols + c]! > z[row * cols + best]!) best = c;
  }
  return best;
}
