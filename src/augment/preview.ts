import type { Config } from "../config/mod.ts";
import { type Device, Program, type Tensor } from "../gpu/mod.ts";
import { ImageStore, type StoredImages } from "../ops/mod.ts";
import { Mixing } from "./mixing.ts";
import {
  augmentOf,
  mixes,
  PLAIN_VIEW,
  strongPolicy,
  type ViewPolicy,
  weakPolicy,
} from "./policy.ts";
import { Views } from "./views.ts";

/** Views of some images, one row of the sheet for each kind and step. */
export interface Preview {
  rows: { name: string; images: Uint8Array[] }[];
  /** Of every image, interleaved red, green and blue. */
  side: number;
}

/** Phases whose views may be shown. */
export type PreviewPhase = keyof Config["phases"];

/**
 * Makes the views that training would see of some images: as they are stored, then
 * for each step the phase's views, its mixed ones, or self-training's strong ones.
 */
export async function makePreview(
  device: Device,
  options: {
    config: Config;
    images: StoredImages;
    /** Images to show. */
    indices: readonly number[];
    phase: PreviewPhase;
    steps: number;
  },
): Promise<Preview> {
  const { config, images, indices, phase, steps } = options;
  const side = config.data.imageSize || images.height;
  const count = indices.length;
  const size = { height: side, width: side };
  const positions = indices.map((_, i) => i);
  const seed = config.seed;
  const stream = 0;
  using store = ImageStore.create(device, images);
  const chosen = device.tensor([count], Uint32Array.from(indices));
  const target = device.tensor([count, 3, side, side]);
  const rows: Preview["rows"] = [];

  const show = async (name: string, record: (program: Program) => Tensor) => {
    using program = new Program(device);
    program.copy(record(program), target);
    program.submit();
    const values = await device.read(target);
    rows.push({ name, images: positions.map((i) => toBytes(values, i, side)) });
  };
  const viewsOf = (policy: ViewPolicy, salt: number) =>
    new Views(device, {
      store,
      policy,
      indices: chosen,
      positions,
      size,
      seed,
      stream,
      salt,
    });

  using plain = viewsOf(PLAIN_VIEW, 0);
  await show("stored", (program) => plain.record(program));
  using weak = viewsOf(weakPolicy(config, phase), 1);
  using strong = viewsOf(strongPolicy(config), 3);
  for (let step = 0; step < steps; step++) {
    weak.write(step);
    await show(`view ${step + 1}`, (program) => weak.record(program));
  }
  const policy = augmentOf(config, phase);
  if (phase === "selfTrain") {
    for (let step = 0; step < steps; step++) {
      strong.write(step);
      await show(`strong ${step + 1}`, (program) => strong.record(program));
    }
  } else if (mixes(policy)) {
    using mixing = new Mixing(device, {
      policy,
      globalBatch: count,
      first: 0,
      size: count,
      image: size,
      seed,
      stream,
    });
    for (let step = 0; step < steps; step++) {
      weak.write(step);
      mixing.write(step, {
        indices: Uint32Array.from(indices),
        labels: new Uint32Array(count),
      });
      await show(
        `mixed ${step + 1}`,
        (program) => mixing.record(program, weak.record(program)),
      );
    }
  }
  for (const { buffer } of [chosen, target]) buffer.destroy();
  return { rows, side };
}

function toBytes(
  values: Float32Array,
  index: number,
  side: number,
): Uint8Array {
  const size = side * side;
  return Uint8Array.from({ length: 3 * size }, (_, i) => {
    const at = (3 * index + i % 3) * size + Math.floor(i / 3);
    return Math.round(255 * Math.min(Math.max(values[at]!, 0), 1));
  });
}
