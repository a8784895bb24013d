import { realEnv } from "../../src/env/mod.ts";
import {
  gridOf,
  initialValues,
  type NamedValues,
  vitSegments,
} from "../../src/model/mod.ts";
import { philox, uniform01 } from "../../src/random.ts";
import { patchifyReference } from "../../src/reference/mod.ts";
import { float32Tensor, writeSafetensors } from "../../src/run/mod.ts";
import type { Problem } from "../peers/problem_file.ts";
import type { StepModel } from "./models.ts";

const SEED = 7;

/** Everything that two implementations must share to do the same work. */
export interface StepProblem {
  readonly weights: NamedValues;
  readonly classes: number;
  readonly precision: "f32" | "f16";
  readonly images: {
    readonly pixels: Uint8Array<ArrayBuffer>;
    readonly size: number;
  };
  readonly labels: Int32Array<ArrayBuffer>;
  readonly optimizer: Problem["optimizer"];
}

/** Weights, one batch and optimizer settings, all from one seed. */
export function stepProblem(
  { config, batch }: StepModel,
  precision: "f32" | "f16",
): StepProblem {
  const weights = initialValues(vitSegments(config), SEED);
  // Heads begin at 0: every model would then have the loss log(classes).
  for (const name of ["head.weight", "head_dist.weight"]) {
    const head = weights.get(name)?.data;
    head?.set(head.map((_, i) => 0.2 * (random(i, 1) - 0.5)));
  }
  const pixels = Uint8Array.from(
    { length: batch * 3 * config.image ** 2 },
    (_, i) => Math.floor(256 * random(i, 2)),
  );
  return {
    weights,
    classes: config.classes,
    precision,
    images: { pixels, size: config.image },
    labels: Int32Array.from(
      { length: batch },
      (_, i) => Math.floor(config.classes * random(i, 3)),
    ),
    optimizer: {
      learningRate: 1e-3,
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      weightDecay: 0.05,
    },
  };
}

/** Writes the problem for other processes: `PATH.json` and `PATH.safetensors`. */
export async function writeProblem(
  path: string,
  { config, batch }: StepModel,
  { weights, images, labels, optimizer }: StepProblem,
): Promise<void> {
  const { image, patch, dim, depth, heads, classes, epsilon } = config;
  const grid = gridOf(config);
  const patches = patchifyReference(
    Float32Array.from(images.pixels, (value) => value / 255),
    // As `normalise: half`: (x - 0.5) / 0.5.
    [0.5, 2, 0.5, 2, 0.5, 2],
    { batch, channels: 3, height: image, width: image, patch },
  );
  const oneHot = new Float32Array(batch * classes);
  labels.forEach((label, i) => oneHot[i * classes + label] = 1);
  const tensors = new Map(
    [...weights].map(([name, { shape, data }]) =>
      [name, float32Tensor(shape, data)] as const
    ),
  );
  tensors.set(
    "input.patches",
    float32Tensor(
      [batch, grid * grid, 3 * patch * patch],
      Float32Array.from(patches),
    ),
  );
  tensors.set("input.labels", float32Tensor([batch, classes], oneHot));
  const decays = vitSegments(config).flatMap(({ parameters }) =>
    parameters.filter((parameter) => parameter.decays)
  ).map(({ name }) => name);
  const problem: Problem = {
    model: { image, patch, dim, depth, heads, classes, epsilon },
    batch,
    optimizer,
    decays,
  };
  await realEnv.disk.write(`${path}.json`, JSON.stringify(problem));
  await realEnv.disk.write(`${path}.safetensors`, writeSafetensors(tensors));
}

function random(index: number, stream: number): number {
  return uniform01(philox([SEED, 0xbe7c4], [index, stream, 0, 0])[0]);
}
