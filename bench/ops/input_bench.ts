import { bytesOf } from "../../src/gpu/mod.ts";
import { augment, ImageStore, patchify } from "../../src/ops/mod.ts";
import {
  augmentReference,
  patchifyReference,
} from "../../src/reference/mod.ts";
import { StepUniform } from "../../src/training/mod.ts";
import { agree, TOLERANCE, worstOf } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
  type PlannedCase,
  someOf,
} from "./op_case.ts";

const SEED = 5;
const STREAM = 1;
const PADDING = 4;

/** From stored bytes to patch rows. */
export const inputCases: OpFamily = function* (size) {
  const batch = size === "full" ? 128 : 3;
  const side = size === "full" ? 32 : 12;
  for (const strength of [0, 1]) {
    yield {
      label: `${viewOf(strength)} b${batch}x${side}x${side}`,
      make: (context) => augmentCase(context, { batch, side, strength }),
    };
  }
  yield plannedPatches({ batch, side, patch: 4 });
  if (size === "full") yield plannedPatches({ batch: 8, side: 224, patch: 16 });
};

function viewOf(strength: number): string {
  return strength > 0 ? "augment_strong" : "augment_weak";
}

interface Patches {
  batch: number;
  side: number;
  patch: number;
}

function plannedPatches(sizes: Patches): PlannedCase {
  return {
    label: `patchify ${patchesShape(sizes)}`,
    make: (context) => patchifyCase(context, sizes),
  };
}

function patchesShape({ batch, side, patch }: Patches): string {
  return `b${batch}x${side}x${side}p${patch}`;
}

function augmentCase(
  context: OpContext,
  { batch, side, strength }: { batch: number; side: number; strength: number },
): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const size = 3 * side * side;
  const pixels = Uint8Array.from(
    { length: batch * size },
    (_, i) => (i * 2654435761 >>> 7) & 255,
  );
  const store = ImageStore.create(device, {
    pixels,
    count: batch,
    channels: 3,
    height: side,
    width: side,
  });
  const numbers = Uint32Array.from({ length: batch }, (_, i) => i);
  const indices = operands.words(numbers);
  const positions = operands.words(numbers);
  const step = new StepUniform(device);
  operands.keep(step.tensor);
  step.write({
    seed: SEED,
    stream: STREAM,
    step: 0,
    learningRate: 0,
    correction1: 1,
    correction2: 1,
    emaDecay: 0,
  });
  const output = operands.floatResult([batch, 3, side, side]);
  return {
    name: viewOf(strength),
    shape: `b${batch}x${side}x${side}`,
    unit: "GB/s",
    work: batch * size * (1 + 4),
    ceiling: "copy",
    record(program) {
      augment(program, {
        store,
        indices,
        positions,
        step: step.tensor,
        output,
        padding: PADDING,
        flip: true,
        strength,
        salt: 1,
      });
    },
    async check() {
      const views = await device.read(output);
      return worstOf(
        someOf(batch, 8).map((image) =>
          agree(
            views.subarray(image * size, (image + 1) * size),
            augmentReference(
              {
                pixels: pixels.subarray(image * size, (image + 1) * size),
                channels: 3,
                height: side,
                width: side,
              },
              {
                seed: SEED,
                stream: STREAM,
                step: 0,
                salt: 1,
                position: image,
                padding: PADDING,
                flip: true,
                strength,
              },
            ),
            // Noise has steep edges: a place off by rounding is a colour off.
            strength > 0 ? 1e-3 : TOLERANCE.f32,
          )
        ),
      );
    },
    [Symbol.dispose]() {
      store[Symbol.dispose]();
      operands[Symbol.dispose]();
    },
  };
}

function patchifyCase(context: OpContext, sizes: Patches): OpCase {
  const { batch, side, patch } = sizes;
  const { device, precision } = context;
  const operands = new Operands(context);
  const images = operands.floats([batch, 3, side, side]);
  const numbers = [0.5, 2, 0.4, 3, 0.3, 4];
  const statistics = operands.floatResult([1, 3, 2]);
  device.write(statistics, Float32Array.from(numbers));
  const grid = Math.floor(side / patch);
  const output = operands.result([batch * grid * grid, 3 * patch * patch]);
  const count = batch * 3 * side * side;
  return {
    name: "patchify",
    shape: patchesShape(sizes),
    unit: "GB/s",
    work: 4 * count + bytesOf(count, precision),
    ceiling: "copy",
    record(program) {
      patchify(program, {
        images: images.tensor,
        statistics,
        output,
        patch,
      });
    },
    async check() {
      return agree(
        await device.read(output),
        patchifyReference(images.values, numbers, {
          batch,
          channels: 3,
          height: side,
          width: side,
          patch,
        }),
        TOLERANCE[precision],
      );
    },
    [Symbol.dispose]: () => operands[Symbol.dispose](),
  };
}
