import { bytesOf } from "../../src/gpu/mod.ts";
import {
  augment,
  ImageStore,
  packPlan,
  patchify,
  planStride,
  type ViewPlan,
} from "../../src/ops/mod.ts";
import {
  augmentReference,
  patchifyReference,
} from "../../src/reference/mod.ts";
import { agree, TOLERANCE, worstOf } from "../common/check.ts";
import {
  type OpCase,
  type OpContext,
  Operands,
  type OpFamily,
  type PlannedCase,
  someOf,
} from "./op_case.ts";

const VIEWS = ["augment_weak", "augment_strong"] as const;
type View = typeof VIEWS[number];

/** From stored bytes to patch rows. */
export const inputCases: OpFamily = function* (size) {
  const batch = size === "full" ? 128 : 3;
  const side = size === "full" ? 32 : 12;
  for (const view of VIEWS) {
    yield {
      label: `${view} b${batch}x${side}x${side}`,
      make: (context) => augmentCase(context, { batch, side, view }),
    };
  }
  yield plannedPatches({ batch, side, patch: 4 });
  if (size === "full") yield plannedPatches({ batch: 8, side: 224, patch: 16 });
};

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

/** Shifted and mirrored; the strong view also turned, recoloured and covered in part. */
function planOf(view: View, side: number, row: number): ViewPlan {
  const angle = 0.3 * Math.cos(row);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const centre = (side - 1) / 2;
  const strong = view === "augment_strong";
  return {
    crop: { left: 0, top: 0, right: side, bottom: side },
    shiftX: row % 9 - 4,
    shiftY: row % 7 - 3,
    mirrored: row % 2 === 1,
    changes: !strong ? [] : [{
      kind: "move",
      affine: {
        xx: cos,
        xy: -sin,
        yx: sin,
        yy: cos,
        x0: centre - cos * centre + sin * centre,
        y0: centre - sin * centre - cos * centre,
      },
      colour: {
        brightness: 1.1,
        contrast: 0.9,
        saturation: 1.2,
        hue: 0,
        pivot: [0.299, 0.587, 0.114],
      },
      fill: [0.5, 0.5, 0.5],
    }, { kind: "autoContrast" }],
    covers: !strong ? [] : [{
      box: { left: 1, top: 1, right: side / 4, bottom: side / 4 },
      fill: 0.5,
    }],
    noiseKey: 0,
  };
}

function augmentCase(
  context: OpContext,
  { batch, side, view }: { batch: number; side: number; view: View },
): OpCase {
  const { device } = context;
  const operands = new Operands(context);
  const size = 3 * side * side;
  const pixels = Uint8Array.from(
    { length: batch * size },
    (_, i) => (Math.imul(i, 2654435761) >>> 7) & 255,
  );
  const images = {
    pixels,
    count: batch,
    channels: 3,
    height: side,
    width: side,
  };
  const store = ImageStore.create(device, images);
  const indices = operands.words(
    Uint32Array.from({ length: batch }, (_, i) => i),
  );
  const plans = Array.from(
    { length: batch },
    (_, row) => planOf(view, side, row),
  );
  const changes = plans[0]!.changes.length;
  const stride = planStride(changes);
  const words = new Uint32Array(batch * stride);
  plans.forEach((plan, row) => packPlan(plan, words, row * stride));
  const plan = operands.words(words);
  const output = operands.floatResult([batch, 3, side, side]);
  return {
    name: view,
    shape: `b${batch}x${side}x${side}`,
    unit: "GB/s",
    // Bytes in, floats out; what a strong view keeps between its passes does not count.
    work: batch * size * (1 + 4),
    ceiling: "copy",
    record(program) {
      augment(program, {
        store,
        indices,
        plan,
        output,
        changes,
        resize: false,
        reflect: false,
        covers: changes > 0,
        noise: false,
        hue: false,
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
                ...images,
                pixels: pixels.subarray(image * size, (image + 1) * size),
              },
              plans[image]!,
              { height: side, width: side, reflect: false },
            ),
            // Between two changes colours are bytes: one may be rounded otherwise.
            changes > 0 ? 3 / 255 : TOLERANCE.f32,
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
